#pragma once

// Rows of pictures in shared memory, for a block that goes down them: a row is copied once and stays while
// windows of output pixels touch it. Internal to the room.
//
// The rows that windows touch, of padded pictures, are lines; picture n's follow those of picture n - 1:
//   line n * picture_lines + p*u + r*l      holds row p*u + r*l - top of picture n, or zeros
// A line lies in slot line % lines of the ring, and the first slots once more behind the last, so that a
// window's lines follow each other wherever it begins:
//
//   slot  0   1   2  ..  lines - 1 | 0   1      mirrored = (R - 1) * l of them
//
// Columns lie by their phase in the stride, so that windows side by side begin at neighbours:
//
//   v = 2:  columns 0 2 4 .. | 1 3 5 ..     of a slab of channels each, and 16 bytes that keep 8 of them in
//                                           different banks

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/shared_memory.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/async_copy.cuh>

#include <algorithm>

namespace voluta::grouped_rows_mma {

struct RowsRing {
  struct Lines {
    int begin, end;
  };

  static constexpr int kChunkBytes = 16, kChunkElements = 8;

  int lines = 0, mirrored = 0;
  int columns = 0, phase_columns = 0, chunks = 0;  // of a line; of its phase; of 16 bytes a column
  int column_bytes = 0, line_bytes = 0;
  int stride = 1;  // u
  FastDivisor by_lines, by_picture_lines, by_chunks, by_stride, by_q, by_p;

  // Where column `column` lies in its line, in bytes.
  VOLUTA_HOST_DEVICE int place(int column) const {
    const int phase = by_stride.take_remainder(column);
    return (phase * phase_columns + column) * column_bytes;
  }
  // Where a line lies in the ring.
  VOLUTA_HOST_DEVICE int line_place(int line) const {
    return by_lines.take_remainder(line) * line_bytes;
  }

  // Where the window of an output pixel, index of [N,P,Q], begins, while its lines are there.
  VOLUTA_HOST_DEVICE int window(int pixel) const {
    const int q = by_q.take_remainder(pixel);
    return line_place(first_line(pixel)) + q * column_bytes;
  }
  // The lines that the windows of pixels first .. last touch.
  VOLUTA_HOST_DEVICE Lines under(int first, int last) const {
    return {first_line(by_q.quotient(first)), first_line(by_q.quotient(last)) + mirrored + 1};
  }
  int bytes() const { return (lines + mirrored) * line_bytes; }

 private:
  // Under a row of y, index of [N,P].
  VOLUTA_HOST_DEVICE int first_line(int n) const {
    const int p = by_p.take_remainder(n);
    return n * static_cast<int>(by_picture_lines.divisor) + p * stride;
  }
};

// On the host, before it is known whether a ring fits: extents in 64 bits.
struct RowsRingExtents {
  int64_t window_lines, picture_lines, columns, phase_columns, chunks, column_bytes, line_bytes;

  RowsRingExtents(const Conv2dGeometry& g, int64_t channels)
      : window_lines((g.r - 1) * g.l + 1),
        picture_lines((g.p - 1) * g.u + window_lines),
        columns((g.q - 1) * g.v + (g.s - 1) * g.m + 1),
        phase_columns((columns + g.v - 1) / g.v),
        chunks((channels + RowsRing::kChunkElements - 1) / RowsRing::kChunkElements),
        column_bytes((chunks | 1) * RowsRing::kChunkBytes),
        line_bytes(std::min(g.v, columns) * phase_columns * column_bytes) {}

  // The most lines that the windows of `pixels` > 1 neighbours touch, with those between.
  int64_t span(const Conv2dGeometry& g, int64_t pixels) const {
    const int64_t rows = std::min((pixels - 2) / g.q + 2, g.n * g.p);
    const int64_t pictures_left = rows > 1 ? std::min((rows - 2) / g.p + 1, g.n - 1) : 0;
    return (rows - 1) * g.u + pictures_left * std::max<int64_t>(window_lines - g.u, 0) +
           window_lines;
  }

  int64_t bytes(int64_t lines) const { return (lines + window_lines - 1) * line_bytes; }

  // Of `lines` lines, where bytes(lines) fits an int.
  RowsRing ring(const Conv2dGeometry& g, int64_t lines) const {
    const auto narrow = [](int64_t value) { return static_cast<int>(value); };
    return {.lines = narrow(lines),
            .mirrored = narrow(window_lines - 1),
            .columns = narrow(columns),
            .phase_columns = narrow(phase_columns),
            .chunks = narrow(chunks),
            .column_bytes = narrow(column_bytes),
            .line_bytes = narrow(line_bytes),
            .stride = narrow(g.u),
            .by_lines = FastDivisor(lines),
            .by_picture_lines = FastDivisor(picture_lines),
            .by_chunks = FastDivisor(chunks),
            .by_stride = FastDivisor(g.v),
            .by_q = FastDivisor(g.q),
            .by_p = FastDivisor(g.p)};
  }
};

// Whether lines of `channels` channels under `pixels` pixels fit beside `bytes` others.
inline Support ring_fits(const Conv2dGeometry& g, int64_t channels, int64_t pixels, int64_t bytes) {
  const RowsRingExtents extents(g, channels);
  const int64_t lines = extents.span(g, pixels);
  if (lines > kMostShared || extents.line_bytes > kMostShared ||
      bytes + extents.bytes(lines) > kMostShared) {
    return Support::no("what a block keeps takes more than 96 KiB of shared memory");
  }
  if (g.n >= ((int64_t{1} << 31) - (int64_t{1} << 16)) / extents.picture_lines) {
    return Support::no("pictures of nearly 2^31 rows, padding counted");
  }
  return Support::yes();
}

// Of the lines under `pixels` pixels and, as far as `blocks` blocks on a multiprocessor leave room for them,
// under as many more.
inline RowsRing wanted_ring(const Conv2dGeometry& g, int64_t channels, int64_t pixels,
                            int64_t blocks, int64_t bytes) {
  const RowsRingExtents extents(g, channels);
  const int64_t least = extents.span(g, pixels), most = extents.span(g, 2 * pixels);
  const int64_t shared =
      std::min(kMultiprocessorShared / blocks - kReservedShared, kMostShared) - bytes;
  const int64_t wanted = shared / extents.line_bytes - (extents.window_lines - 1);
  return extents.ring(g, std::clamp(wanted, least, std::max(least, most)));
}

// 8 channels of which `present` exist; zeros for the others. `vector`: all or none do, 16 aligned bytes.
__device__ inline void copy_chunk(unsigned char* to, const uint16_t* from, int present,
                                  bool vector) {
  if (vector) return copy_async<RowsRing::kChunkBytes>(to, from, present > 0 ? 16 : 0);
  for (int e = 0; e < RowsRing::kChunkElements; ++e) {
    reinterpret_cast<uint16_t*>(to)[e] = e < present ? from[e] : uint16_t{0};
  }
}

// Starts to copy lines begin .. end - 1 of x[N,H,W,C], channels `first_channel` and the slab's others. A
// warp takes a line at a time.
template <int kThreads>
__device__ void stage_lines(const RowsRing& ring, const Conv2dKernelGeometry& g, const uint16_t* x,
                            unsigned char* memory, int first_channel, int begin, int end,
                            bool vector) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int line = begin + static_cast<int>(threadIdx.x) / 32; line < end; line += kThreads / 32) {
    int n = line;
    const int h = ring.by_picture_lines.take_remainder(n) - g.top;
    const bool inside = h >= 0 && h < g.h;
    const uint16_t* const row = x + (inside ? (n * g.h + h) * g.w * g.c : 0);
    const int at = ring.line_place(line);
    const bool twice = at < ring.mirrored * ring.line_bytes;
    for (int i = lane; i < ring.columns * ring.chunks; i += 32) {
      int column = i;
      const int chunk = ring.by_chunks.take_remainder(column), w = column - g.left;
      const int channel = first_channel + chunk * RowsRing::kChunkElements;
      const int present = inside && w >= 0 && w < g.w ? g.c - channel : 0;
      const uint16_t* const from = present > 0 ? row + w * g.c + channel : x;
      unsigned char* const to = memory + at + ring.place(column) + chunk * RowsRing::kChunkBytes;
      copy_chunk(to, from, present, vector);
      if (twice) copy_chunk(to + ring.lines * ring.line_bytes, from, present, vector);
    }
  }
}

// Takes a block through tiles first .. last of kRows of `pixels` pixels. It has
//   stage_lines(begin, end)     starts to copy lines
//   stage_pixels(first)         starts to copy what a tile has beside them, twice buffered
//   prepare(first)              what its threads do before they meet
//   multiply(first)             with all of that; a barrier stands behind its last read of lines and pixels
// `first` being the tile's first pixel. Copies for a tile begin while the one before is multiplied.
template <int kRows, class Block>
__device__ void go_down(const RowsRing& ring, int first, int last, int pixels, Block& block) {
  const auto under = [&](int tile) {
    return ring.under(tile * kRows, min((tile + 1) * kRows, pixels) - 1);
  };
  RowsRing::Lines lines = under(first);
  int staged = lines.begin;  // lines before it are in the ring, or no longer needed
  block.stage_pixels(first * kRows);
  for (int tile = first; tile <= last; ++tile) {
    block.stage_lines(staged, lines.end);
    staged = max(staged, lines.end);
    block.prepare(tile * kRows);
    wait_copies<0>();
    __syncthreads();
    if (tile < last) {
      const RowsRing::Lines ahead = under(tile + 1);
      const int end = min(ahead.end, lines.begin + ring.lines);
      staged = max(staged, ahead.begin);
      block.stage_lines(staged, end);
      staged = max(staged, end);
      lines = ahead;
      block.stage_pixels((tile + 1) * kRows);
    }
    block.multiply(tile * kRows);
  }
}

}  // namespace voluta::grouped_rows_mma
