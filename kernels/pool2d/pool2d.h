#pragma once

// Pooling over windows of a picture, as PyTorch's max_pool2d and avg_pool2d.
//
//   window of output (p, q):  h = p*u - top + r,  w = q*v - left + s,  0 <= r < R, 0 <= s < S
//
//   max       y = the greatest x in the window. Positions in the padding never win. Among equals
//             the first in row-major order wins; NaN beats every number.
//   min       y = the least: -max of -x, so that NaN wins here too.
//   average   y = sum of x in the window / D, padding counting as zero.
//             D = the positions of the window inside picture and padding (R*S, but where ceil_mode
//             lets a window reach beyond both), or with count_include_pad = false those inside the
//             picture.
//
// P = floor((H + top + bottom - R) / u) + 1, with ceil_mode ceil instead of floor, less a last
// window that would start below the picture (torch.nn.MaxPool2d, "Shape"). Q likewise.

#include <voluta/core/graph/op.h>
#include <voluta/kernels/common/geometry.h>

#include <array>

namespace voluta {

enum class PoolMode : uint8_t { kMax, kAverage, kMin };

struct Pool2dOptions {
  PoolMode mode = PoolMode::kMax;
  std::array<int64_t, 2> window{2, 2};  // R, S
  std::array<int64_t, 2> stride{2, 2};  // u, v
  Padding2d padding{};                  // each side at most half the window
  bool ceil_mode = false;               // windows may reach beyond picture and padding
  bool count_include_pad = true;        // average only
  bool save_argmax = false;             // max and min only: what their gradient reads
};

// x[N,H,W,C] -> y[N,P,Q,C], and with save_argmax also argmax u8 [N,P,Q,C] = r*S + s of the winner,
// which bounds the window to 256 positions.
struct Pool2d {
  using Options = Pool2dOptions;
  static constexpr std::string_view kName = "pool2d";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  // Of max and min: throws where argmax was not saved.
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  // "n64h28w28c6r2s2u2 average f32"; see pool2d.cpp for the rest.
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

// The pooling whose gradient is taken, and the extents of its input, which dy does not tell.
struct Pool2dGradientOptions {
  Pool2dOptions pool;
  int64_t height = 1, width = 1;  // H, W
};

// (dy[N,P,Q,C], argmax u8 [N,P,Q,C]) -> dx[N,H,W,C]: each input position sums the dy of the windows
// that it won, in row-major order of the windows. Of max and min pooling.
struct MaxPool2dGradient : NotDifferentiable {
  using Options = Pool2dGradientOptions;
  static constexpr std::string_view kName = "max_pool2d_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

// dy[N,P,Q,C] -> dx[N,H,W,C]: each input position sums dy / D of the windows that cover it.
struct AveragePool2dGradient : NotDifferentiable {
  using Options = Pool2dGradientOptions;
  static constexpr std::string_view kName = "average_pool2d_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

}  // namespace voluta
