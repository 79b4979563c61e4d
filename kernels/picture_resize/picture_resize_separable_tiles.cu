// resize_pictures, algorithm "separable_tiles": a block resizes the lines that 16 rows of results need to
// the width of 64 columns in shared memory, and from there down the columns.
//   v[h,w,c] = round(sum_t a[h,t] round(sum_u b[w,u] pixels[first_h + t, first_w + u, c]))
//   y[n,h,w,c] = values[c, v[h,w',c]]                                          (picture_resize.h)
//   grid   (tiles of 64 columns, bands of 16 rows, N)     block 256     smem 27.1 KiB
//   regs   58 (sm_90a)
//   maps   thread t < 64 has the filter of column t, t in 64..79 that of row t - 64; then of the lines,
//          pixel by pixel, and of the results, element by element, thread t has t, t + 256, ...
//
//              pixels                 lines [<= 128][64]          y [16][64]
//          +------------+  b[w,u]   +-----+               a[h,t]  +-----+
//          | rows that  |  ------>  |     |  as many lines  --->  |     |
//          | 16 results |           |     |                       +-----+
//          | need       |           +-----+
//          +------------+
//
//   limits f32 values; y below 2^31 elements; N below 65536
//   bound  memory: the box read about once, 4 bytes an element written; neighbouring bands share lines
//          and resize them twice: (16 s + 2 s) / 16 s for a bilinear reduction by s
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/picture_resize/picture_resize_engines.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::picture_resize {
namespace {

constexpr int kBlock = 256, kTileColumns = 64, kTileRows = 16;
// Results reach over 15 s + 2 r + 2 lines, with s <= r the reduction and r <= (kMostTaps - 1) / 2 the
// filter's radius in pixels.
constexpr int kMostLines = 128;
static_assert((kTileRows - 1) * (kMostTaps / 2) + kMostTaps + 1 <= kMostLines);

// A batch of pictures.
struct Pictures {
  const uint8_t* bytes;  // [capacity]
  const float* values;   // [C,256]
  const int64_t* views;  // [N,12]
  float* y;              // [N,height,width,C]
  int64_t capacity;
  int height, width;
  Interpolation interpolation;
};

// Of the outputs that a tile has along an axis.
template <int kOutputs>
struct Filters {
  Taps taps[kOutputs];
  int16_t weight[kOutputs][kMostTaps + 1];

  __device__ void set(const AxisFilter& filter, int slot, int64_t output) {
    taps[slot] = filter.taps(output);
    filter.weigh(output, taps[slot], weight[slot]);
  }
};

struct Tile {
  Filters<kTileColumns> across;
  Filters<kTileRows> down;
  uint8_t lines[kMostLines][kTileColumns * 3];
};

// The part of a result that a block makes.
struct Place {
  int picture, top, left, rows, columns;

  __device__ explicit Place(const Pictures& of)
      : picture(static_cast<int>(blockIdx.z)),
        top(static_cast<int>(blockIdx.y) * kTileRows),
        left(static_cast<int>(blockIdx.x) * kTileColumns),
        rows(min(kTileRows, of.height - top)),
        columns(min(kTileColumns, of.width - left)) {}
};

__device__ void set_filters(Tile& tile, const ResizeView& view, const Place& at,
                            Interpolation interpolation) {
  const int thread = static_cast<int>(threadIdx.x), row = thread - kTileColumns;
  if (thread < at.columns) {
    const int64_t w = at.left + thread;
    tile.across.set(AxisFilter(view.horizontal, view.columns, interpolation), thread,
                    view.mirrored ? view.horizontal.count - 1 - w : w);
  } else if (row >= 0 && row < at.rows) {
    tile.down.set(AxisFilter(view.vertical, view.rows, interpolation), row, at.top + row);
  }
}

// Lines from `first` on, at the width of the tile.
__device__ void resize_lines(Tile& tile, const uint8_t* pixels, int stride, const Place& at,
                             int first, int count) {
  for (int i = static_cast<int>(threadIdx.x); i < count * kTileColumns; i += kBlock) {
    const int line = i / kTileColumns, column = i % kTileColumns;
    if (column >= at.columns) continue;
    const Taps taps = tile.across.taps[column];
    const uint8_t* from = pixels + (int64_t{first + line} * stride + taps.first) * 3;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      tile.lines[line][column * 3 + c] =
          weighted(from + c, 3, tile.across.weight[column], taps.count);
    }
  }
}

// Byte `element` of a row of results.
__device__ int level(const Tile& tile, int row, int element, int first) {
  const Taps taps = tile.down.taps[row];
  return weighted(&tile.lines[taps.first - first][element], kTileColumns * 3, tile.down.weight[row],
                  taps.count);
}

template <int kChannels, class Value>
__device__ void write_rows(const Pictures& of, const Place& at, Value value) {
  const int line = at.columns * kChannels;
  for (int i = static_cast<int>(threadIdx.x); i < at.rows * line; i += kBlock) {
    const int row = i / line, element = i % line;
    float* y = of.y + ((at.picture * of.height + at.top + row) * of.width + at.left) * kChannels;
    y[element] = value(row, element);
  }
}

template <int kChannels>
__global__ void __launch_bounds__(kBlock) resize_pictures(Pictures of) {
  VOLUTA_SHARED(Tile, tile);
  const Place at(of);
  const ResizeView view(of.views + int64_t{kViewNumbers} * at.picture, of.height, of.width);
  if (!view.is_sound(of.capacity, of.interpolation)) {
    return write_rows<kChannels>(of, at, [](int, int) { return nanf(""); });
  }
  set_filters(tile, view, at, of.interpolation);
  __syncthreads();
  const Taps last = tile.down.taps[at.rows - 1];
  const int first = tile.down.taps[0].first, lines = last.first + last.count - first;
  resize_lines(tile, of.bytes + view.offset, static_cast<int>(view.columns), at, first, lines);
  __syncthreads();
  write_rows<kChannels>(of, at, [&](int row, int element) {
    if constexpr (kChannels == 3) {
      return of.values[element % 3 * 256 + level(tile, row, element, first)];
    } else {
      const int r = level(tile, row, 3 * element, first);
      const int g = level(tile, row, 3 * element + 1, first);
      return of.values[gray_level(r, g, level(tile, row, 3 * element + 2, first))];
    }
  });
}

Support supports(const Problem& problem) {
  const Shape& y = problem.outputs[0].shape;
  if (y[0] > 65535) return Support::no("a batch of more than 65,535");
  if (y.elements() >= int64_t{1} << 31) return Support::no("a result of 2^31 elements or more");
  return supports_nonempty_f32(problem);
}

unsigned tiles(int64_t extent, int64_t of) {
  return static_cast<unsigned>((extent + of - 1) / of);
}

Execution prepare(const Problem& problem) {
  const Shape y = problem.outputs[0].shape;
  const int64_t capacity = problem.inputs[0].shape[0];
  const auto options = problem.options_as<PictureResizeOptions>();
  const LaunchShape shape{
      .grid = {tiles(y[2], kTileColumns), tiles(y[1], kTileRows), static_cast<unsigned>(y[0])},
      .block = {kBlock, 1, 1}};
  return {.run = [=](const Args& args, Stream& stream) {
    const Pictures of{args.in<uint8_t>(0),
                      args.in<float>(1),
                      args.in<int64_t>(2),
                      args.out<float>(0),
                      capacity,
                      static_cast<int>(y[1]),
                      static_cast<int>(y[2]),
                      options.interpolation};
    launch(stream, "resize_pictures", shape, y[3] == 3 ? resize_pictures<3> : resize_pictures<1>,
           of);
  }};
}

}  // namespace

const Engine kSeparableTiles{"separable_tiles", DeviceType::kCuda, EngineRole::kProduct, supports,
                             prepare};

}  // namespace voluta::picture_resize
