#pragma once

// The engines of the room, and what they share: the extents of a pooling. Internal.

#include <voluta/core/macros.h>
#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/pool2d/pool2d.h>

#include <cstdint>
#include <limits>

namespace voluta {

extern const Engine kPool2dDirect;
extern const Engine kPool2dOnednn;
extern const Engine kPool2dOpenmp;
extern const Engine kPool2dReference;
extern const Engine kPool2dCudnn;

extern const Engine kMaxPool2dGradientGather;
extern const Engine kMaxPool2dGradientOnednn;
extern const Engine kMaxPool2dGradientOpenmp;
extern const Engine kMaxPool2dGradientReference;

extern const Engine kAveragePool2dGradientGather;
extern const Engine kAveragePool2dGradientOnednn;
extern const Engine kAveragePool2dGradientOpenmp;
extern const Engine kAveragePool2dGradientReference;
extern const Engine kAveragePool2dGradientCudnn;

// Positions [begin, end) along one axis.
struct Span1d {
  int begin, end;
};

// x[N,H,W,C] -> y[N,P,Q,C], windows of R x S at stride (u, v); 32-bit, for kernels and loops.
struct Pool2dGeometry {
  int n, h, w, c, p, q, r, s, u, v, top, left;
  int padded_h, padded_w;  // of picture and padding
  bool count_include_pad;
  FastDivisor by_u, by_v;

  // Rows r (columns s) of the window of output row p (column q) that lie inside the picture.
  VOLUTA_HOST_DEVICE Span1d window_rows(int row) const { return inside(row, u, top, r, h); }
  VOLUTA_HOST_DEVICE Span1d window_columns(int column) const {
    return inside(column, v, left, s, w);
  }
  // Output rows (columns) whose windows cover input row `row` (column).
  VOLUTA_HOST_DEVICE Span1d covering_rows(int row) const { return covering(row, by_u, top, r, p); }
  VOLUTA_HOST_DEVICE Span1d covering_columns(int column) const {
    return covering(column, by_v, left, s, q);
  }
  // Input rows (columns) that an output row (column) stands for where windows do not overlap: from the
  // first of its window to the next window's, the first and the last up to the picture's edge.
  VOLUTA_HOST_DEVICE Span1d own_rows(int row) const { return own(row, u, top, p, h); }
  VOLUTA_HOST_DEVICE Span1d own_columns(int column) const { return own(column, v, left, q, w); }
  // Whether that divides the picture among them: all windows begin inside it, but for the first.
  bool is_divided() const {
    return r <= u && s <= v && top < u && left < v && (p - 1) * u - top < h &&
           (q - 1) * v - left < w;
  }
  // D of the window of output (row, column), given its part inside the picture.
  VOLUTA_HOST_DEVICE int divisor(int row, int column, Span1d rows, Span1d columns) const {
    if (!count_include_pad) return (rows.end - rows.begin) * (columns.end - columns.begin);
    return clip(r, padded_h - row * u) * clip(s, padded_w - column * v);
  }
  // Rows (columns) that the last window needs past the padding; only with ceil_mode above 0.
  int rows_beyond() const { return (p - 1) * u + r - padded_h; }
  int columns_beyond() const { return (q - 1) * v + s - padded_w; }

 private:
  VOLUTA_HOST_DEVICE static Span1d own(int out, int stride, int pad, int outs, int extent) {
    const int first = out * stride - pad;
    return {out == 0 ? 0 : first, out + 1 == outs ? extent : first + stride};
  }
  VOLUTA_HOST_DEVICE static Span1d inside(int out, int stride, int pad, int window, int extent) {
    const int first = out * stride - pad, room = extent - first;
    return {first < 0 ? -first : 0, clip(window, room)};
  }
  VOLUTA_HOST_DEVICE static int clip(int window, int room) { return room < window ? room : window; }
  VOLUTA_HOST_DEVICE static Span1d covering(int in, const FastDivisor& stride, int pad, int window,
                                            int outs) {
    const int padded = in + pad, past = padded - window;  // first > past / stride
    const int begin = past < 0 ? 0 : stride.quotient(past) + 1;
    const int end = stride.quotient(padded) + 1;
    return {begin, end < outs ? end : outs};
  }
};

// Of any of the three ops.
Pool2dGeometry pool2d_geometry(const Problem& problem);
const Pool2dOptions& pool2d_options(const Problem& problem);

// Whether `value` takes over from `best` in a scan in row-major order, as in PyTorch's
// MaxPoolKernel.cpp: the first of equals stays, and a NaN takes over from anything before it.
template <bool kLeast, class T>
VOLUTA_HOST_DEVICE inline bool beats(T value, T best) {
  return (kLeast ? value < best : value > best) || value != value;
}

// What every number beats or equals.
template <bool kLeast>
inline constexpr float kWorst = kLeast ? std::numeric_limits<float>::infinity()
                                       : -std::numeric_limits<float>::infinity();

// Max or min pooling as the openmp engine does it. x [N,H,W,C] -> y, argmax [N,P,Q,C]; argmax may
// be nullptr.
template <class T>
void extreme_pool2d_openmp(const Pool2dGeometry& g, PoolMode mode, const T* x, T* y,
                           uint8_t* argmax);

}  // namespace voluta
