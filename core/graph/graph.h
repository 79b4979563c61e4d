#pragma once

// A model as data: nodes (ops with options) that connect values (typed tensors). Layers append
// nodes; shapes are inferred as nodes are added, so a bad shape is an error at its layer. Autodiff
// and the passes rewrite the graph, the planner turns it into steps.

#include <voluta/core/graph/op.h>

#include <cstdint>
#include <string>
#include <vector>

namespace voluta {

// A handle into a Graph, and into its copies. Valid as long as the graph; the default one names nothing.
struct Value {
  int32_t id = -1;  // place in Graph::values()
  // The number that the graph and its copies have, and no other; 0 is nobody's.
  uint32_t graph = 0;
  std::size_t index() const { return static_cast<std::size_t>(id); }
  explicit operator bool() const { return id >= 0; }
  auto operator<=>(const Value&) const = default;
};

enum class ValueKind {
  kInput,     // fed by the host before a run
  kState,     // persistent: parameters, buffers, optimiser state, metric sums, data
  kConstant,  // the same in every run
  kComputed,  // the output of a node
};

// kData: what a run reads and never writes, a data set; no checkpoint holds it.
enum class StateRole { kParameter, kBuffer, kOptimizer, kMetric, kData };
std::string_view name_of(StateRole role);  // "parameter", "optimizer_state"

struct ValueInfo {
  TensorType type;
  ValueKind kind = ValueKind::kComputed;
  std::string name;                         // inputs and states: unique; else the layer path
  StateRole role = StateRole::kParameter;   // states only
  std::function<void(Tensor&)> initialize;  // states only: fills a zeroed tensor
  Tensor constant;                          // constants only
  int32_t producer = -1;                    // node index; computed values only
};

struct Node {
  Problem problem;
  std::vector<Value> inputs, outputs;
  std::string path;  // "layer1.0.conv2"; gradients and updates of a layer carry its path
  std::string pass;  // "forward", "backward", "update": for summaries and traces
};

// A producer's work done by the consumer of its output instead, e.g. an activation's gradient by the
// batch normalisation's.
struct Absorption {
  bool shared = false;  // given: others want the value too, so that the consumer must put it out
  bool fused = false;   // given: whether whoever computes the producer's inputs declined (Op::fuse)
  std::shared_ptr<const void> options;  // the consumer's new options
  std::vector<Value> inputs;            // the consumer's new inputs
};

class Graph {
 public:
  Graph();

  // Fed from the host. Throws invalid() for a name already taken.
  Value input(std::string name, TensorType type);
  // The input of that name; names nothing where there is none.
  Value find_input(std::string_view name) const;

  // Persistent between runs, shared by name between the plans of a session. Asking again for a
  // name gives the same value (a parameter used in several places) if the type is the same.
  Value state(std::string name, TensorType type, StateRole role,
              std::function<void(Tensor&)> initialize);

  // Shares the tensor's memory, which nobody may write any more.
  Value constant(Tensor tensor);

  // Appends a node. `path` names the layer in errors: "layer1.0.conv2: ...". Throws invalid() for an input
  // that is no value of this graph, and what the op says of types that do not fit.
  std::vector<Value> add(const Op& op, std::shared_ptr<const void> options,
                         std::vector<Value> inputs, std::string path);
  template <OpDefinition T>
  std::vector<Value> add_all(typename T::Options options, std::vector<Value> inputs,
                             std::string path) {
    return add(op<T>(), std::make_shared<const typename T::Options>(std::move(options)),
               std::move(inputs), std::move(path));
  }
  // The first output, for ops with one.
  template <OpDefinition T>
  Value add(typename T::Options options, std::vector<Value> inputs, std::string path) {
    return add_all<T>(std::move(options), std::move(inputs), std::move(path))[0];
  }

  // Nodes added from here on belong to this pass: "forward" until told otherwise.
  void set_pass(std::string pass) { pass_ = std::move(pass); }

  // The value that stands at this place in values().
  Value value(std::size_t place) const { return {static_cast<int32_t>(place), number_}; }

  // These throw invalid() for what is no value of this graph.
  const TensorType& type(Value value) const { return info(value).type; }
  const Shape& shape(Value value) const { return info(value).type.shape; }
  const ValueInfo& info(Value value) const;
  // The node that computes a value; nullptr for inputs, states and constants.
  const Node* producer(Value value) const;
  // By place in values(): whether it is one of `values`, or one of them is computed from it.
  std::vector<bool> ancestors(std::span<const Value> values) const;

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<ValueInfo>& values() const { return values_; }

  // Replaces the nodes by others over the same values, in execution order: what passes do.
  void set_nodes(std::vector<Node> nodes);

 private:
  Value new_value(ValueInfo info);

  std::vector<ValueInfo> values_;
  std::vector<Node> nodes_;
  std::string pass_ = "forward";
  uint32_t number_;  // of this graph and its copies
};

}  // namespace voluta
