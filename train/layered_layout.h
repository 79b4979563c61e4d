#pragma once

// Places for the boxes of a directed acyclic graph, in layers from top to bottom, and paths for its
// edges. Source: Sugiyama, Tagawa, Toda 1981, "Methods for visual understanding of hierarchical
// system structures": layers by the longest path, points on edges that cross layers, an order within
// each layer by the mean place of the neighbours; then columns by isotonic regression, which moves
// boxes as little as their order and distance allow.

#include <voluta/train/point.h>

#include <vector>

namespace voluta {

struct LayoutBox {
  double width = 0, height = 0;
  std::vector<int> inputs;  // boxes before this one in the list
};

struct LayoutEdge {
  int from = 0, to = 0;
  std::vector<Point> points;  // from the bottom of one box to the top of the other
};

struct Layout {
  double width = 0, height = 0;
  std::vector<Point> centers;  // of the boxes
  std::vector<LayoutEdge> edges;
};

// Boxes of a layer stand `gap` apart, layers `gap` below each other.
Layout layered_layout(const std::vector<LayoutBox>& boxes, double gap);

}  // namespace voluta
