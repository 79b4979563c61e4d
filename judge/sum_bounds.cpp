#include <voluta/judge/compare.h>
#include <voluta/judge/norm_argument.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/sum_bounds.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr int64_t kRows = 128;  // of a part

// What one element adds to the two sums' bounds.
struct Share {
  double du, product;
};

class Shares {
 public:
  Shares(const Problem& problem, ActivationKind activation, std::span<const Tensor> norm,
         const Tensor& dx, const std::vector<double>& dx_bound)
      : activation_(activation),
        stored_(problem.outputs[0].dtype),
        norm_(norm),
        dx_(dx),
        dx_bound_(dx_bound) {}

  // Slopes are at most 1.5, hardswish's.
  Share of(int64_t at, int64_t c) const {
    const double value = value_at(dx_, at);
    const double error = allowed_error(stored_, value, dx_bound_[static_cast<std::size_t>(at)]);
    const double deviation = value_at(norm_[0], at) - value_at(norm_[1], c);
    Du du{value, error};
    if (activation_ != ActivationKind::kNone) {
      const double scale = value_at(norm_[2], c) * value_at(norm_[3], c);
      du = du_through(activation_, {deviation, scale, value_at(norm_[4], c)}, value);
      du.error += 1.5 * error;
    }
    return {du.error + 129 * kUnit * std::fabs(du.value),
            (du.error + 132 * kUnit * std::fabs(du.value)) * std::fabs(deviation)};
  }

 private:
  ActivationKind activation_;
  DType stored_;
  std::span<const Tensor> norm_;  // z, m, w', s, b
  const Tensor& dx_;
  const std::vector<double>& dx_bound_;
};

// Pixels of [N,H,W] part by part: one ends after 128 of them, and where a phase of the stride ends.
std::vector<std::vector<int64_t>> parts_of(const Shape& dx, std::array<int64_t, 2> stride) {
  std::vector<std::vector<int64_t>> parts;
  for (int64_t a = 0; a < std::min(stride[0], dx[1]); ++a) {
    for (int64_t b = 0; b < std::min(stride[1], dx[2]); ++b) {
      parts.emplace_back();
      for (int64_t n = 0; n < dx[0]; ++n) {
        for (int64_t h = a; h < dx[1]; h += stride[0]) {
          for (int64_t w = b; w < dx[2]; w += stride[1]) {
            if (std::ssize(parts.back()) == kRows) parts.emplace_back();
            parts.back().push_back((n * dx[1] + h) * dx[2] + w);
          }
        }
      }
    }
  }
  return parts;
}

}  // namespace

std::vector<double> sum_bounds(const Problem& problem, std::array<int64_t, 2> stride,
                               ActivationKind activation, std::span<const Tensor> norm,
                               const Tensor& dx, const std::vector<double>& dx_bound) {
  const Shares shares(problem, activation, norm, dx, dx_bound);
  const int64_t channels = dx.shape()[3];
  std::vector<double> bounds;
  for (const std::vector<int64_t>& pixels : parts_of(dx.shape(), stride)) {
    std::vector<double> of(static_cast<std::size_t>(2 * channels));
    for (int64_t pixel : pixels) {
      for (int64_t c = 0; c < channels; ++c) {
        const Share share = shares.of(pixel * channels + c, c);
        of[static_cast<std::size_t>(c)] += share.du;
        of[static_cast<std::size_t>(channels + c)] += share.product;
      }
    }
    bounds.insert(bounds.end(), of.begin(), of.end());
  }
  return bounds;
}

}  // namespace voluta::judge
