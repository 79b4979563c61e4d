#include <voluta/judge/compare.h>
#include <voluta/judge/moment_bounds.h>
#include <voluta/judge/reference.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr int64_t kRows = 128;  // of a part

// How much wider than the formula's an engine's bound may be (for_engine(), c of DESIGN section 5).
// It scales all bounds, so what grows with the square of an error needs one factor more.
double widest_factor(const Problem& problem) {
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  const bool may_be_tf32 = problem.inputs[0].dtype == DType::f32;
  return 4 + (may_be_tf32 ? 2 * 0x1p-11 / ((n + 1) * kUnit) : 0);
}

struct PartBounds {
  double mean, squares;
};

// Of one channel: rows first .. first + rows - 1 of `y` [.., channels].
PartBounds part_bounds(const Problem& problem, const Tensor& y, const std::vector<double>& y_bound,
                       int64_t first, int64_t rows, int64_t channel, double mean, double squares) {
  const int64_t channels = y.shape()[3];
  const DType stored = problem.outputs[0].dtype;
  const auto error_of = [&](int64_t row) {
    const int64_t at = (first + row) * channels + channel;
    return allowed_error(stored, value_at(y, at), y_bound[static_cast<std::size_t>(at)]);
  };
  double errors = 0, values = 0;
  for (int64_t row = 0; row < rows; ++row) {
    errors += error_of(row);
    values += std::fabs(value_at(y, (first + row) * channels + channel));
  }
  const auto count = static_cast<double>(rows);
  const double e = errors / count + 129 * kUnit * values / count;
  double off = 132 * kUnit * squares;
  for (int64_t row = 0; row < rows; ++row) {
    const double deviation = value_at(y, (first + row) * channels + channel) - mean;
    const double each = error_of(row) + e;
    off += 2 * std::fabs(deviation) * each + widest_factor(problem) * each * each;
  }
  return {e, off};
}

}  // namespace

std::vector<double> moment_bounds(const Problem& problem, const Tensor& y,
                                  const std::vector<double>& y_bound, const Tensor& moments) {
  const int64_t channels = y.shape()[3], all_rows = y.elements() / channels;
  std::vector<double> bounds(static_cast<std::size_t>(moments.elements()));
  for (int64_t first = 0; first < all_rows; first += kRows) {
    for (int64_t k = 0; k < channels; ++k) {
      const int64_t mean_at = first / kRows * 2 * channels + k, squares_at = mean_at + channels;
      const PartBounds of =
          part_bounds(problem, y, y_bound, first, std::min(kRows, all_rows - first), k,
                      value_at(moments, mean_at), value_at(moments, squares_at));
      bounds[static_cast<std::size_t>(mean_at)] = of.mean;
      bounds[static_cast<std::size_t>(squares_at)] = of.squares;
    }
  }
  return bounds;
}

}  // namespace voluta::judge
