#include <voluta/core/graph/passes.h>
#include <voluta/core/graph/reads.h>

namespace voluta {
namespace {

struct Pair {
  Node producer, consumer;
};

// A consumer's inputs by index.
std::vector<Value> chosen(const Node& consumer, const std::vector<int>& indices) {
  std::vector<Value> values;
  for (int i : indices) values.push_back(consumer.inputs[static_cast<std::size_t>(i)]);
  return values;
}

// Both nodes with the request granted; the new value is the last output of one, the last input of the
// other. Whether a plan would run them so. `exists(value)`: whether it does where the producer runs.
template <class Exists>
bool try_request(Graph& graph, const Node& consumer, int input, const Node& producer,
                 const EngineOf& engine_of, Exists exists, Pair& pair) {
  Request request;
  if (!consumer.problem.op->request(consumer.problem, producer.problem, input, request)) {
    return false;
  }
  std::vector<Value> inputs = producer.inputs;
  for (Value value : chosen(consumer, request.consumer_inputs)) {
    if (!exists(value)) return false;
    inputs.push_back(value);
  }
  std::vector<TensorType> input_types;
  for (Value value : inputs) input_types.push_back(graph.type(value));
  const Problem more =
      make_problem(*producer.problem.op, request.producer_options, std::move(input_types));
  std::vector<TensorType> types = consumer.problem.inputs;
  types.push_back(more.outputs.back());
  const Problem served = make_problem(*consumer.problem.op, request.consumer_options, types);
  if (!keeps_engine(engine_of, producer.problem, more)) return false;
  if (engine_of(served) == nullptr) return false;

  // set_nodes() drops the copy that the graph appends for the sake of the new value.
  const std::vector<Value> made = graph.add(*more.op, more.options, inputs, producer.path);
  pair = {producer, consumer};
  pair.producer.inputs = std::move(inputs);
  pair.producer.problem = more;
  pair.producer.outputs.push_back(made.back());
  pair.consumer.problem = served;
  pair.consumer.inputs.push_back(made.back());
  return true;
}

}  // namespace

void request(Graph& graph, const EngineOf& engine_of) {
  std::vector<Node> nodes = graph.nodes();
  std::vector<int> producer(graph.values().size(), -1);  // index into nodes
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    for (std::size_t i = 0; i < nodes[at].inputs.size(); ++i) {
      const std::size_t value = nodes[at].inputs[i].index();
      if (value >= producer.size() || producer[value] < 0) continue;
      const int place = producer[value];
      const auto exists = [&](Value v) {
        return v.index() < producer.size() && producer[v.index()] < place;
      };
      Node& from = nodes[static_cast<std::size_t>(place)];
      Pair pair;
      if (from.outputs[0] != nodes[at].inputs[i]) continue;
      if (!try_request(graph, nodes[at], static_cast<int>(i), from, engine_of, exists, pair)) {
        continue;
      }
      from = std::move(pair.producer);
      nodes[at] = std::move(pair.consumer);
    }
    for (Value output : nodes[at].outputs) producer[output.index()] = static_cast<int>(at);
  }
  graph.set_nodes(std::move(nodes));
}

}  // namespace voluta
