#pragma once

// A model's graph as a drawing: a box a layer, from the images to the logits.

#include <voluta/train/step.h>

#include <string>
#include <vector>

namespace voluta {

// A layer with what is applied to its output alone: batch norm, activation, dropout.
struct DrawnLayer {
  std::string path;         // "layer1.0.conv1"; "images" of the first
  std::string kind;         // op of the layer's first node
  std::string what;         // "conv 3 x 3 / 2, batch norm, relu"
  Shape output;             // without the batch
  std::vector<int> inputs;  // layers before this one in the list
};

// Of a graph of inference; layers that the logits do not depend on are left out.
std::vector<DrawnLayer> drawn_layers(const StepGraph& step);

// For graphviz.
std::string as_dot(const std::vector<DrawnLayer>& layers, const std::string& title);

// A page of its own.
std::string as_svg(const std::vector<DrawnLayer>& layers, const std::string& title);

}  // namespace voluta
