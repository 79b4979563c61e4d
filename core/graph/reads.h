#pragma once

// Who reads a value and who updates it: what the passes share. Internal to core/graph.

#include <voluta/core/graph/passes.h>

#include <algorithm>

namespace voluta {

inline bool reads(const Node& node, Value value) {
  return std::ranges::find(node.inputs, value) != node.inputs.end();
}

inline bool updates(const Node& node, Value value) {
  return std::ranges::any_of(updated_inputs(node), [&](int i) {
    return node.inputs[static_cast<std::size_t>(i)] == value;
  });
}

// How often each value is read; being wanted counts as a read.
inline std::vector<int> count_reads(const Graph& graph, std::span<const Value> wanted) {
  std::vector<int> reads(graph.values().size(), 0);
  for (Value value : wanted) ++reads[value.index()];
  for (const Node& node : graph.nodes()) {
    for (Value input : node.inputs) ++reads[input.index()];
  }
  return reads;
}

// Whether a plan has an engine for both, and the same.
inline bool keeps_engine(const EngineOf& engine_of, const Problem& before, const Problem& after) {
  const Engine* engine = engine_of(after);
  return engine != nullptr && engine == engine_of(before);
}

}  // namespace voluta
