#include <voluta/core/graph/passes.h>
#include <voluta/core/graph/reads.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>

namespace voluta {
namespace {

// The node that a fusion asks for in front of it, on values of its own. set_nodes() drops the copy
// that the graph appends.
Node make_prelude(Graph& graph, const Fusion& fusion, const Node& consumer) {
  std::vector<Value> inputs;
  for (int i : fusion.consumer_inputs) {
    inputs.push_back(consumer.inputs[static_cast<std::size_t>(i)]);
  }
  graph.add(*fusion.prelude.op, fusion.prelude.options, std::move(inputs), consumer.path);
  Node prelude = graph.nodes().back();
  prelude.pass = consumer.pass;
  return prelude;
}

// The producer with the consumer folded in, behind its prelude if there is one. It takes the
// consumer's place, where all its new inputs exist. Nothing where they do not fuse.
std::vector<Node> try_fuse(Graph& graph, const Node& producer, const Node& consumer, int input) {
  Fusion fusion;
  if (!producer.problem.op->fuse(producer.problem, consumer.problem, input, fusion)) return {};
  std::vector<Node> nodes;
  Node fused = producer;
  if (fusion.prelude.op != nullptr) {
    nodes.push_back(make_prelude(graph, fusion, consumer));
    for (Value output : nodes[0].outputs) fused.inputs.push_back(output);
  } else {
    for (int i : fusion.consumer_inputs) {
      fused.inputs.push_back(consumer.inputs[static_cast<std::size_t>(i)]);
    }
  }
  std::vector<TensorType> types;
  for (Value value : fused.inputs) types.push_back(graph.type(value));
  fused.problem = make_problem(*producer.problem.op, fusion.options, std::move(types));
  if (fused.problem.outputs[0] != consumer.problem.outputs[0]) return {};
  fused.outputs[0] = consumer.outputs[0];
  nodes.push_back(std::move(fused));
  return nodes;
}

// Whether a plan takes another engine for one than for the other; none where engines are not known.
bool changes_engine(const EngineOf& engine_of, const Problem& before, const Problem& after) {
  return engine_of && engine_of(after) != engine_of(before);
}

// A consumer's inputs, that of the youngest producer first. Of two that could absorb the consumer
// the younger one moves down less, and with it what it reads dies sooner.
std::vector<int> youngest_first(const Node& consumer, const std::vector<int>& producer) {
  std::vector<int> inputs(consumer.inputs.size());
  std::iota(inputs.begin(), inputs.end(), 0);
  std::ranges::stable_sort(inputs, std::greater{}, [&](int i) {
    return producer[consumer.inputs[static_cast<std::size_t>(i)].index()];
  });
  return inputs;
}

// Whether the node at `at` may run behind all others: a reader of a state must not move past the
// state's update, an update not past a reader, and no node past one that reads what it computes.
bool may_move_to_the_end(const std::vector<Node>& nodes, std::size_t at) {
  const Node& moved = nodes[at];
  return std::none_of(nodes.begin() + static_cast<std::ptrdiff_t>(at) + 1, nodes.end(),
                      [&](const Node& node) {
                        if (node.problem.op == nullptr) return false;
                        const auto of_node = [&](Value v) { return reads(node, v); };
                        const auto to_node = [&](Value v) { return updates(node, v); };
                        const auto own_state = [&](Value v) { return updates(moved, v); };
                        return std::ranges::any_of(moved.outputs, of_node) ||
                               std::ranges::any_of(moved.inputs, to_node) ||
                               std::ranges::any_of(node.inputs, own_state);
                      });
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
  for (Value value : wanted) needed[value.index()] = true;

  std::vector<Node> kept;
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    const bool read =
        std::ranges::any_of(node->outputs, [&](Value v) { return needed[v.index()]; });
    if (!read && updated_inputs(*node).empty()) continue;
    for (Value input : node->inputs) needed[input.index()] = true;
    kept.push_back(*node);
  }
  std::ranges::reverse(kept);
  graph.set_nodes(std::move(kept));
}

void fuse(Graph& graph, std::span<const Value> wanted, const EngineOf& engine_of) {
  const std::vector<int> reads = count_reads(graph, wanted);
  const std::vector<Node> consumers = graph.nodes();
  std::vector<int> producer(graph.values().size(), -1);  // index into nodes
  std::vector<Node> nodes;
  for (const Node& consumer : consumers) {
    std::vector<Node> fused;
    for (int i : youngest_first(consumer, producer)) {
      const Value input = consumer.inputs[static_cast<std::size_t>(i)];
      const int p = producer[input.index()];
      if (p < 0 || reads[input.index()] != 1) continue;
      Node& candidate = nodes[static_cast<std::size_t>(p)];
      if (candidate.outputs[0] != input) continue;
      if (!may_move_to_the_end(nodes, static_cast<std::size_t>(p))) continue;
      fused = try_fuse(graph, candidate, consumer, i);
      if (fused.empty()) continue;
      if (changes_engine(engine_of, candidate.problem, fused.back().problem)) {
        fused.clear();
        continue;
      }
      candidate.problem.op = nullptr;  // removed below
      break;
    }
    if (fused.empty()) fused.push_back(consumer);
    std::ranges::move(fused, std::back_inserter(nodes));
    for (Value output : nodes.back().outputs) {
      producer[output.index()] = static_cast<int>(nodes.size() - 1);
    }
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

void run_passes(Graph& graph, std::span<const Value> wanted, const PassOptions& options,
                const EngineOf& engine_of) {
  if (options.remove_dead_nodes) remove_dead_nodes(graph, wanted);
  if (options.join) join(graph);
  if (options.absorb) absorb(graph, wanted, false);
  if (options.fuse) fuse(graph, wanted, engine_of);
  if (options.absorb) absorb(graph, wanted, true);
  if (options.defer && engine_of) defer(graph, wanted, engine_of);
  if (options.request && engine_of) request(graph, engine_of);
  if (options.hoist_updates) hoist_updates(graph);
}

}  // namespace voluta
