#include <fmt/format.h>
#include <voluta/core/graph/passes.h>
#include <voluta/core/graph/reads.h>

namespace voluta {
namespace {

// Whether a node reads states alone, and updates none.
bool reads_states(const Graph& graph, const Node& node) {
  return updated_inputs(node).empty() && std::ranges::all_of(node.inputs, [&](Value input) {
           return graph.info(input).kind == ValueKind::kState;
         });
}

bool is_updated(std::span<const Node> nodes, std::span<const Value> states) {
  return std::ranges::any_of(nodes, [&](const Node& node) {
    return std::ranges::any_of(states, [&](Value state) { return updates(node, state); });
  });
}

// Nodes that run as one, by index; the first is where they do.
using Group = std::vector<std::size_t>;

// The group that a node joins; nullptr where there is none.
Group* group_of(std::vector<Group>& groups, const std::vector<Node>& nodes, const Node& node) {
  for (Group& group : groups) {
    const Problem& first = nodes[group[0]].problem;
    if (first.op == node.problem.op && first.op->join(first, node.problem)) return &group;
  }
  return nullptr;
}

// Of the nodes whose states the graph updates: behind all who read them, as every plan demands.
std::vector<Group> groups_of(const Graph& graph) {
  const std::vector<Node>& nodes = graph.nodes();
  std::vector<Group> groups;
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    const Node& node = nodes[at];
    if (!node.problem.op->join(node.problem, node.problem) || !reads_states(graph, node)) continue;
    if (!is_updated(nodes, node.inputs)) continue;
    if (Group* const group = group_of(groups, nodes, node)) {
      group->push_back(at);
    } else {
      groups.push_back({at});
    }
  }
  return groups;
}

}  // namespace

void join(Graph& graph) {
  std::vector<Node> nodes = graph.nodes();
  for (const Group& group : groups_of(graph)) {
    if (group.size() == 1) continue;
    Node& all = nodes[group[0]];
    for (const std::size_t member : std::span(group).subspan(1)) {
      Node& joined = nodes[member];
      all.inputs.insert(all.inputs.end(), joined.inputs.begin(), joined.inputs.end());
      all.outputs.insert(all.outputs.end(), joined.outputs.begin(), joined.outputs.end());
      joined.problem.op = nullptr;  // removed below
    }
    std::vector<TensorType> types;
    for (const Value input : all.inputs) types.push_back(graph.type(input));
    all.problem = make_problem(*all.problem.op, all.problem.options, std::move(types));
    all.path += fmt::format(" and {} more", group.size() - 1);
  }
  std::erase_if(nodes, [](const Node& node) { return node.problem.op == nullptr; });
  graph.set_nodes(std::move(nodes));
}

}  // namespace voluta
