#pragma once

// What `voluta compare` is asked to compare, as problem lines.

#include <voluta/judge/problem.h>

#include <optional>

namespace voluta::judge {

// A problem line and how often the work has it.
struct WorkItem {
  std::string line;
  int64_t count = 1;
};

// An item is one of
//   conv2d                 an op: its problem lists, without their slow parts
//   resnet50.n32           a batch: named_batch(); resnet50 alone with a batch given
//   "conv2d n1h5w5 ..."    a problem line
// `batch` replaces n everywhere. Throws invalid() for anything else.
std::vector<WorkItem> work_items(const std::vector<std::string>& items,
                                 std::optional<int64_t> batch);

// Every unique convolution, pooling, batch norm and linear problem of a model's training step at
// this batch, forward and gradients, with its count: read off the graph after its passes, input gradients
// without what these fuse into them. Throws invalid() for an unknown model.
std::vector<WorkItem> named_batch(std::string_view model, int64_t batch);

// "forward", "input_gradient", "filter_gradient" (of linear too), "gradient".
std::string_view direction_of(std::string_view op);

}  // namespace voluta::judge
