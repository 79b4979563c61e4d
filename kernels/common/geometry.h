#pragma once

// How a window slides over an image: shared by convolution and pooling.

#include <voluta/core/error.h>

#include <array>
#include <cstdint>
#include <string>

namespace voluta {

// Rows and columns of a window, a stride, an image: 3 means 3 x 3, {1, 7} one row of seven.
struct Extent2d {
  int64_t rows = 1, columns = 1;

  constexpr Extent2d(int64_t both) : rows(both), columns(both) {}
  constexpr Extent2d(int64_t down, int64_t across) : rows(down), columns(across) {}
  constexpr std::array<int64_t, 2> array() const { return {rows, columns}; }
  bool operator==(const Extent2d&) const = default;
};

// Rows and columns added around an image before the window slides over it. May be asymmetric.
struct Padding2d {
  int64_t top = 0, bottom = 0, left = 0, right = 0;

  constexpr Padding2d() = default;
  // The same on all four sides.
  constexpr Padding2d(int64_t all) : Padding2d(all, all) {}
  // `rows` above and below, `columns` left and right.
  constexpr Padding2d(int64_t rows, int64_t columns) : Padding2d(rows, rows, columns, columns) {}
  constexpr Padding2d(int64_t above, int64_t below, int64_t before, int64_t behind)
      : top(above), bottom(below), left(before), right(behind) {}
  bool operator==(const Padding2d&) const = default;
};

// Positions at which a window fits into an axis:
//   floor((in + pad_begin + pad_end - dilation * (window - 1) - 1) / stride) + 1.
// Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic", relationship 15.
// Throws invalid() for extents that make no sense and where the window fits nowhere.
inline int64_t output_extent(int64_t in, int64_t window, int64_t stride, int64_t dilation,
                             int64_t pad_begin, int64_t pad_end) {
  constexpr int64_t kMaxExtent = int64_t{1} << 31;  // keeps the sums below far from overflow
  auto check = [](const char* what, int64_t value, int64_t least) {
    if (value >= least && value < kMaxExtent) return;
    invalid(std::string(what) + " is " + std::to_string(value) + "; it must be at least " +
            std::to_string(least) + " and below 2^31");
  };
  check("input extent", in, 1);
  check("window extent", window, 1);
  check("stride", stride, 1);
  check("dilation", dilation, 1);
  check("padding", pad_begin, 0);
  check("padding", pad_end, 0);
  const int64_t padded = in + pad_begin + pad_end, reach = dilation * (window - 1) + 1;
  if (reach > padded) {
    invalid("a window that spans " + std::to_string(reach) + " does not fit into an extent of " +
            std::to_string(in) + " with padding " + std::to_string(pad_begin) + " and " +
            std::to_string(pad_end) + "; use a larger input, more padding or a smaller window");
  }
  return (padded - reach) / stride + 1;
}

}  // namespace voluta
