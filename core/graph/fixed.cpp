#include <voluta/core/graph/fixed.h>
#include <voluta/core/graph/reads.h>

#include <algorithm>
#include <iterator>

namespace voluta {
namespace {

// By value: whether a node writes over its memory.
std::vector<bool> updated_values(const Graph& graph) {
  std::vector<bool> updated(graph.values().size(), false);
  for (const Node& node : graph.nodes()) {
    for (int i : updated_inputs(node)) {
      updated[node.inputs[static_cast<std::size_t>(i)].index()] = true;
    }
  }
  return updated;
}

// By node. Nothing that is updated stays the same; a node whose output is updated writes it anew in
// each run.
std::vector<bool> fixed_nodes(const Graph& graph) {
  const std::vector<bool> updated = updated_values(graph);
  std::vector<bool> stays(graph.values().size(), false);  // the same in every run
  for (std::size_t i = 0; i < stays.size(); ++i) {
    const ValueKind kind = graph.values()[i].kind;
    stays[i] = !updated[i] && (kind == ValueKind::kConstant || kind == ValueKind::kState);
  }
  std::vector<bool> fixed;
  for (const Node& node : graph.nodes()) {
    fixed.push_back(
        std::ranges::all_of(node.inputs, [&](Value v) { return stays[v.index()]; }) &&
        std::ranges::none_of(node.outputs, [&](Value v) { return updated[v.index()]; }));
    for (Value output : node.outputs) stays[output.index()] = fixed.back();
  }
  return fixed;
}

}  // namespace

std::size_t move_fixed_to_front(Graph& graph) {
  const std::vector<bool> fixed = fixed_nodes(graph);
  std::vector<Node> nodes, others;
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    (fixed[i] ? nodes : others).push_back(graph.nodes()[i]);
  }
  const std::size_t count = nodes.size();
  std::ranges::move(others, std::back_inserter(nodes));
  graph.set_nodes(std::move(nodes));
  return count;
}

}  // namespace voluta
