#include <voluta/judge/moment_bounds.h>
#include <voluta/judge/random_convolutions.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/rules_activation.h>
#include <voluta/judge/rules_prologue.h>
#include <voluta/judge/sum_bounds.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/conv_transpose2d/conv_transpose2d.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>

#include <algorithm>
#include <array>
#include <utility>

namespace voluta::judge {
namespace {

// The forward problem of a line: also what both gradients derive their types from.
template <class Options>
struct Geometry {
  Options options;
  TensorType x, w, y;
  std::vector<TensorType> forward_inputs;
};

template <class Options>
void read_window(ProblemLine& line, Options& options) {
  const int64_t u = line.extent("u", 1), l = line.extent("l", 1), p = line.extent("p", 0);
  options.stride = {u, line.extent("v", u)};
  options.dilation = {l, line.extent("m", l)};
  options.padding = {line.extent("pt", p), line.extent("pb", p), line.extent("pl", p),
                     line.extent("pr", p)};
}

template <class Options>
Geometry<Options> read_options(ProblemLine& line) {
  Geometry<Options> g;
  read_window(line, g.options);
  g.options.activation = activation_word(line);
  g.options.scale_shift = line.word("scale_shift");
  g.options.residual = line.word("residual");
  return g;
}

// y of x and w alone.
template <class Op, class Options>
TensorType plain_output(Options options, const std::vector<TensorType>& inputs) {
  options.scale_shift = options.residual = false;
  return Op::infer(options, inputs)[0];
}

template <class Op, class Options>
void read_tensors(ProblemLine& line, int64_t groups, Geometry<Options>& g) {
  const DType dtype = line.dtype();
  const int64_t c = line.extent("c"), k = line.extent("k");
  g.x = {dtype, {line.extent("n"), line.extent("h"), line.extent("w"), c}};
  g.w = {dtype, {k, line.extent("r"), line.extent("s"), c / groups}};
  g.forward_inputs = {g.x, g.w};
  g.y = plain_output<Op>(g.options, g.forward_inputs);
  if (line.word("bias")) g.forward_inputs.push_back({dtype, {k}});
  if (g.options.scale_shift) {
    const TensorType vector{dtype == DType::f64 ? DType::f64 : DType::f32, {k}};
    g.forward_inputs.insert(g.forward_inputs.end(), {vector, vector});
  }
  if (g.options.residual) g.forward_inputs.push_back(g.y);
}

Geometry<Conv2dOptions> read(ProblemLine& line) {
  auto g = read_options<Conv2dOptions>(line);
  g.options.groups = line.extent("g", 1);
  read_tensors<Conv2d>(line, g.options.groups, g);
  g.options.moments = line.word("moments");
  return g;
}

Geometry<DepthwiseConv2dOptions> read_depthwise(ProblemLine& line) {
  auto g = read_options<DepthwiseConv2dOptions>(line);
  read_tensors<DepthwiseConv2d>(line, line.extent("c"), g);
  return g;
}

Problem parse_forward(ProblemLine& line) {
  auto g = read(line);
  add_prologue(line, g.x, g.options, g.forward_inputs);
  return make_problem<Conv2d>(g.options, g.forward_inputs);
}
// The words of a line that one op alone knows are its own; with sums the line's activation is that in front.
template <class Options>
void read_gradient_epilogue(ProblemLine& line, Options& options) {
  options.residual = std::exchange(options.conv.residual, false);
  for (const ActivationKind f : {ActivationKind::kRelu, ActivationKind::kRelu6}) {
    if (line.word("gate_" + std::string(name_of(f)))) options.gate = f;
  }
}
template <class InputGradient, class ForwardOptions>
Problem make_input_gradient(ProblemLine& line, const Geometry<ForwardOptions>& g,
                            typename InputGradient::Options options) {
  std::vector<TensorType> inputs = {g.y, g.w};
  if constexpr (std::is_same_v<InputGradient, Conv2dInputGradient>) {
    read_gradient_epilogue(line, options);
    if (options.residual) inputs.push_back(g.x);
    if (options.gate != ActivationKind::kNone) inputs.push_back(g.x);
  }
  options.sums = line.word("sums");
  if (options.sums) {
    options.activation = std::exchange(options.conv.activation, ActivationKind::kNone);
    const DType dtype = g.x.dtype == DType::f64 ? DType::f64 : DType::f32;
    inputs.push_back(g.x);
    const std::size_t vectors = options.activation == ActivationKind::kNone ? 1 : 4;
    inputs.insert(inputs.end(), vectors, {dtype, {g.x.shape[3]}});
  }
  return make_problem<InputGradient>(options, inputs);
}
Problem parse_input_gradient(ProblemLine& line) {
  const auto g = read(line);
  return make_input_gradient<Conv2dInputGradient>(
      line, g, {.conv = g.options, .height = g.x.shape[1], .width = g.x.shape[2]});
}
Problem parse_filter_gradient(ProblemLine& line) {
  auto g = read(line);
  std::vector<TensorType> inputs = {g.x, g.y};
  add_prologue(line, g.x, g.options, inputs);
  return make_problem<Conv2dFilterGradient>(
      {.conv = g.options, .filter_height = g.w.shape[1], .filter_width = g.w.shape[2]}, inputs);
}

Problem parse_depthwise(ProblemLine& line) {
  auto g = read_depthwise(line);
  add_prologue(line, g.x, g.options, g.forward_inputs);
  return make_problem<DepthwiseConv2d>(g.options, g.forward_inputs);
}
Problem parse_depthwise_input_gradient(ProblemLine& line) {
  const auto g = read_depthwise(line);
  const Shape& x = g.x.shape;
  return make_input_gradient<DepthwiseConv2dInputGradient>(
      line, g, {.conv = g.options, .height = x[1], .width = x[2], .channels = x[3]});
}
Problem parse_depthwise_filter_gradient(ProblemLine& line) {
  auto g = read_depthwise(line);
  std::vector<TensorType> inputs = {g.x, g.y};
  add_prologue(line, g.x, g.options, inputs);
  return make_problem<DepthwiseConv2dFilterGradient>(
      {.conv = g.options, .filter_height = g.w.shape[1], .filter_width = g.w.shape[2]}, inputs);
}

Problem parse_transposed(ProblemLine& line) {
  ConvTranspose2dOptions options;
  read_window(line, options);
  options.output_padding = {line.extent("oh", 0), line.extent("ow", 0)};
  options.groups = line.extent("g", 1);
  const DType dtype = line.dtype();
  const int64_t c = line.extent("c"), group_k = line.extent("k") / options.groups;
  return make_problem<ConvTranspose2d>(
      options, {{dtype, {line.extent("n"), line.extent("h"), line.extent("w"), c}},
                {dtype, {c, line.extent("r"), line.extent("s"), group_k}}});
}

// Scales of 1 and -1 on integers: all stay within what default_inputs() leaves room for.
template <class Op>
Tensors forward_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const auto& options = problem.options_as<typename Op::Options>();
  if (kind != InputKind::kIntegers) return inputs;
  std::size_t end = inputs.size();
  if (options.prologue.normalise) {
    set_normalised_integers(problem, inputs, random);
    --end;
  }
  if (!options.scale_shift) return inputs;
  Tensor& scale = inputs[end - (options.residual ? 3 : 2)];
  set_signs(scale, 0, scale.elements(), random);
  return inputs;
}

template <class Op>
bool exact_on_integers(const Problem& problem) {
  return is_exact_on_integers(problem.options_as<typename Op::Options>().activation);
}

// The formula on the convolution without its activation, then the activation's share.
template <class Op>
Bounds forward_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  auto options = problem.options_as<typename Op::Options>();
  const ActivationKind kind = std::exchange(options.activation, ActivationKind::kNone);
  Bounds bounds = default_bounds(make_problem<Op>(options, problem.inputs), inputs, {});
  add_activation_error(kind, reference[0], bounds[0]);
  return bounds;
}

Bounds conv2d_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  auto options = problem.options_as<Conv2dOptions>();
  if (!std::exchange(options.moments, false)) {
    return forward_bounds<Conv2d>(problem, inputs, reference);
  }
  Bounds bounds =
      forward_bounds<Conv2d>(make_problem<Conv2d>(options, problem.inputs), inputs, reference);
  bounds.push_back(moment_bounds(problem, reference[0], bounds[0], reference[1]));
  return bounds;
}

bool conv2d_exact_on_integers(const Problem& problem) {
  return exact_on_integers<Conv2d>(problem) && !problem.options_as<Conv2dOptions>().moments;
}

// Of an input gradient: which input gates it, 0 for none, and which is the first of the batch norm's.
struct GradientInputs {
  std::size_t kept = 0, norm = 2;

  explicit GradientInputs(const Problem& problem) {
    if (problem.op != &op<Conv2dInputGradient>()) return;
    const auto& options = problem.options_as<Conv2dInputGradientOptions>();
    if (options.residual) ++norm;
    if (options.gate != ActivationKind::kNone) kept = norm++;
  }
};

// What f may have given: both limits, and between them. Of the integers 1 stays there.
void set_kept(ActivationKind f, Tensor& x) {
  for (int64_t i = 0; i < x.elements(); ++i) {
    set_value(x, i, activate(f, 5 * value_at(x, i)));
  }
}

// With sums of 128 products |dx| |z - m|: |dx| is at most the reduction length, |z - m| 4.
Tensors input_gradient_inputs(const Problem& problem, InputKind kind, Random& random) {
  const GradientInputs at(problem);
  Tensors inputs;
  if (problem.outputs.size() == 1) {
    inputs = default_inputs(problem, kind, random);
  } else {
    for (const TensorType& type : problem.inputs) {
      inputs.push_back(random_tensor(type, kind, inputs.size() < at.norm ? 1 : 2, 1, random));
    }
  }
  if (at.kept) set_kept(problem.options_as<Conv2dInputGradientOptions>().gate, inputs[at.kept]);
  return inputs;
}

template <class InputGradient>
bool input_gradient_exact_on_integers(const Problem& problem) {
  if (problem.outputs.size() == 1) return true;
  const auto& options = problem.options_as<typename InputGradient::Options>();
  const bool rounded = size_of(problem.outputs[0].dtype) == 2;  // dx, before it is summed
  return !rounded && is_exact_on_integers(options.activation) &&
         problem.op->reduction_length(problem) <= 32768;
}

// The formula on the sums and the residual. What the gate stops is an exact zero.
template <class InputGradient>
Bounds input_gradient_bounds(const Problem& problem, const Tensors& inputs,
                             const Tensors& reference) {
  const GradientInputs at(problem);
  auto options = problem.options_as<typename InputGradient::Options>();
  const bool sums = std::exchange(options.sums, false);
  const auto activation = std::exchange(options.activation, ActivationKind::kNone);
  if constexpr (requires { options.gate; }) options.gate = ActivationKind::kNone;
  const auto end = static_cast<std::ptrdiff_t>(at.kept ? at.kept : at.norm);
  const auto plain =
      make_problem<InputGradient>(options, {problem.inputs.begin(), problem.inputs.begin() + end});
  Bounds bounds = default_bounds(plain, {inputs.begin(), inputs.begin() + end}, {});
  if (at.kept) {
    const auto f = problem.options_as<Conv2dInputGradientOptions>().gate;
    for (int64_t i = 0; i < inputs[at.kept].elements(); ++i) {
      bounds[0][static_cast<std::size_t>(i)] *=
          activate_gradient(f, value_at(inputs[at.kept], i), 1.0);
    }
  }
  if (!sums) return bounds;
  const std::span<const Tensor> norm = std::span(inputs).subspan(at.norm);
  bounds.push_back(
      sum_bounds(problem, options.conv.stride, activation, norm, reference[0], bounds[0]));
  return bounds;
}

void add_epilogue(const Problem& problem, const Tensors& reference, Bounds& bounds) {
  add_activation_error(problem.options_as<Conv2dOptions>().activation, reference[0], bounds[0]);
}

std::string with_epilogue(std::string text, Random& random) {
  if (random.next_below(3) == 0) text += " bias";
  if (random.next_below(3) == 0) text += " scale_shift";
  if (random.next_below(3) == 0) text += " residual";
  return text + random_activation_word(random);
}

std::string random_forward(Random& random) {
  const std::string text = with_epilogue(random_geometry(random), random);
  return text + (random.next_below(4) ? "" : " moments") + random_prologue(random);
}
std::string random_depthwise(Random& random) {
  return with_epilogue(random_depthwise_geometry(random), random) + random_prologue(random);
}
std::string random_filter_gradient(Random& random) {
  return random_geometry(random) + random_prologue(random);
}
std::string random_depthwise_filter_gradient(Random& random) {
  return random_depthwise_geometry(random) + random_prologue(random);
}

// Activations that kernels have sums behind.
std::string with_sums(const std::string& text, Random& random) {
  constexpr std::array<const char*, 4> kSums = {"", " sums", " sums relu", " sums relu6"};
  return text + kSums[random.next_below(4)];
}
std::string random_input_gradient(Random& random) {
  constexpr std::array<const char*, 4> kGates = {"", "", " gate_relu", " gate_relu6"};
  std::string text = random_geometry(random);
  if (random.next_below(3) == 0) text += " residual";
  return with_sums(text + kGates[random.next_below(4)], random);
}
// Sums where there is no stride: kernels have none with one.
std::string random_depthwise_input_gradient(Random& random) {
  const std::string text = random_depthwise_geometry(random);
  return text.find("u1v1") == std::string::npos ? text : with_sums(text, random);
}

constexpr OpRules kRules[] = {
    {"conv2d", parse_forward, random_forward, forward_inputs<Conv2d>, conv2d_exact_on_integers,
     conv2d_bounds, nullptr, add_epilogue, without_prologue<Conv2d>},
    {"conv2d_input_gradient", parse_input_gradient, random_input_gradient, input_gradient_inputs,
     input_gradient_exact_on_integers<Conv2dInputGradient>,
     input_gradient_bounds<Conv2dInputGradient>},
    {"conv2d_filter_gradient", parse_filter_gradient, random_filter_gradient,
     filter_gradient_inputs<Conv2dFilterGradient>, nullptr, nullptr, nullptr, nullptr,
     without_prologue<Conv2dFilterGradient>},
    {"conv_transpose2d", parse_transposed, random_transposed},
    {"depthwise_conv2d", parse_depthwise, random_depthwise, forward_inputs<DepthwiseConv2d>,
     exact_on_integers<DepthwiseConv2d>, forward_bounds<DepthwiseConv2d>, nullptr, nullptr,
     without_prologue<DepthwiseConv2d>},
    {"depthwise_conv2d_input_gradient", parse_depthwise_input_gradient,
     random_depthwise_input_gradient, input_gradient_inputs,
     input_gradient_exact_on_integers<DepthwiseConv2dInputGradient>,
     input_gradient_bounds<DepthwiseConv2dInputGradient>},
    {"depthwise_conv2d_filter_gradient", parse_depthwise_filter_gradient,
     random_depthwise_filter_gradient, filter_gradient_inputs<DepthwiseConv2dFilterGradient>,
     nullptr, nullptr, nullptr, nullptr, without_prologue<DepthwiseConv2dFilterGradient>},
};

}  // namespace

std::span<const OpRules> convolution_rules() {
  return kRules;
}

}  // namespace voluta::judge
