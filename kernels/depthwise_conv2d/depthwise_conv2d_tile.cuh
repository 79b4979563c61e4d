#pragma once

// How the kernels of this room share the work. A thread owns kWidth neighbouring channels (4 moved as one
// access of 16 bytes, or 8 where they have 16 bits: the taps of 8 would fill its registers; or 1) and walks
// strips: kStrip neighbouring pixels of a row. A block is `lanes` channel groups wide and `rows` strips high;
// neighbouring threads read neighbouring channels:
//
//            lane 0   lane 1   ...   lane L-1           chunks = blocks side by side along the
//   row 0    c0..3    c4..7          c4L-4..4L-1                 channels
//   row 1     the walk beside it, the same channels     block  = chunk + chunks * strip block
//
// lanes and chunks are chosen so that few threads idle: 36 groups are one chunk of 36 lanes, 240
// are 4 of 60; warps that would have none are not launched. All depends on the extents alone, so two runs agree
// bit for bit.
//
// Note [Loads of a strip]
// These kernels move bytes, and a thread that waits for each pixel in turn moves few: no load of a row is behind
// a branch of its own, pixels outside of the picture are zeros by selection, and those of a row are asked for before
// the first is used. Zeros outside are multiplied: a tap, or of a filter gradient a dy at the border, that is not
// finite makes NaN there, as in products of matrices.
//
// Note [A window that moves down]
// A thread's strips are walks: strips below each other, as long as makes a column of strips even walks. With 3 x 3
// filters forward and filter gradient go down the rows of x and take each for the two or three output rows that it
// reaches, so that a row is loaded, and normalised, once for all of them:
//
//   stride 1    open outputs                     stride 2
//   row of x    p-2    p-1    p                  row of x        p-1    p
//   p - top     += w2  += w1  += w0, store p-2    2p - top        += w2  += w0, store p-1
//                                                2p + 1 - top           += w1

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d_engines.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/conv2d/conv2d_prologue.cuh>

#include <algorithm>

namespace voluta::depthwise {

constexpr int kBlock = 128;  // threads at most
constexpr int kStrip = 4;
constexpr int kMaxLanes = 64;
constexpr int64_t kRounds = 4,
                  kMultiprocessors =
                      132;  // for how many rounds of a large GPU there should be blocks
constexpr int64_t kSharedFloats = 48 * 256;  // 48 KiB of filters a block

struct Tile {
  int lanes, rows, chunks;
  int groups;        // of channels, over all chunks
  int strip_blocks;  // blocks side by side along the strips

  int threads() const { return (lanes * rows + 31) / 32 * 32; }  // of a block, in whole warps
};

// How threads share strips.
struct Sharing {
  int64_t blocks;            // at once on an SM, by registers
  int64_t least_strips = 1;  // a thread
  int64_t most_lanes = kMaxLanes;

  // Blocks that there should be, of `chunks` side by side along the channels.
  int64_t wanted(int64_t chunks) const {
    return std::max<int64_t>(kRounds * kMultiprocessors * blocks / chunks, 1);
  }
};

// Channel groups as blocks; `floats_per_lane` of shared memory a lane.
inline Tile make_tile(int64_t groups, int64_t floats_per_lane, int64_t most_lanes) {
  const int64_t most = std::clamp<int64_t>(kSharedFloats / floats_per_lane, 1, most_lanes);
  const int64_t chunks = (groups + most - 1) / most, lanes = (groups + chunks - 1) / chunks;
  return {.lanes = static_cast<int>(lanes),
          .rows = static_cast<int>(kBlock / lanes),
          .chunks = static_cast<int>(chunks),
          .groups = static_cast<int>(groups)};
}

// What the three kernels are told beside their tensors.
struct View {
  Conv2dKernelGeometry g;
  Tile tile;
  FastDivisor by_lanes, by_chunks, by_multiplier, by_taps;
  FastDivisor by_strips, by_rows;  // strips a row; rows an image
  FastDivisor by_walks;            // walks a column of strips
  FastDivisor by_u, by_v;
  int walks, walk_strips;  // of all images; strips of a walk
  int multiplier;
  int first_column;  // where a row's first strip begins
};

// `rows` x `columns` pixels of N images are cut into strips, columns of them into walks of about as many as make the
// blocks that are wanted.
inline View make_view(const Conv2dGeometry& g, int64_t rows, int64_t columns, int64_t channels,
                      int width, int64_t floats_per_lane, const Sharing& sharing) {
  const auto parts = [](int64_t of, int64_t size) { return (of + size - 1) / size; };
  View view = {};
  view.g = kernel_geometry(g);
  Tile& tile = view.tile = make_tile(channels / width, floats_per_lane, sharing.most_lanes);
  const int64_t strips_a_row = parts(columns, kStrip), wanted = sharing.wanted(tile.chunks);
  const int64_t strips_a_thread =
      std::max(parts(parts(g.n * rows * strips_a_row, tile.rows), wanted), sharing.least_strips);
  const int64_t walks_a_column = parts(rows, strips_a_thread);
  const int64_t walk_strips = parts(rows, walks_a_column);
  const int64_t walks = g.n * strips_a_row * walks_a_column;
  const int64_t walks_a_thread = std::max<int64_t>(strips_a_thread / walk_strips, 1);
  tile.strip_blocks = static_cast<int>(parts(parts(walks, tile.rows), walks_a_thread));
  view.by_lanes = FastDivisor(tile.lanes);
  view.by_chunks = FastDivisor(tile.chunks);
  view.by_multiplier = FastDivisor(g.group_k);
  view.by_taps = FastDivisor(g.r * g.s);
  view.by_strips = FastDivisor(strips_a_row);
  view.by_rows = FastDivisor(rows);
  view.by_walks = FastDivisor(walks_a_column);
  view.by_u = FastDivisor(g.u);
  view.by_v = FastDivisor(g.v);
  view.walks = static_cast<int>(walks);
  view.walk_strips = static_cast<int>(walk_strips);
  view.multiplier = static_cast<int>(g.group_k);
  return view;
}

// The kernels for 3 x 3 filters know them and the stride while they are compiled.
inline bool is_3x3(const Conv2dGeometry& g) {
  return g.r == 3 && g.s == 3 && g.l == 1 && g.m == 1 && g.u == g.v && g.v <= 2;
}

// 4 channels a thread where every tensor's channels are whole groups of 4.
inline bool takes_vectors(const Conv2dGeometry& g) {
  return g.group_k == 1 && g.c % 4 == 0;
}

// `conv`: as conv2d sees the problem.
inline Support supports_filters(const Problem& conv, int64_t filters_per_lane) {
  if (conv.inputs[0].dtype == DType::f64) return Support::no("computes in f32, not f64");
  const Support support = supports_conv2d_indices(conv);
  if (!support.ok) return support;
  const Conv2dGeometry g = conv2d_geometry(conv);
  if (g.r * g.s * filters_per_lane > kSharedFloats) {
    return Support::no("a channel's filters fill more than 48 KiB");
  }
  return Support::yes();
}

// Where a thread works. Idle threads (beyond the last row or the last channel) still meet barriers.
struct Place {
  int lane, row, chunk, strip_block;
  int group;  // of channels
  bool active;

  __device__ explicit Place(const View& view) {
    row = static_cast<int>(threadIdx.x);
    lane = view.by_lanes.take_remainder(row);
    strip_block = static_cast<int>(blockIdx.x);
    chunk = view.by_chunks.take_remainder(strip_block);
    group = chunk * view.tile.lanes + lane;
    active = row < view.tile.rows && group < view.tile.groups;
  }
};

// A strip's image, row and first column.
struct Strip {
  int n, row, column;

  // Of those counted along the rows.
  __device__ static Strip along(const View& view, int index) {
    const int column = view.by_strips.take_remainder(index);
    const int row = view.by_rows.take_remainder(index);
    return {index, row, view.first_column + column * kStrip};
  }
};

// f(strip, rows) for a thread's walks: that strip and the `rows` - 1 below it.
template <class F>
__device__ inline void each_walk(const View& view, const Place& place, F f) {
  const int64_t step = int64_t{view.tile.strip_blocks} * view.tile.rows;
  int64_t index = int64_t{place.strip_block} * view.tile.rows + place.row;
  for (; index < view.walks; index += step) {
    int n = static_cast<int>(index);
    const int column = view.by_strips.take_remainder(n);
    const int row = view.by_walks.take_remainder(n) * view.walk_strips;
    const int below = static_cast<int>(view.by_rows.divisor) - row;
    f(Strip{n, row, view.first_column + column * kStrip}, min(view.walk_strips, below));
  }
}

// f(strip) for them one by one.
template <class F>
__device__ inline void each_strip(const View& view, const Place& place, F f) {
  each_walk(view, place, [&](Strip strip, int rows) {
    for (int row = 0; row < rows; ++row, ++strip.row) f(strip);
  });
}

// A pixel's channels as they are stored, zeros where it does not exist: Note [Loads of a strip].
template <int kWidth, class T>
__device__ inline Floats<kWidth> load_if(bool exists, const T* at) {
  Floats<kWidth> pixel = {};
  if (exists) pixel = load<kWidth>(at, 0);
  return pixel;
}

// Pixels of x as a thread takes them: its channels of xhat where there is a prologue.
template <int kWidth, bool kPrologue>
struct PixelReader {
  Normaliser normaliser;
  Floats<kWidth> mean = {}, scale = {}, bias = {};

  __device__ PixelReader(const Normaliser& of, int first_c) : normaliser(of) {
    if constexpr (kPrologue) {
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        const Normaliser::Channel channel = of.channel(first_c + lane);
        mean.lane[lane] = channel.mean;
        scale.lane[lane] = channel.scale;
        bias.lane[lane] = channel.bias;
      }
    }
  }

  // `pixel` is what load_if() loaded of a T; xhat of one that does not exist is zero.
  template <class T>
  __device__ Floats<kWidth> take(bool exists, Floats<kWidth> pixel) const {
    if constexpr (kPrologue) {
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        const Normaliser::Channel channel{mean.lane[lane], scale.lane[lane], bias.lane[lane]};
        const float xhat = to_float(from_float<T>(normaliser(channel, pixel.lane[lane])));
        pixel.lane[lane] = exists ? xhat : 0.0f;
      }
    }
    return pixel;
  }
};

template <int kWidth>
__device__ inline void multiply_add(Floats<kWidth>& sum, const Floats<kWidth>& a,
                                    const Floats<kWidth>& b) {
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    sum.lane[lane] = fmaf(a.lane[lane], b.lane[lane], sum.lane[lane]);
  }
}

__device__ inline bool inside(int position, int extent) {
  return static_cast<unsigned>(position) < static_cast<unsigned>(extent);
}

// Row of y under filter row r of row `row` of x; -1 where there is none. Likewise columns.
__device__ inline int position_under(int offset, const FastDivisor& by_stride, int extent) {
  if (offset < 0) return -1;
  const int position = by_stride.quotient(offset);
  return position * static_cast<int>(by_stride.divisor) == offset && position < extent ? position
                                                                                       : -1;
}

// The pixels of a row of x under a strip, as they are stored: those of a row that does not exist are zeros.
template <int kWidth, int kStride>
struct RowPixels {
  static constexpr int kCount = (kStrip - 1) * kStride + 3;
  Floats<kWidth> stored[kCount];
  bool exists[kCount];

  // `row` from the thread's channel on; the strip's first output lies over column `first`.
  template <class T>
  __device__ RowPixels(bool row_exists, const T* row, int first, const Conv2dKernelGeometry& g) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      exists[j] = row_exists && inside(first + j, g.w);
      stored[j] = load_if<kWidth>(exists[j], row + (first + j) * g.c);
    }
  }
};

// How many output rows a row of x reaches at most.
template <int kStride>
constexpr int kOpenRows = kStride == 1 ? 3 : 2;

// How many rows of x a walk of `strips` goes down.
template <int kStride>
__device__ inline int rows_under(int strips) {
  return (strips - 1) * kStride + 3;
}

// Its pixels of xhat.
template <class T, int kWidth, int kStride, class Reader>
__device__ inline void take_row(const Reader& read, const RowPixels<kWidth, kStride>& row,
                                Floats<kWidth> (&pixels)[RowPixels<kWidth, kStride>::kCount]) {
#pragma unroll
  for (int j = 0; j < row.kCount; ++j) {
    pixels[j] = read.template take<T>(row.exists[j], row.stored[j]);
  }
}

// The block's filters w[first .. first+filters, R,S] as shared[R*S, stride]: read along memory,
// turned so that neighbouring channels lie side by side. Ends with a barrier.
template <class T>
__device__ inline void stage_filters(const View& view, const T* w, float* shared, int first,
                                     int stride) {
  const int taps = view.g.r * view.g.s;
  const int filters = min(stride, view.g.k - first);
  for (int i = static_cast<int>(threadIdx.x); i < filters * taps;
       i += static_cast<int>(blockDim.x)) {
    int filter = i;
    const int tap = view.by_taps.take_remainder(filter);
    shared[tap * stride + filter] = to_float(w[static_cast<int64_t>(first) * taps + i]);
  }
  __syncthreads();
}

inline LaunchShape launch_shape(const Tile& tile, std::size_t shared_floats) {
  return {
      .grid = {static_cast<unsigned>(tile.chunks) * static_cast<unsigned>(tile.strip_blocks), 1, 1},
      .block = {static_cast<unsigned>(tile.threads()), 1, 1},
      .shared_bytes = shared_floats * sizeof(float)};
}

}  // namespace voluta::depthwise
