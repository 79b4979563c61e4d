#pragma once

// Runs graphs of toy ops on scalars.

#include "toy_ops.h"

#include <voluta/core/graph/executor.h>

#include <map>
#include <string>

namespace voluta::toy {

inline const TensorType kScalar{DType::f32, {}};

inline float run_scalar(Graph graph, Value wanted, std::map<std::string, float> fed = {}) {
  Session session(Device{});
  Executor executor(Plan(graph, {wanted}, {}), session);
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueInfo& info = graph.values()[i];
    if (info.kind == ValueKind::kInput) {
      executor.feed(graph.value(i), scalar(fed.at(info.name)));
    }
  }
  executor.run();
  return executor.read(wanted).item<float>();
}

}  // namespace voluta::toy
