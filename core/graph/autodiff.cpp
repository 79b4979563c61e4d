#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>

#include <algorithm>

namespace voluta {
namespace {

// depends[v]: value v is, or is computed from, one of `wrt`.
std::vector<bool> dependents(const Graph& graph, std::span<const Value> wrt) {
  std::vector<bool> depends(graph.values().size(), false);
  for (Value value : wrt) depends[value.index()] = true;
  for (const Node& node : graph.nodes()) {
    const bool any = std::ranges::any_of(node.inputs, [&](Value v) { return depends[v.index()]; });
    for (Value output : node.outputs) depends[output.index()] = depends[output.index()] || any;
  }
  return depends;
}

// d(loss)/d(loss), in the loss's dtype.
Value one(Graph& graph, DType dtype) {
  Tensor scalar(dtype, Shape{});
  dispatch_floating(dtype, [&]<class T>() { scalar.data<T>()[0] = from_double<T>(1.0); });
  return graph.constant(scalar);
}

// Gradients that have arrived so far, by value; several for one value are added up.
class Accumulated {
 public:
  Accumulated(std::size_t values, const std::function<Value(Value, Value)>& add)
      : gradients_(values), add_(add) {}

  Value at(Value value) const { return gradients_[value.index()]; }
  void put(Value value, Value gradient) {
    Value& sum = gradients_[value.index()];
    sum = sum ? add_(sum, gradient) : gradient;
  }

 private:
  std::vector<Value> gradients_;
  const std::function<Value(Value, Value)>& add_;
};

void differentiate(Graph& graph, const Node& node, const std::vector<bool>& depends,
                   Accumulated& accumulated) {
  std::vector<Value> output_gradients;
  for (Value output : node.outputs) output_gradients.push_back(accumulated.at(output));
  if (std::ranges::none_of(output_gradients, [](Value v) { return bool(v); })) return;

  std::vector<bool> wanted;
  for (Value input : node.inputs) wanted.push_back(depends[input.index()]);
  if (std::ranges::none_of(wanted, [](bool w) { return w; })) return;

  GradientContext context(graph, node, std::move(output_gradients), std::move(wanted));
  node.problem.op->gradient(context);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (context.input_gradients()[i]) accumulated.put(node.inputs[i], context.input_gradients()[i]);
  }
}

}  // namespace

GradientContext::GradientContext(Graph& graph, const Node& node,
                                 std::vector<Value> output_gradients, std::vector<bool> wanted)
    : graph_(graph),
      node_(node),
      output_gradients_(std::move(output_gradients)),
      input_gradients_(node.inputs.size()),
      wanted_(std::move(wanted)) {}

void GradientContext::set(std::size_t i, Value gradient) {
  if (graph_.type(gradient) != graph_.type(input(i))) {
    invalid(node_.path + ": the gradient of input " + std::to_string(i) + " of '" +
            std::string(node_.problem.op->name) + "' is " + to_string(graph_.type(gradient)) +
            ", not " + to_string(graph_.type(input(i))));
  }
  input_gradients_[i] = gradient;
}

std::vector<Value> gradients(Graph& graph, std::span<const GradientSeed> seeds,
                             std::span<const Value> wrt,
                             const std::function<Value(Value, Value)>& add) {
  const std::vector<bool> depends = dependents(graph, wrt);
  Accumulated accumulated(graph.values().size(), add);
  for (const GradientSeed& seed : seeds) {
    if (graph.type(seed.value) != graph.type(seed.gradient)) {
      invalid("the gradient of '" + graph.info(seed.value).name + "' is " +
              to_string(graph.type(seed.gradient)) + ", not " + to_string(graph.type(seed.value)));
    }
    accumulated.put(seed.value, seed.gradient);
  }

  const std::vector<Node> forward = graph.nodes();
  for (auto node = forward.rbegin(); node != forward.rend(); ++node) {
    differentiate(graph, *node, depends, accumulated);
  }

  std::vector<Value> result;
  for (Value value : wrt) {
    if (!accumulated.at(value)) {
      invalid("the loss does not depend on '" + graph.info(value).name + "'");
    }
    result.push_back(accumulated.at(value));
  }
  return result;
}

std::vector<Value> gradients(Graph& graph, Value loss, std::span<const Value> wrt,
                             const std::function<Value(Value, Value)>& add) {
  if (graph.shape(loss).rank() != 0) {
    invalid("gradients are taken of a scalar; the loss has shape " + to_string(graph.shape(loss)));
  }
  const GradientSeed seed{loss, one(graph, graph.type(loss).dtype)};
  return gradients(graph, std::span(&seed, 1), wrt, add);
}

}  // namespace voluta
