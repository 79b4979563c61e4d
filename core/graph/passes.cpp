#include <voluta/core/graph/passes.h>

#include <algorithm>

namespace voluta {
namespace {

std::size_t index_of(Value value) {
  return static_cast<std::size_t>(value.id);
}

bool reads(const Node& node, Value value) {
  return std::ranges::find(node.inputs, value) != node.inputs.end();
}

bool updates(const Node& node, Value value) {
  return std::ranges::any_of(updated_inputs(node), [&](int i) {
    return node.inputs[static_cast<std::size_t>(i)] == value;
  });
}

// How often each value is read; being wanted counts as a read.
std::vector<int> count_reads(const Graph& graph, std::span<const Value> wanted) {
  std::vector<int> reads(graph.values().size(), 0);
  for (Value value : wanted) ++reads[index_of(value)];
  for (const Node& node : graph.nodes()) {
    for (Value input : node.inputs) ++reads[index_of(input)];
  }
  return reads;
}

// The producer with the consumer folded in. It takes the consumer's place, where all its new
// inputs exist.
bool try_fuse(const Node& producer, const Node& consumer, Node& fused) {
  Fusion fusion;
  if (!producer.problem.op->fuse(producer.problem, consumer.problem, fusion)) return false;
  std::vector<TensorType> types = producer.problem.inputs;
  fused = producer;
  for (int i : fusion.consumer_inputs) {
    fused.inputs.push_back(consumer.inputs[static_cast<std::size_t>(i)]);
    types.push_back(consumer.problem.inputs[static_cast<std::size_t>(i)]);
  }
  fused.problem = make_problem(*producer.problem.op, fusion.options, std::move(types));
  fused.outputs[0] = consumer.outputs[0];
  return fused.problem.outputs[0] == consumer.problem.outputs[0];
}

// Moving a reader of a state down past the state's update would let it read the new value.
bool state_updated_between(const std::vector<Node>& nodes, const Node& reader, std::size_t from,
                           std::size_t to) {
  for (std::size_t i = from + 1; i < to; ++i) {
    if (nodes[i].problem.op == nullptr) continue;
    for (Value input : reader.inputs) {
      if (updates(nodes[i], input)) return true;
    }
  }
  return false;
}

// First position in `nodes` where `update` may run: behind its producers and the state's readers.
std::size_t earliest_position(const std::vector<Node>& nodes, const Node& update) {
  for (std::size_t i = nodes.size(); i > 0; --i) {
    const Node& before = nodes[i - 1];
    for (Value output : before.outputs) {
      if (reads(update, output)) return i;
    }
    for (int state : updated_inputs(update)) {
      if (reads(before, update.inputs[static_cast<std::size_t>(state)])) return i;
    }
  }
  return 0;
}

}  // namespace

void remove_dead_nodes(Graph& graph, std::span<const Value> wanted) {
  std::vector<bool> needed(graph.values().size(), false);
  for (Value value : wanted) needed[index_of(value)] = true;

  std::vector<Node> kept;
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    const bool read =
        std::ranges::any_of(node->outputs, [&](Value v) { return needed[index_of(v)]; });
    if (!read && updated_inputs(*node).empty()) continue;
    for (Value input : node->inputs) needed[index_of(input)] = true;
    kept.push_back(*node);
  }
  std::ranges::reverse(kept);
  graph.set_nodes(std::move(kept));
}

void fuse(Graph& graph, std::span<const Value> wanted) {
  const std::vector<int> reads = count_reads(graph, wanted);
  std::vector<Node> nodes = graph.nodes();
  std::vector<int> producer(graph.values().size(), -1);  // index into nodes
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (Value input : nodes[i].inputs) {
      const int p = producer[index_of(input)];
      if (p < 0 || reads[index_of(input)] != 1) continue;
      Node& candidate = nodes[static_cast<std::size_t>(p)];
      if (candidate.outputs[0] != input || candidate.outputs.size() != 1) continue;
      if (state_updated_between(nodes, candidate, static_cast<std::size_t>(p), i)) continue;
      Node fused;
      if (!try_fuse(candidate, nodes[i], fused)) continue;
      nodes[i] = std::move(fused);
      candidate.problem.op = nullptr;  // removed below
      break;
    }
    for (Value output : nodes[i].outputs) producer[index_of(output)] = static_cast<int>(i);
  }
  std::erase_if(nodes, [](const Node& node) { return node.problem.op == nullptr; });
  graph.set_nodes(std::move(nodes));
}

void hoist_updates(Graph& graph) {
  std::vector<Node> nodes;
  for (const Node& node : graph.nodes()) {
    const std::size_t at =
        updated_inputs(node).empty() ? nodes.size() : earliest_position(nodes, node);
    nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(at), node);
  }
  graph.set_nodes(std::move(nodes));
}

std::vector<int> updated_inputs(const Node& node) {
  std::vector<int> indices;
  for (const Alias& alias : node.problem.op->aliases(node.problem)) {
    if (alias.must) indices.push_back(alias.input);
  }
  return indices;
}

void run_passes(Graph& graph, std::span<const Value> wanted, const PassOptions& options) {
  if (options.remove_dead_nodes) remove_dead_nodes(graph, wanted);
  if (options.fuse) fuse(graph, wanted);
  if (options.hoist_updates) hoist_updates(graph);
}

}  // namespace voluta
