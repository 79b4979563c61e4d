#pragma once

// Rows of a picture of a few channels, copied into shared memory as they are: what the kernels
// "staged_rows_mma" share. A row of a window is a run of S*C neighbours in memory, and windows side by side
// share most of it. Pixels of a tile may lie in several rows of y, a segment each; under each segment lie
// the R rows of x that its windows touch, those of all segments side by side:
//
//            q0 .. Q-1 of row p        0 .. Q-1 of row p+1         0 .. q1 of row p+2
//          +------------------------+---------------------------+--------------+
//     r = 0 | elements of x that    |                           |              |   row_pitch elements
//     ...   | their windows touch   |                           |              |
//     R - 1 |                       |                           |              |
//          +------------------------+---------------------------+--------------+
//            run r of a pixel's window begins at r * row_pitch + find_window()
//
// Zeros stand for the padding, and for pixels past the last picture. Elements travel in chunks of kChunk: 1,
// or 8 by cp.async where rows of x are whole aligned chunks. A segment then begins with the chunk that holds
// its first window's first element, `lead` elements before it:
//
//     row of x   |. . . . . . . .|. . . . . . . .|. . . . . . . .|
//     segment    |<- lead ->[ first window  ...  |
//
// A View has x, g, by_q, by_p (divisors by Q and P) and layout.row_pitch.

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/shared_memory.h>
#include <voluta/kernels/common/async_copy.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>

#include <algorithm>

namespace voluta::staged_rows_mma {

using mma_product::kThreads;

constexpr int kWarps = kThreads / 32;
constexpr int kPixels = kThreads;           // of a tile
constexpr int64_t kMostElements = 1 << 29;  // of a layout, so that its bytes fit an int
constexpr int kMostChunk = 8;               // elements

template <class T>
__device__ const uint16_t* bits_of(const T* elements) {
  return reinterpret_cast<const uint16_t*>(elements);
}

constexpr int64_t round_up(int64_t x, int64_t unit) {
  return (x + unit - 1) / unit * unit;
}

// Segments begin at multiples of so many elements: of pairs at least.
constexpr int segment_unit(int chunk) {
  return chunk == 1 ? 2 : chunk;
}

// How many elements of x a copy takes.
template <class T>
int chunk_of(const Conv2dGeometry& g, const T* x) {
  return g.w * g.c % kMostChunk == 0 && aligned16(x) ? kMostChunk : 1;
}

// Elements of a staged row, at most.
inline int64_t row_pitch(const Conv2dGeometry& g, int chunk) {
  const int64_t segments = (kPixels - 2) / g.q + 2, overlap = std::max<int64_t>(g.s - g.v, 0);
  const int64_t filling = chunk - 1 + segment_unit(chunk) - 1;  // of a segment
  const int64_t elements = (kPixels * g.v + segments * overlap) * g.c + segments * filling;
  return round_up(elements, segment_unit(chunk));
}

// Of `rows` of them; kMostElements or more where an int would not do.
inline int64_t staged_elements(const Conv2dGeometry& g, int chunk, int64_t rows) {
  return rows * std::min(row_pitch(g, chunk), kMostElements);
}

// What rows can be staged for, but for the shared memory they take.
inline Support within_limits(const Problem& problem) {
  if (Support limits = implicit_gemm_mma::within_limits(problem); !limits.ok) return limits;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.groups != 1) return Support::no("one group only");
  if (g.c >= 8) return Support::no("fewer than 8 channels only");
  if (g.l != 1 || g.m != 1) return Support::no("no dilation");
  if ((g.q * g.v + g.left + g.s) * g.c >= int64_t{1} << 31) {
    return Support::no("a padded row of 2^31 elements or more");
  }
  return Support::yes();
}

inline Support too_large() {
  return Support::no("its tiles take more than 96 KiB of shared memory");
}

// The part of a row of y that lies in a tile.
struct Segment {
  int elements;  // of a row of x, in whole units: from the lead to the end of the last window
  int lead;      // before its first window
  int begin;     // its place in the staged rows
  int n, p, q;   // of its first pixel
};

template <int kChunk>
struct Run {
  int lead, elements;

  // Of `pixels` pixels from q on.
  __device__ Run(const Conv2dKernelGeometry& g, int q, int pixels) {
    lead = ((q * g.v - g.left) * g.c) & (kChunk - 1);
    constexpr int kUnit = segment_unit(kChunk);
    elements = (lead + ((pixels - 1) * g.v + g.s) * g.c + kUnit - 1) / kUnit * kUnit;
  }
};

template <int kChunk, class View>
__device__ Segment segment(const View& view, int first_pixel, int index) {
  const Conv2dKernelGeometry& g = view.g;
  int row = first_pixel;
  const int q = view.by_q.take_remainder(row), left = g.q - q;
  const int before = index == 0 ? 0 : left + (index - 1) * g.q;  // pixels
  const int pixels = min(index == 0 ? left : g.q, kPixels - before);
  Segment of;
  of.q = index == 0 ? q : 0;
  const Run<kChunk> run(g, of.q, pixels);
  of.elements = run.elements;
  of.lead = run.lead;
  of.begin = index == 0
                 ? 0
                 : Run<kChunk>(g, q, left).elements + (index - 1) * Run<kChunk>(g, 0, g.q).elements;
  of.n = row + index;
  of.p = view.by_p.take_remainder(of.n);
  return of;
}

// How many a tile has.
template <class View>
__device__ int count_segments(const View& view, int first_pixel) {
  int row = first_pixel;
  return view.by_q.quotient(view.by_q.take_remainder(row) + kPixels - 1) + 1;
}

// A chunk of a row of x, or zeros.
template <int kChunk>
__device__ void stage_chunk(uint16_t* to, const uint16_t* from, bool exists) {
  if constexpr (kChunk == 1) {
    *to = exists ? *from : uint16_t{0};
  } else {
    copy_async<kChunk * 2>(to, from, exists ? kChunk * 2 : 0);
  }
}

// Rows first_r .. first_r + count - 1 of the windows of a tile. Neighbouring threads take neighbouring chunks,
// and the same one of all rows. Where chunks are copied, the caller waits for the copies.
template <int kChunk, class View>
__device__ void stage_rows(const View& view, uint16_t* rows, int first_pixel, int first_r,
                           int count) {
  const Conv2dKernelGeometry& g = view.g;
  const int segments = count_segments(view, first_pixel), line = g.w * g.c;
  for (int i = 0; i < segments; ++i) {
    const Segment of = segment<kChunk>(view, first_pixel, i);
    const int first_h = of.p * g.u - g.top + first_r;
    const int begin = (of.q * g.v - g.left) * g.c - of.lead;
    for (int e = static_cast<int>(threadIdx.x) * kChunk; e < of.elements; e += kThreads * kChunk) {
      const bool inside = of.n < g.n && begin + e >= 0 && begin + e < line;
      const int first = inside ? of.n * g.h * line + begin + e : 0;
#pragma unroll 4
      for (int r = 0; r < count; ++r) {
        const int h = first_h + r;
        const bool exists = inside && h >= 0 && h < g.h;
        stage_chunk<kChunk>(rows + r * view.layout.row_pitch + of.begin + e,
                            bits_of(view.x) + (exists ? first + h * line : 0), exists);
      }
    }
  }
}

// Where the window of the thread's pixel of a tile begins, in elements from the staged rows.
template <int kChunk, class View>
__device__ int find_window(const View& view, int first_pixel) {
  int index = first_pixel;
  const int q = view.by_q.take_remainder(index);  // of the tile's first pixel
  index = q + static_cast<int>(threadIdx.x);
  const int within = view.by_q.take_remainder(index);
  const Segment of = segment<kChunk>(view, first_pixel, index);
  return of.begin + of.lead + (within - of.q) * view.g.v * view.g.c;
}

}  // namespace voluta::staged_rows_mma
