#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/common/pixel_normalization.h>
#include <voluta/kernels/common/problem_checks.h>

#include <cmath>

namespace voluta {

void check_pixels(const TensorType& x, const PixelNormalization& normalization) {
  if (!is_floating(x.dtype) || x.shape.rank() != 4 || (x.shape[3] != 1 && x.shape[3] != 3)) {
    invalid(fmt::format("pictures must be floating [N,H,W,C] of 1 or 3 channels, not {}",
                        to_string(x)));
  }
  for (const double deviation : normalization.deviation) {
    if (!(deviation > 0 && std::isfinite(deviation))) {
      invalid(fmt::format("a deviation is {}; it must be finite and above 0", deviation));
    }
  }
}

std::string describe_pixels(const TensorType& x, const PixelNormalization& o) {
  return fmt::format("{} meanr{} meang{} meanb{} devr{} devg{} devb{} {}",
                     describe_extents(x.shape), o.mean[0], o.mean[1], o.mean[2], o.deviation[0],
                     o.deviation[1], o.deviation[2], name_of(x.dtype));
}

}  // namespace voluta
