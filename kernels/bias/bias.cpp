#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/max_pooling.h>

namespace voluta {
namespace {

// The last `axes` axes.
Shape trailing(const Shape& shape, int axes) {
  return Shape(shape.extents().last(static_cast<std::size_t>(axes)));
}

// The tensor whose elements are J: b, or db.
const TensorType& bias_type(const Problem& problem) {
  return problem.inputs.size() == 2 ? problem.inputs[1] : problem.outputs[0];
}

std::string describe_bias(const Problem& problem) {
  const int axes = bias_type(problem).shape.rank();
  return describe_extents(problem.inputs[0].shape) +
         (axes == 1 ? "" : " axes" + std::to_string(axes)) + " " +
         std::string(name_of(problem.inputs[0].dtype));
}

}  // namespace

BiasExtents bias_extents(const Problem& problem) {
  const int64_t columns = bias_type(problem).shape.elements();
  return {columns == 0 ? 0 : problem.inputs[0].shape.elements() / columns, columns};
}

bool is_tied(const Problem& bias) {
  return bias.inputs[1].shape.rank() == 1;
}

std::vector<TensorType> Bias::infer(const Options&, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 2);
  const Shape &x = inputs[0].shape, &b = inputs[1].shape;
  if (b.rank() < 1 || b.rank() > x.rank() || b != trailing(x, b.rank())) {
    invalid("bias: x " + to_string(x) + " needs a bias of the shape of its last axes, not " +
            to_string(b));
  }
  return {inputs[0]};
}

// Where dy comes from a maximum or minimum pooling, which passes each element on to one pixel of its channel,
// the sums of channels are taken of those: there are fewer. Where it comes from a batch norm, they are zero.
Value tied_bias_gradient(GradientContext& context, Value dy) {
  Graph& graph = context.graph();
  if (const auto pooling = MaxPooling::behind(graph, dy)) dy = pooling->dy;
  const Node* const from = graph.producer(dy);
  if (from != nullptr && from->problem.op == &op<BatchNormTrainingGradient>() &&
      from->outputs[0] == dy) {
    const TensorType& type = graph.type(dy);  // Note [A bias in front of batch norm]
    return graph.constant(Tensor(type.dtype, trailing(type.shape, 1)));
  }
  return context.add<BiasGradient>({.axes = 1}, {dy});
}

void Bias::gradient(GradientContext& context) {
  const Value dy = context.output_gradient(0);
  if (context.wants(0)) context.set(0, dy);
  if (!context.wants(1)) return;
  const int axes = context.problem().inputs[1].shape.rank();
  context.set(1, axes == 1 ? tied_bias_gradient(context, dy)
                           : context.add<BiasGradient>({.axes = axes}, {dy}));
}

Cost Bias::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t Bias::reduction_length(const Problem&) {
  return 1;
}

std::string Bias::describe(const Problem& problem) {
  return describe_bias(problem);
}

std::span<const Engine> Bias::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kBiasBroadcast,
#endif
      kBiasOpenmp, kBiasReference};
  return engines;
}

std::vector<Alias> Bias::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

std::vector<TensorType> BiasGradient::infer(const Options& options,
                                            std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  const Shape& dy = inputs[0].shape;
  if (options.axes < 1 || options.axes > dy.rank()) {
    invalid("bias_gradient: dy " + to_string(dy) + " has no bias of " +
            std::to_string(options.axes) + " axes");
  }
  return {{inputs[0].dtype, trailing(dy, options.axes)}};
}

Cost BiasGradient::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t BiasGradient::reduction_length(const Problem& problem) {
  return bias_extents(problem).rows;
}

std::string BiasGradient::describe(const Problem& problem) {
  return describe_bias(problem);
}

std::span<const Engine> BiasGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kBiasGradientTwoPassReduction,
#endif
      kBiasGradientOpenmp, kBiasGradientReference};
  return engines;
}

}  // namespace voluta
