#include <voluta/kernels/conv2d/conv2d.h>
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

ReceptiveField through_conv(const Problem& problem, const ReceptiveField& in) {
  const auto& options = problem.options_as<Conv2d::Options>();
  const Shape& filter = problem.inputs[1].shape;
  return through_windows(in, options, {filter[1], filter[2]}, options.dilation);
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
  if (problem.op->name == Conv2d::kName) return through_conv(problem, in);
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
