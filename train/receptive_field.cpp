#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/conv_transpose2d/conv_transpose2d.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/train/receptive_field.h>

#include <algorithm>
#include <cmath>

namespace voluta {
namespace {

FieldAxis through_window(const FieldAxis& in, int64_t window, int64_t stride, int64_t dilation,
                         int64_t padding) {
  const auto before = static_cast<double>(padding);
  const auto reach = static_cast<double>(dilation * (window - 1));
  return {in.first - before * in.step, in.last + (reach - before) * in.step,
          in.step * static_cast<double>(stride)};
}

template <class Options>
ReceptiveField through_windows(const ReceptiveField& in, const Options& options,
                               std::array<int64_t, 2> window, std::array<int64_t, 2> dilation) {
  const Padding2d& padding = options.padding;
  return {through_window(in.rows, window[0], options.stride[0], dilation[0], padding.top),
          through_window(in.columns, window[1], options.stride[1], dilation[1], padding.left)};
}

// From `from` positions to `to`, each of which sees an equal share, rounded up to whole positions.
FieldAxis through_share(const FieldAxis& in, int64_t from, int64_t to) {
  const auto share = static_cast<double>((from + to - 1) / to);
  const double stride = static_cast<double>(from) / static_cast<double>(to);
  return {in.first, in.last + (share - 1) * in.step, in.step * stride};
}

template <class Convolution>
ReceptiveField through_conv(const Problem& problem, const ReceptiveField& in) {
  const auto& options = problem.options_as<typename Convolution::Options>();
  const Shape& filter = problem.inputs[1].shape;
  return through_windows(in, options, {filter[1], filter[2]}, options.dilation);
}

int64_t floor_divide(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

// Output p lies under the inputs i with p = i*stride - padding + r*dilation, 0 <= r < window. How
// many those are depends on p mod stride; the field is that of the outputs that see most.
FieldAxis through_transposed(const FieldAxis& in, int64_t window, int64_t stride, int64_t dilation,
                             int64_t padding) {
  const int64_t reach = dilation * (window - 1);
  const double step = in.step / static_cast<double>(stride);
  FieldAxis widest{in.first, in.first - 1, step};
  for (int64_t p = 0; p < stride; ++p) {
    const int64_t least = -floor_divide(reach - p - padding, stride);
    const int64_t greatest = floor_divide(p + padding, stride);
    if (greatest < least) continue;  // an output under no input
    const double back = static_cast<double>(p) * step;
    const FieldAxis field{in.first + static_cast<double>(least) * in.step - back,
                          in.last + static_cast<double>(greatest) * in.step - back, step};
    if (field.size() > widest.size()) widest = field;
  }
  return widest;
}

ReceptiveField through_transposed(const Problem& problem, const ReceptiveField& in) {
  const auto& o = problem.options_as<ConvTranspose2d::Options>();
  const Shape& filter = problem.inputs[1].shape;
  return {through_transposed(in.rows, filter[1], o.stride[0], o.dilation[0], o.padding.top),
          through_transposed(in.columns, filter[2], o.stride[1], o.dilation[1], o.padding.left)};
}

}  // namespace

int64_t FieldAxis::size() const {
  return std::llround(last - first) + 1;
}

int64_t ReceptiveField::size() const {
  return std::max(rows.size(), columns.size());
}

ReceptiveField united(const ReceptiveField& a, const ReceptiveField& b) {
  const auto unite = [](const FieldAxis& x, const FieldAxis& y) {
    return FieldAxis{std::min(x.first, y.first), std::max(x.last, y.last),
                     std::max(x.step, y.step)};
  };
  return {unite(a.rows, b.rows), unite(a.columns, b.columns)};
}

ReceptiveField field_after(const Node& node, const ReceptiveField& in) {
  const Problem& problem = node.problem;
  if (problem.op->name == Conv2d::kName) return through_conv<Conv2d>(problem, in);
  if (problem.op->name == DepthwiseConv2d::kName) return through_conv<DepthwiseConv2d>(problem, in);
  if (problem.op->name == ConvTranspose2d::kName) return through_transposed(problem, in);
  if (problem.op->name == Pool2d::kName) {
    const auto& options = problem.options_as<Pool2d::Options>();
    return through_windows(in, options, options.window, {1, 1});
  }
  const Shape &from = problem.inputs[0].shape, &to = problem.outputs[0].shape;
  if (from.rank() != 4) return in;
  const bool picture = to.rank() == 4;
  return {through_share(in.rows, from[1], picture ? to[1] : 1),
          through_share(in.columns, from[2], picture ? to[2] : 1)};
}

}  // namespace voluta
