#pragma once

// A maximum or minimum pooling whose gradient is in the graph, as the gradients of what stands in front of it
// see it. Internal to kernels/.

#include <voluta/core/graph/graph.h>
#include <voluta/kernels/pool2d/pool2d.h>

#include <optional>

namespace voluta {

struct MaxPooling {
  Value x, y, dy, argmax;  // of the pooling; dy is what came to it
  Pool2dGradientOptions options;

  // Of the MaxPool2dGradient that computes `dx`; nothing where that is another op.
  static std::optional<MaxPooling> behind(const Graph& graph, Value dx);
};

}  // namespace voluta
