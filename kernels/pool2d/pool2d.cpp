#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/max_pooling.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/kernels/pool2d/pool2d_engines.h>

namespace voluta {
namespace {

using Pair = std::array<int64_t, 2>;

void check_padding(const char* side, int64_t padding, int64_t window) {
  if (padding <= window / 2) return;
  invalid("pool2d: the padding " + std::string(side) + " is " + std::to_string(padding) +
          "; at most half the window of " + std::to_string(window) +
          " is allowed, or a window could hold nothing but padding");
}

// Windows along one axis. ceil((in + pads - window) / stride) is the floor for a padding longer by
// stride - 1.
int64_t window_count(const Pool2dOptions& options, int axis, int64_t in, int64_t pad_begin,
                     int64_t pad_end) {
  const auto i = static_cast<std::size_t>(axis);
  const int64_t window = options.window[i], stride = options.stride[i];
  if (!options.ceil_mode || stride < 1) {
    return output_extent(in, window, stride, 1, pad_begin, pad_end);
  }
  const int64_t count = output_extent(in, window, stride, 1, pad_begin, pad_end + stride - 1);
  return (count - 1) * stride >= in + pad_begin ? count - 1 : count;
}

// [N,P,Q,C] of x [N,H,W,C].
Shape output_shape(const Pool2dOptions& options, const Shape& x) {
  if (x.rank() != 4) invalid("pool2d: x must be [N,H,W,C], not " + to_string(x));
  const auto [top, bottom, left, right] = options.padding;
  const auto [r, s] = options.window;
  check_padding("above", top, r);
  check_padding("below", bottom, r);
  check_padding("on the left", left, s);
  check_padding("on the right", right, s);
  return Shape{x[0], window_count(options, 0, x[1], top, bottom),
               window_count(options, 1, x[2], left, right), x[3]};
}

void check_argmax_fits(const Pool2dOptions& options) {
  const int64_t positions = options.window[0] * options.window[1];
  if (positions <= 256) return;
  invalid("pool2d: a window of " + std::to_string(positions) +
          " positions; a gradient of max and min pooling takes at most 256");
}

// The type of dx; checks that dy [N,P,Q,C] belongs to it.
TensorType gradient_type(const Pool2dGradientOptions& options, const TensorType& dy) {
  if (dy.shape.rank() != 4) invalid("pool2d: dy must be [N,P,Q,C], not " + to_string(dy.shape));
  const Shape x{dy.shape[0], options.height, options.width, dy.shape[3]};
  const Shape y = output_shape(options.pool, x);
  if (y != dy.shape) {
    invalid("pool2d: an input " + to_string(x) + " gives " + to_string(y) + ", but dy is " +
            to_string(dy.shape));
  }
  return {dy.dtype, x};
}

std::string letter(const char* name, int64_t value) {
  return name + std::to_string(value);
}

std::string describe_pair(const char* rows, const char* columns, Pair pair) {
  if (pair[0] == pair[1]) return letter(rows, pair[0]);
  return letter(rows, pair[0]) + letter(columns, pair[1]);
}

std::string describe_padding(const Padding2d& pad) {
  if (pad == Padding2d{}) return "";
  if (pad == Padding2d(pad.top)) return letter("p", pad.top);
  return letter("pt", pad.top) + letter("pb", pad.bottom) + letter("pl", pad.left) +
         letter("pr", pad.right);
}

// "n64h28w28c6r2s2u2 average f32": x's extents, window, stride (u and, where it differs, v),
// padding (p, or pt pb pl pr), then "ceil" for ceil_mode, then "max", "max argmax", "min",
// "min argmax", "average" or "average exclude_pad".
std::string describe_pool2d(const Problem& problem, const Shape& x) {
  const Pool2dOptions& options = pool2d_options(problem);
  std::string line = describe_extents(x) + letter("r", options.window[0]) +
                     letter("s", options.window[1]) + describe_pair("u", "v", options.stride) +
                     describe_padding(options.padding);
  const bool average = options.mode == PoolMode::kAverage;
  if (options.ceil_mode) line += " ceil";
  line += average ? " average" : options.mode == PoolMode::kMax ? " max" : " min";
  if (!average && options.save_argmax) line += " argmax";
  if (average && !options.count_include_pad) line += " exclude_pad";
  return line + " " + std::string(name_of(problem.inputs[0].dtype));
}

int64_t window_elements(const Problem& problem) {
  const Pair window = pool2d_options(problem).window;
  return window[0] * window[1];
}

// The most windows that cover one input position.
int64_t covering_windows(const Problem& problem) {
  const Pool2dOptions& options = pool2d_options(problem);
  const auto most = [&](std::size_t axis) {
    return (options.window[axis] + options.stride[axis] - 1) / options.stride[axis];
  };
  return most(0) * most(1);
}

// Each window looks at, or hands out to, each of its positions once.
Cost window_cost(const Problem& problem, const Shape& y) {
  return {
      .flops = static_cast<double>(y.elements()) * static_cast<double>(window_elements(problem)),
      .bytes = bytes_touched(problem)};
}

}  // namespace

std::vector<TensorType> Pool2d::infer(const Options& options, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  const Shape y = output_shape(options, inputs[0].shape);
  if (!options.save_argmax) return {{inputs[0].dtype, y}};
  if (options.mode == PoolMode::kAverage) invalid("pool2d: an average has no argmax to save");
  check_argmax_fits(options);
  return {{inputs[0].dtype, y}, {DType::u8, y}};
}

void Pool2d::gradient(GradientContext& context) {
  const Options& options = context.options<Options>();
  const Shape& x = context.problem().inputs[0].shape;
  const Pool2dGradientOptions gradient{.pool = options, .height = x[1], .width = x[2]};
  const Value dy = context.output_gradient(0);
  if (options.mode == PoolMode::kAverage) {
    context.set(0, context.add<AveragePool2dGradient>(gradient, {dy}));
    return;
  }
  if (!options.save_argmax) {
    invalid(context.path() + ": max and min pooling without save_argmax have no gradient; " +
            "build the graph for training");
  }
  context.set(0, context.add<MaxPool2dGradient>(gradient, {dy, context.output(1)}));
}

std::optional<MaxPooling> MaxPooling::behind(const Graph& graph, Value dx) {
  const Node* const gradient = graph.producer(dx);
  if (gradient == nullptr || gradient->problem.op != &op<MaxPool2dGradient>()) return {};
  const Node* const pooling = graph.producer(gradient->inputs[1]);
  if (pooling == nullptr || pooling->problem.op != &op<Pool2d>()) return {};
  return MaxPooling{.x = pooling->inputs[0],
                    .y = pooling->outputs[0],
                    .dy = gradient->inputs[0],
                    .argmax = gradient->inputs[1],
                    .options = gradient->problem.options_as<Pool2dGradientOptions>()};
}

Cost Pool2d::cost(const Problem& problem) {
  return window_cost(problem, problem.outputs[0].shape);
}

// max and min choose, average adds R*S - 1 times and divides.
int64_t Pool2d::reduction_length(const Problem& problem) {
  return pool2d_options(problem).mode == PoolMode::kAverage ? window_elements(problem) : 0;
}

std::string Pool2d::describe(const Problem& problem) {
  return describe_pool2d(problem, problem.inputs[0].shape);
}

std::span<const Engine> Pool2d::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kPool2dDirect,
#endif
      kPool2dOnednn, kPool2dOpenmp, kPool2dReference, kPool2dCudnn};
  return engines;
}

std::vector<TensorType> MaxPool2dGradient::infer(const Options& options,
                                                 std::span<const TensorType> inputs) {
  if (inputs.size() != 2 || inputs[1] != TensorType{DType::u8, inputs[0].shape}) {
    invalid("max_pool2d_gradient takes dy [N,P,Q,C] and argmax, u8 of the same shape");
  }
  check_floating_inputs(kName, inputs.first(1), 1);
  if (options.pool.mode == PoolMode::kAverage) {
    invalid("max_pool2d_gradient: the pooling is an average");
  }
  check_argmax_fits(options.pool);
  return {gradient_type(options, inputs[0])};
}

Cost MaxPool2dGradient::cost(const Problem& problem) {
  return window_cost(problem, problem.inputs[0].shape);
}

int64_t MaxPool2dGradient::reduction_length(const Problem& problem) {
  return covering_windows(problem) - 1;
}

std::string MaxPool2dGradient::describe(const Problem& problem) {
  return describe_pool2d(problem, problem.outputs[0].shape);
}

std::span<const Engine> MaxPool2dGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kMaxPool2dGradientGather,
#endif
      kMaxPool2dGradientOnednn, kMaxPool2dGradientOpenmp, kMaxPool2dGradientReference};
  return engines;
}

std::vector<TensorType> AveragePool2dGradient::infer(const Options& options,
                                                     std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  if (options.pool.mode != PoolMode::kAverage) {
    invalid("average_pool2d_gradient: the pooling is no average");
  }
  return {gradient_type(options, inputs[0])};
}

Cost AveragePool2dGradient::cost(const Problem& problem) {
  return window_cost(problem, problem.inputs[0].shape);
}

// A sum over windows, and a quotient each.
int64_t AveragePool2dGradient::reduction_length(const Problem& problem) {
  return covering_windows(problem);
}

std::string AveragePool2dGradient::describe(const Problem& problem) {
  return describe_pool2d(problem, problem.outputs[0].shape);
}

std::span<const Engine> AveragePool2dGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kAveragePool2dGradientGather,
#endif
      kAveragePool2dGradientOnednn, kAveragePool2dGradientOpenmp, kAveragePool2dGradientReference,
      kAveragePool2dGradientCudnn};
  return engines;
}

}  // namespace voluta
