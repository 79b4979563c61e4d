#pragma once

// Which pixels of the input an element of a value sees, as Araujo, Norris and Sim 2019, "Computing
// receptive fields of convolutional neural networks" (distill.pub), derive it: the field of the
// first output, and how far the fields of two neighbours lie apart.

#include <voluta/core/graph/graph.h>

namespace voluta {

// Along one axis, in pixels of the input; below 0 and beyond its extent lies padding.
struct FieldAxis {
  double first = 0, last = 0;  // of the first output
  double step = 1;             // from one output to the next

  int64_t size() const;
};

struct ReceptiveField {
  FieldAxis rows, columns;

  int64_t size() const;  // of the longer side
};

// What both see: where two branches meet.
ReceptiveField united(const ReceptiveField& a, const ReceptiveField& b);

// The field of the node's outputs, where its picture (the first input) has the field `in`.
// Convolutions and pooling slide a window; flatten and whatever leads to fewer positions without a
// window (adaptive pooling) sees a share of the picture, up to all of it; other ops see a pixel.
ReceptiveField field_after(const Node& node, const ReceptiveField& in);

}  // namespace voluta
