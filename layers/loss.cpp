#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <voluta/kernels/squared_error/squared_error.h>
#include <voluta/layers/loss.h>

namespace voluta {

Value softmax_cross_entropy(Scope scope, Value logits, Value targets, double label_smoothing) {
  return scope.add<SoftmaxCrossEntropy>({.label_smoothing = label_smoothing}, {logits, targets});
}

Value squared_error(Scope scope, Value prediction, Value target) {
  return scope.add<SquaredError>({}, {prediction, target});
}

Value scale(Scope scope, Value x, double factor) {
  return scope.add<Scale>({.factor = factor}, {x});
}

std::vector<Value> parameters(const Graph& graph) {
  std::vector<Value> found;
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueInfo& info = graph.values()[i];
    if (info.kind == ValueKind::kState && info.role == StateRole::kParameter) {
      found.push_back(graph.value(i));
    }
  }
  return found;
}

namespace {

std::function<Value(Value, Value)> sum_in(Graph& graph) {
  return [&graph](Value a, Value b) { return graph.add<Add>({}, {a, b}, graph.info(a).name); };
}

}  // namespace

std::vector<Value> backward(Graph& graph, Value loss, std::span<const Value> wrt) {
  graph.set_pass("backward");
  return gradients(graph, loss, wrt, sum_in(graph));
}

std::vector<Value> backward(Graph& graph, Value value, Value gradient, std::span<const Value> wrt) {
  graph.set_pass("backward");
  const GradientSeed seed{value, gradient};
  return gradients(graph, std::span(&seed, 1), wrt, sum_in(graph));
}

}  // namespace voluta
