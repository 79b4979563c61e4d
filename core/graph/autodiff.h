#pragma once

// Reverse-mode differentiation as a graph transform: walks the nodes backwards and lets each op
// append the nodes of its gradient. What comes out is ordinary graph, planned like the rest.

#include <voluta/core/graph/graph.h>

namespace voluta {

// What an op's gradient() sees: the node, the gradient of each output, and which inputs want one.
class GradientContext {
 public:
  GradientContext(Graph& graph, const Node& node, std::vector<Value> output_gradients,
                  std::vector<bool> wanted);

  Graph& graph() { return graph_; }
  const Problem& problem() const { return node_.problem; }
  template <class Options>
  const Options& options() const {
    return node_.problem.options_as<Options>();
  }
  const std::string& path() const { return node_.path; }
  std::size_t input_count() const { return node_.inputs.size(); }

  Value input(std::size_t i) const { return node_.inputs[i]; }
  Value output(std::size_t i) const { return node_.outputs[i]; }
  // Names nothing where no gradient flows into that output.
  Value output_gradient(std::size_t i) const { return output_gradients_[i]; }
  bool wants(std::size_t i) const { return wanted_[i]; }

  // Appends a node under the layer's path.
  template <OpDefinition T>
  Value add(typename T::Options options, std::vector<Value> inputs) {
    return graph_.add<T>(std::move(options), std::move(inputs), node_.path);
  }
  // Sets the gradient of input i; its type must be the input's.
  void set(std::size_t i, Value gradient);

  const std::vector<Value>& input_gradients() const { return input_gradients_; }

 private:
  Graph& graph_;
  Node node_;  // a copy: the graph's vector grows while gradients are appended
  std::vector<Value> output_gradients_, input_gradients_;
  std::vector<bool> wanted_;
};

// A value and the gradient that flows into it, of its own type.
struct GradientSeed {
  Value value, gradient;
};

// Appends, for each value in `wrt`, the sum over the seeds of gradient * d(seed's value)/d(value): a
// vector-Jacobian product. What `wrt` names may be computed on the way. `add` sums two gradients of
// one value (the core knows no addition). Throws invalid() for a seed whose types differ and for a
// value that no seed depends on, naming it.
std::vector<Value> gradients(Graph& graph, std::span<const GradientSeed> seeds,
                             std::span<const Value> wrt,
                             const std::function<Value(Value, Value)>& add);

// Appends d(loss)/d(value) for each value in `wrt` and returns them in that order. `loss` is a
// floating scalar, seeded with 1. Errors as above.
std::vector<Value> gradients(Graph& graph, Value loss, std::span<const Value> wrt,
                             const std::function<Value(Value, Value)>& add);

}  // namespace voluta
