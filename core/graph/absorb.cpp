#include <voluta/core/graph/passes.h>
#include <voluta/core/graph/reads.h>

namespace voluta {
namespace {

// The consumer with the producer of its i-th input absorbed; that value, where it is shared, is its
// last output. Whether it can be.
bool try_absorb(const Graph& graph, const Node& consumer, std::size_t i, bool shared, bool fused,
                Node& both) {
  Absorption absorption{.shared = shared, .fused = fused, .options = nullptr, .inputs = {}};
  const Op& op = *consumer.problem.op;
  if (!op.absorb(graph, consumer, static_cast<int>(i), absorption)) return false;
  both = consumer;
  both.inputs = absorption.inputs;
  if (shared) both.outputs.push_back(consumer.inputs[i]);
  std::vector<TensorType> types;
  for (Value input : both.inputs) types.push_back(graph.type(input));
  both.problem = make_problem(op, absorption.options, std::move(types));
  return true;
}

// Whether a node may run at `place`, further up: its inputs exist there, and it updates no state,
// which a reader in between would see too early.
bool may_run_at(const Graph& graph, const Node& node, std::size_t place) {
  return updated_inputs(node).empty() && std::ranges::all_of(node.inputs, [&](Value input) {
           return graph.info(input).producer < static_cast<int32_t>(place);
         });
}

// Each node at most once; whether any did. A node takes the producer's place, so that all other readers of the
// value come behind it.
bool absorb_once(Graph& graph, std::span<const Value> wanted, bool fused) {
  const std::vector<int> reads = count_reads(graph, wanted);
  std::vector<Node> nodes = graph.nodes();
  for (Node& consumer : nodes) {
    for (std::size_t i = 0; i < consumer.inputs.size(); ++i) {
      const Value input = consumer.inputs[i];
      const Node* producer = graph.producer(input);
      if (producer == nullptr || producer->outputs.size() != 1) continue;
      const std::size_t place = static_cast<std::size_t>(producer - graph.nodes().data());
      if (nodes[place].problem.op != producer->problem.op) continue;  // absorbed already
      Node both;
      if (!try_absorb(graph, consumer, i, reads[input.index()] > 1, fused, both)) continue;
      if (!may_run_at(graph, both, place)) continue;
      nodes[place] = std::move(both);
      consumer.problem.op = nullptr;  // removed below
      break;
    }
  }
  const auto removed =
      std::erase_if(nodes, [](const Node& node) { return node.problem.op == nullptr; });
  graph.set_nodes(std::move(nodes));
  return removed > 0;
}

}  // namespace

void absorb(Graph& graph, std::span<const Value> wanted, bool fused) {
  while (absorb_once(graph, wanted, fused)) {
  }
}

}  // namespace voluta
