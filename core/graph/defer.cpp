#include <voluta/core/graph/passes.h>
#include <voluta/core/graph/reads.h>

#include <optional>

namespace voluta {
namespace {

// The problem of a node that takes in what `producer` defers; nothing where it cannot, or reads it
// more than once.
std::optional<Problem> accepted(const Graph& graph, const Node& reader, const Node& producer,
                                const Deferral& deferral, const TensorType& deferred,
                                const EngineOf& engine_of) {
  const Value value = producer.outputs[0];
  if (std::ranges::count(reader.inputs, value) != 1) return {};
  const auto input = std::ranges::find(reader.inputs, value) - reader.inputs.begin();
  std::shared_ptr<const void> options;
  const Op& op = *reader.problem.op;
  if (!op.accept(reader.problem, static_cast<int>(input), producer.problem, options)) return {};
  std::vector<TensorType> types = reader.problem.inputs;
  types[static_cast<std::size_t>(input)] =
      graph.type(producer.inputs[static_cast<std::size_t>(deferral.input)]);
  types.push_back(deferred);
  Problem problem = make_problem(op, std::move(options), std::move(types));
  if (!keeps_engine(engine_of, reader.problem, problem)) return {};
  return problem;
}

// Every reader's problem with the producer's output 0 computed in it, by the index of its node; empty
// where one of them cannot, or there is none.
std::vector<std::pair<std::size_t, Problem>> readers_of(
    const Graph& graph, const std::vector<Node>& nodes, const Node& producer,
    const Deferral& deferral, const TensorType& deferred, const EngineOf& engine_of) {
  std::vector<std::pair<std::size_t, Problem>> readers;
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    if (!reads(nodes[at], producer.outputs[0])) continue;
    auto problem = accepted(graph, nodes[at], producer, deferral, deferred, engine_of);
    if (!problem) return {};
    readers.emplace_back(at, *std::move(problem));
  }
  return readers;
}

}  // namespace

void defer(Graph& graph, std::span<const Value> wanted, const EngineOf& engine_of) {
  std::vector<Node> nodes = graph.nodes();
  for (Node& producer : nodes) {
    Deferral deferral;
    if (!producer.problem.op->defer(producer.problem, deferral)) continue;
    const Value value = producer.outputs[0];
    const Value source = producer.inputs[static_cast<std::size_t>(deferral.input)];
    const auto overwrites = [&](const Node& node) { return updates(node, source); };
    if (std::ranges::any_of(nodes, overwrites)) continue;  // readers come later than the producer
    if (std::ranges::find(wanted, value) != wanted.end()) continue;
    const Problem without =
        make_problem(*producer.problem.op, deferral.options, producer.problem.inputs);
    if (!keeps_engine(engine_of, producer.problem, without)) continue;
    const auto readers =
        readers_of(graph, nodes, producer, deferral, without.outputs[0], engine_of);
    if (readers.empty()) continue;

    // set_nodes() drops the copy that the graph appends for the sake of the new value.
    const Value deferred =
        graph.add(*without.op, without.options, producer.inputs, producer.path)[0];
    for (const auto& [at, problem] : readers) {
      nodes[at].problem = problem;
      std::ranges::replace(nodes[at].inputs, value, source);
      nodes[at].inputs.push_back(deferred);
    }
    producer.problem = without;
    producer.outputs[0] = deferred;
  }
  graph.set_nodes(std::move(nodes));
}

}  // namespace voluta
