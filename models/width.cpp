#include <voluta/core/error.h>
#include <voluta/models/width.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace voluta {
namespace {

constexpr double kMaxWidth = 1000;

double scaled(int64_t channels, double width) {
  if (!(width > 0 && width <= kMaxWidth)) {
    invalid("width must be above 0 and at most 1000, not " + std::to_string(width));
  }
  return static_cast<double>(channels) * width;
}

}  // namespace

int64_t scale_channels(int64_t channels, double width, int64_t groups) {
  const double per_group = scaled(channels, width) / static_cast<double>(groups);
  return groups * std::max<int64_t>(1, static_cast<int64_t>(std::floor(per_group + 0.5)));
}

int64_t scale_channels_by_eight(int64_t channels, double width) {
  constexpr int64_t kMultiple = 8;
  const double wanted = scaled(channels, width);
  const int64_t halves_up = static_cast<int64_t>(wanted + kMultiple / 2.0);
  const int64_t nearest = std::max(kMultiple, halves_up / kMultiple * kMultiple);
  return static_cast<double>(nearest) < 0.9 * wanted ? nearest + kMultiple : nearest;
}

}  // namespace voluta
