#pragma once

// How the room's CUDA kernels walk: an item is a pixel and kWidth neighbouring channels of it, and
// what it needs lies in a span of rows and columns, taken in row-major order. Internal.

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/pool2d/pool2d_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {

struct PoolItem {
  int n, row, column, group;
};

// item i = ((n*rows + row)*columns + column)*groups + group, for i < count.
struct PoolItems {
  int64_t count = 0;
  FastDivisor groups, columns, rows;

  // The items of a tensor [n,rows,columns,c], kWidth channels each.
  PoolItems(int n, int rows_, int columns_, int c, int width)
      : count(int64_t{n} * rows_ * columns_ * c / width),
        groups(c / width),
        columns(columns_),
        rows(rows_) {}

  __device__ PoolItem split(int64_t item) const {
    PoolItem at{};
    at.n = static_cast<int>(item);
    at.group = groups.take_remainder(at.n);
    at.column = columns.take_remainder(at.n);
    at.row = rows.take_remainder(at.n);
    return at;
  }
};

// kWidth bytes that are loaded and stored at once.
template <int kWidth>
struct alignas(kWidth) Bytes {
  uint8_t lane[kWidth];
};

// Calls take(values of x, r*S + s) for the positions of the output pixel's window inside the
// picture; x [N,H,W,C].
template <int kWidth, class T, class F>
__device__ inline void walk_window(const T* x, const Pool2dGeometry& g, int groups,
                                   const PoolItem& at, Span1d rows, Span1d columns, F take) {
  for (int r = rows.begin; r < rows.end; ++r) {
    const int row = (at.n * g.h + at.row * g.u - g.top + r) * g.w + at.column * g.v - g.left;
    for (int s = columns.begin; s < columns.end; ++s) {
      take(load<kWidth>(x, static_cast<int64_t>(row + s) * groups + at.group), r * g.s + s);
    }
  }
}

// Calls take(item of [N,P,Q,C], p, q) for the windows that cover the input pixel.
template <class F>
__device__ inline void walk_covering(const Pool2dGeometry& g, int groups, const PoolItem& at,
                                     F take) {
  const Span1d rows = g.covering_rows(at.row), columns = g.covering_columns(at.column);
  for (int p = rows.begin; p < rows.end; ++p) {
    for (int q = columns.begin; q < columns.end; ++q) {
      take(static_cast<int64_t>((at.n * g.p + p) * g.q + q) * groups + at.group, p, q);
    }
  }
}

}  // namespace voluta
