#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/normalised.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/conv2d/conv2d_rules.h>
#include <voluta/kernels/conv2d/conv2d_sum_parts.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace voluta {
namespace {

void check_count(std::string_view op, std::span<const TensorType> inputs, std::size_t count) {
  if (inputs.size() == count) return;
  invalid(std::string(op) + " takes " + std::to_string(count) + " inputs, not " +
          std::to_string(inputs.size()));
}

// Tensors of one floating type, none of them empty.
void check_tensors(std::string_view op, std::span<const TensorType> inputs) {
  const std::string name(op);
  for (const TensorType& type : inputs) {
    if (!is_floating(type.dtype) || type.dtype != inputs[0].dtype) {
      invalid(name + " takes tensors of one floating type, not " + to_string(inputs[0]) + " and " +
              to_string(type));
    }
    for (const int64_t extent : type.shape.extents()) {
      if (extent < 1) invalid(name + " takes no empty tensor such as " + to_string(type));
    }
  }
}

void check_rank4(std::string_view op, const char* what, const TensorType& type) {
  if (type.shape.rank() != 4) {
    invalid(std::string(op) + ": " + what + " must have 4 axes, not the shape " +
            to_string(type.shape));
  }
}

void check_groups(std::string_view op, int64_t groups, int64_t channels, const char* what) {
  if (groups < 1 || channels % groups != 0) {
    invalid(std::string(op) + ": " + std::to_string(channels) + " " + what + " channels are not " +
            "divisible into " + std::to_string(groups) + " groups");
  }
}

// [P, Q] of an image under a filter.
std::array<int64_t, 2> output_extents(const Conv2dOptions& options, int64_t height, int64_t width,
                                      int64_t r, int64_t s) {
  const Padding2d& pad = options.padding;
  return {output_extent(height, r, options.stride[0], options.dilation[0], pad.top, pad.bottom),
          output_extent(width, s, options.stride[1], options.dilation[1], pad.left, pad.right)};
}

// A gradient's dy must be what the forward gives.
void check_output_extents(std::string_view op, const Shape& dy, std::array<int64_t, 2> expected) {
  if (dy[1] == expected[0] && dy[2] == expected[1]) return;
  invalid(std::string(op) + ": dy " + to_string(dy) + " must have " + std::to_string(expected[0]) +
          " rows and " + std::to_string(expected[1]) + " columns for these options");
}

void check_no_epilogue(std::string_view op, const Conv2dOptions& options) {
  if (options.activation != ActivationKind::kNone || options.scale_shift || options.residual ||
      options.moments) {
    invalid(std::string(op) + " takes no fused epilogue; take its gradient of dy first");
  }
}

void check_no_prologue(std::string_view op, const Conv2dOptions& options) {
  if (options.prologue == Prologue{}) return;
  invalid(std::string(op) + " takes no prologue: it does not read x");
}

void check_vector(std::string_view op, const char* what, const TensorType& type,
                  const TensorType& wanted) {
  if (type == wanted) return;
  invalid(std::string(op) + ": the " + what + " must be " + to_string(wanted) + ", not " +
          to_string(type));
}

// The inputs without the normaliser, which is checked here against x, the first of them.
std::span<const TensorType> take_normaliser(std::string_view op, const Prologue& prologue,
                                            std::span<const TensorType> inputs) {
  if (!is_clamp(prologue.activation) ||
      (!prologue.normalise && prologue.activation != ActivationKind::kNone)) {
    invalid(std::string(op) + ": a prologue normalises, and applies relu, relu6 or nothing");
  }
  if (!prologue.normalise) return inputs;
  if (inputs.size() < 3) {
    invalid(std::string(op) + " takes a normaliser behind its other inputs");
  }
  check_rank4(op, "x [N,H,W,C]", inputs[0]);
  const DType dtype = inputs[0].dtype == DType::f64 ? DType::f64 : DType::f32;
  check_vector(op, "normaliser", inputs.back(), {dtype, {3, inputs[0].shape[3]}});
  return inputs.first(inputs.size() - 1);
}

std::string with_letter(const char* letter, int64_t value) {
  return letter + std::to_string(value);
}

}  // namespace

std::vector<TensorType> infer_conv2d(std::string_view op, const Conv2dOptions& options,
                                     std::span<const TensorType> inputs) {
  inputs = take_normaliser(op, options.prologue, inputs);
  const std::size_t needed = 2 + (options.scale_shift ? 2 : 0) + (options.residual ? 1 : 0);
  const bool has_bias = inputs.size() == needed + 1;
  if (!has_bias) check_count(op, inputs, needed);
  check_tensors(op, inputs.first(has_bias ? 3 : 2));
  check_rank4(op, "x [N,H,W,C]", inputs[0]);
  check_rank4(op, "w [K,R,S,C/groups]", inputs[1]);
  const Shape &x = inputs[0].shape, &w = inputs[1].shape;
  check_groups(op, options.groups, x[3], "input");
  check_groups(op, options.groups, w[0], "output");
  if (w[3] != x[3] / options.groups) {
    invalid(std::string(op) + ": filters " + to_string(w) + " want " + std::to_string(w[3]) +
            " channels per group, but the input " + to_string(x) + " in " +
            std::to_string(options.groups) + " groups has " +
            std::to_string(x[3] / options.groups));
  }
  if (has_bias && inputs[2].shape != Shape{w[0]}) {
    invalid(std::string(op) + ": the bias must have the shape [" + std::to_string(w[0]) +
            "], not " + to_string(inputs[2].shape));
  }
  const auto [p, q] = output_extents(options, x[1], x[2], w[1], w[2]);
  const TensorType y{inputs[0].dtype, {x[0], p, q, w[0]}};
  if (options.scale_shift) {
    const TensorType vector{y.dtype == DType::f64 ? DType::f64 : DType::f32, {w[0]}};
    const std::size_t scale = has_bias ? 3 : 2;
    check_vector(op, "scale", inputs[scale], vector);
    check_vector(op, "shift", inputs[scale + 1], vector);
  }
  if (options.residual) check_vector(op, "residual", inputs.back(), y);
  if (!options.moments) return {y};
  const int64_t rows = x[0] * p * q;
  return {y,
          {y.dtype == DType::f64 ? DType::f64 : DType::f32,
           {(rows + kMomentRows - 1) / kMomentRows, 2, w[0]}}};
}

namespace {

// How many inputs an input gradient has for its sums.
std::size_t sums_count(const Conv2dInputGradientOptions& options) {
  if (!options.sums) return 0;
  return options.activation != ActivationKind::kNone ? 5 : 2;
}

// Output 1 of an input gradient with sums; `norm` are z and its vectors.
TensorType infer_sums(std::string_view op, const Conv2dGeometry& g, const TensorType& dx,
                      std::span<const TensorType> norm) {
  const DType dtype = dx.dtype == DType::f64 ? DType::f64 : DType::f32;
  check_vector(op, "input of the batch norm", norm[0], dx);
  for (const TensorType& vector : norm.subspan(1)) {
    check_vector(op, "batch norm's vectors", vector, {dtype, {dx.shape[3]}});
  }
  return {dtype, {SumParts<int64_t>(g).count(), 2, g.c}};
}

}  // namespace

std::vector<TensorType> infer_conv2d_input_gradient(std::string_view op,
                                                    const Conv2dInputGradientOptions& options,
                                                    std::span<const TensorType> inputs) {
  if (options.activation != ActivationKind::kNone && !options.sums) {
    invalid(std::string(op) + ": an activation belongs to sums");
  }
  if (!is_clamp(options.gate)) invalid(std::string(op) + ": a gate is that of relu or relu6");
  const std::size_t norm = conv2d_norm_in_front(options);
  check_count(op, inputs, norm + sums_count(options));
  check_tensors(op, inputs.first(2));
  check_rank4(op, "dy [N,P,Q,K]", inputs[0]);
  check_rank4(op, "w [K,R,S,C/groups]", inputs[1]);
  check_no_epilogue(op, options.conv);
  check_no_prologue(op, options.conv);
  const Shape &dy = inputs[0].shape, &w = inputs[1].shape;
  check_groups(op, options.conv.groups, w[0], "output");
  if (dy[3] != w[0]) {
    invalid(std::string(op) + ": dy " + to_string(dy) + " and the filters " + to_string(w) +
            " differ in their number of output channels");
  }
  check_output_extents(op, dy,
                       output_extents(options.conv, options.height, options.width, w[1], w[2]));
  const TensorType dx{inputs[0].dtype,
                      {dy[0], options.height, options.width, w[3] * options.conv.groups}};
  for (const TensorType& type : inputs.subspan(2, norm - 2)) {
    check_vector(op, "residual, and the input that gates,", type, dx);
  }
  if (!options.sums) return {dx};
  const Conv2dGeometry g = conv2d_geometry(options.conv, dx.shape, w, dy);
  return {dx, infer_sums(op, g, dx, inputs.subspan(norm))};
}

std::vector<TensorType> infer_conv2d_filter_gradient(std::string_view op,
                                                     const Conv2dFilterGradientOptions& options,
                                                     std::span<const TensorType> inputs) {
  inputs = take_normaliser(op, options.conv.prologue, inputs);
  check_count(op, inputs, 2);
  check_tensors(op, inputs);
  check_rank4(op, "x [N,H,W,C]", inputs[0]);
  check_rank4(op, "dy [N,P,Q,K]", inputs[1]);
  check_no_epilogue(op, options.conv);
  const Shape &x = inputs[0].shape, &dy = inputs[1].shape;
  check_groups(op, options.conv.groups, x[3], "input");
  check_groups(op, options.conv.groups, dy[3], "output");
  if (x[0] != dy[0]) {
    invalid(std::string(op) + ": x " + to_string(x) + " and dy " + to_string(dy) +
            " differ in their batch");
  }
  const int64_t r = options.filter_height, s = options.filter_width;
  check_output_extents(op, dy, output_extents(options.conv, x[1], x[2], r, s));
  return {{inputs[0].dtype, {dy[3], r, s, x[3] / options.conv.groups}}};
}

namespace {

// How many positions of an axis lie under a window: all of them, unless the stride leaves gaps.
int64_t positions_read(int64_t extent, int64_t outputs, int64_t stride, int64_t pad, int64_t taps,
                       int64_t dilation) {
  std::vector<bool> read(static_cast<std::size_t>(extent));
  for (int64_t p = 0; p < outputs; ++p) {
    for (int64_t r = 0; r < taps; ++r) {
      const int64_t at = p * stride - pad + r * dilation;
      if (at >= 0 && at < extent) read[static_cast<std::size_t>(at)] = true;
    }
  }
  return std::ranges::count(read, true);
}

}  // namespace

// The forward direction and the filter gradient read the pixels of x under a window; the input
// gradient writes all of dx.
Cost conv2d_cost(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const double outputs = static_cast<double>(g.n * g.p * g.q) * static_cast<double>(g.k);
  double bytes = bytes_touched(problem);
  if (problem.op->name != Conv2dInputGradient::kName) {
    const auto rows = positions_read(g.h, g.p, g.u, g.top, g.r, g.l);
    const auto columns = positions_read(g.w, g.q, g.v, g.left, g.s, g.m);
    const auto unread = static_cast<double>(g.h * g.w - rows * columns);
    bytes -= unread * static_cast<double>(g.n * g.c) *
             static_cast<double>(size_of(problem.inputs[0].dtype));
  }
  return {2.0 * outputs * static_cast<double>(g.r * g.s * g.group_c), bytes};
}

Value gradient_before_epilogue(GradientContext& context, std::string_view op,
                               const Conv2dOptions& options) {
  const auto refuse = [&](std::string_view fused) {
    invalid(std::string(op) + ": take gradients before " + std::string(fused) +
            " is fused into it; they read what the fusion does not keep");
  };
  if (options.scale_shift) refuse("batch norm");
  if (options.moments) refuse("the moments of its output");
  if (options.prologue.normalise) refuse("its prologue");
  Value dy = context.output_gradient(0);
  if (options.activation != ActivationKind::kNone) {
    if (gradient_reads_input({.kind = options.activation})) refuse(name_of(options.activation));
    dy = context.add<ActivationGradient>({options.activation}, {context.output(0), dy});
  }
  const std::size_t last = context.input_count() - 1;
  if (options.residual && context.wants(last)) context.set(last, dy);
  return dy;
}

std::string describe_padding(const Padding2d& pad) {
  if (pad == Padding2d{}) return "";
  if (pad == Padding2d(pad.top)) return with_letter("p", pad.top);
  return with_letter("pt", pad.top) + with_letter("pb", pad.bottom) + with_letter("pl", pad.left) +
         with_letter("pr", pad.right);
}

std::string describe_pair(const char* rows, const char* columns, std::array<int64_t, 2> pair) {
  if (pair == std::array<int64_t, 2>{1, 1}) return "";
  if (pair[0] == pair[1]) return with_letter(rows, pair[0]);
  return with_letter(rows, pair[0]) + with_letter(columns, pair[1]);
}

std::string describe_conv2d(const Problem& problem, bool with_groups) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Conv2dOptions& options = conv2d_options(problem);
  std::string line;
  const std::pair<const char*, int64_t> extents[] = {{"n", g.n}, {"h", g.h}, {"w", g.w}, {"c", g.c},
                                                     {"k", g.k}, {"r", g.r}, {"s", g.s}};
  for (const auto& [letter, extent] : extents) line += with_letter(letter, extent);
  line += describe_padding(options.padding) + describe_pair("u", "v", options.stride) +
          describe_pair("l", "m", options.dilation);
  if (with_groups && g.groups > 1) line += with_letter("g", g.groups);
  if (conv2d_epilogue_inputs(problem).bias) line += " bias";
  if (options.scale_shift) line += " scale_shift";
  if (options.residual) line += " residual";
  if (options.moments) line += " moments";
  line += describe(options.prologue);
  ActivationKind activation = options.activation;
  if (problem.op->name == Conv2dInputGradient::kName) {
    const auto& gradient = problem.options_as<Conv2dInputGradientOptions>();
    if (gradient.residual) line += " residual";
    if (gradient.gate != ActivationKind::kNone) (line += " gate_") += name_of(gradient.gate);
    if (gradient.sums) line += " sums";
    activation = gradient.activation;
  }
  if (activation != ActivationKind::kNone) (line += " ") += name_of(activation);
  return line + " " + std::string(name_of(problem.outputs[0].dtype));
}

}  // namespace voluta
