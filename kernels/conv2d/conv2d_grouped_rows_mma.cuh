#pragma once

// What the two "grouped_rows_mma" kernels share that slide windows over pictures, forward over x and, for
// the input gradient, over dy: convolutions whose groups are narrower than a tile of an implicit matrix
// product. Letters are those of the convolution computed, C its input, K its output.
//
// A block keeps the filters of 32 or 64 output channels, a slab of several whole groups, and goes down the
// pictures by tiles of 128 pixels, over whose windows the lines lie in a ring (conv2d_rows_ring.cuh): those
// of the next tile arrive while this one is multiplied (conv2d_grouped_rows_tile.cuh).

#include <voluta/kernels/conv2d/conv2d_grouped_rows_tile.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>

#include <algorithm>

namespace voluta::grouped_rows_mma {

using implicit_gemm_mma::Tile;
using mma_product::kThreads;

constexpr int64_t kMostChannels = 32;  // of a group
constexpr int64_t kMostShared = 96 * 1024;
constexpr int kBlocks = 3;  // on a multiprocessor, as far as registers go
// Of Hopper; in front of each block.
constexpr int64_t kMultiprocessorShared = 228 * 1024, kReservedShared = 1024;
constexpr int64_t kWantedShared = kMultiprocessorShared / kBlocks - kReservedShared;

// Where the filter of an output channel lies, in elements of w: at group * its group + column * its number
// there, and from there on its elements by tap (r*S + s) and channel.
struct FilterStrides {
  int group, column, tap, channel;
  int first;  // of tap 0
};

// Outputs: where they go, with an epilogue (a View of kernels/common/mma_product.cuh).
template <class Outputs>
struct View : Outputs {
  using T = typename Outputs::Out;

  const T* x;  // [N,H,W,C]
  const T* w;
  FilterStrides filter;
  FastDivisor by_q, by_p;
  Layout layout;
  int row_tiles, tiles_each;  // of a block
  bool vector_rows, vector_filters;
};

// Once a block: where the pieces of the depth lie. Ends with a barrier.
template <class Shape, class View>
__device__ void find_pieces(const View& view, const Memory& memory) {
  const Conv2dKernelGeometry& g = view.g;
  const Layout& at = view.layout;
  for (int i = static_cast<int>(threadIdx.x); i < at.depth / Shape::kPiece; i += kThreads) {
    const int r = i * Shape::kPiece / at.run, within = i * Shape::kPiece % at.run;
    const int s = within / g.group_c, c = within % g.group_c;
    Piece piece = {-1, -1};
    if (r < g.r && s < g.s) {
      piece.window = r * g.l * at.ring.line_bytes + at.ring.place(s * g.m) + c * 2;
      piece.filter = view.filter.first + (r * g.s + s) * view.filter.tap + c * view.filter.channel;
    }
    memory.pieces[i] = piece;
  }
  if (threadIdx.x < 4) reinterpret_cast<uint32_t*>(memory.zeros)[threadIdx.x] = 0;
  __syncthreads();
}

// Once a block: the filters of its columns. Channel 2t of a step is the first of lane t's first pair, as
// fragments have it; of quads channel 4t is, and 4t + 2 that of its second. Neighbouring threads take what
// lies together in w.
template <class Shape, class View>
__device__ void stage_filters(const View& view, const Memory& memory, int first_column) {
  constexpr int kPairs = Shape::kPiece / 2;
  const Layout& at = view.layout;
  const FilterStrides& strides = view.filter;
  const int pieces = at.depth / Shape::kPiece;
  for (int i = static_cast<int>(threadIdx.x); i < pieces * Shape::kColumns; i += kThreads) {
    const int column = strides.channel == 1 ? i / pieces : i % Shape::kColumns;
    const int index = strides.channel == 1 ? i % pieces : i / Shape::kColumns;
    const int k = first_column + column, from = memory.pieces[index].filter;
    PackedPairs<kPairs> piece = {};
    if (k < view.g.k && from >= 0) {
      const auto* w = reinterpret_cast<const uint16_t*>(view.w) + from +
                      k / Shape::kGroupK * strides.group + k % Shape::kGroupK * strides.column;
      if (view.vector_filters) {
        piece = *reinterpret_cast<const PackedPairs<kPairs>*>(w);
      } else {
#pragma unroll
        for (int pair = 0; pair < kPairs; ++pair) {
          const uint32_t second = w[(2 * pair + 1) * strides.channel];
          piece.pair[pair] = second << 16 | w[2 * pair * strides.channel];
        }
      }
    }
    auto* to = reinterpret_cast<uint32_t*>(memory.filters) + column * (at.depth + kFilterPad) / 2;
    if constexpr (Shape::kOctets) {
      *reinterpret_cast<PackedPairs<kPairs>*>(to + index * kPairs) = piece;
    } else {
      to += index / 4 * (kStepDepth / 2) + index % 4;
      to[0] = piece.pair[0];
      to[4] = piece.pair[1];
    }
  }
}

// The lines that the windows of a tile touch.
struct Lines {
  int begin, end;
};

template <class View>
__device__ int line_under(const View& view, int pixel) {
  view.by_q.take_remainder(pixel);
  const int p = view.by_p.take_remainder(pixel);
  return view.layout.ring.first_line(pixel, p, view.g.u);
}

template <class View>
__device__ Lines lines_of(const View& view, const Tile& tile) {
  const int last = min(tile.first_row + 128, tile.rows) - 1;
  return {line_under(view, tile.first_row), line_under(view, last) + (view.g.r - 1) * view.g.l + 1};
}

// Thread t: where the window of pixel t begins. Behind the last pixel anywhere: those sums are not stored.
template <class View>
__device__ void find_windows(const View& view, const Memory& memory, const Tile& tile) {
  int row = min(tile.first_row + static_cast<int>(threadIdx.x), tile.rows - 1);
  const int line = line_under(view, row);
  const int q = view.by_q.take_remainder(row);
  memory.first[threadIdx.x] = view.layout.ring.line_place(line) + q * view.layout.ring.column_bytes;
}

template <class View, class Shape>
__global__ void __launch_bounds__(kThreads, kBlocks) multiply_rows(View view) {
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);
  const Memory memory(shared, view.layout);
  const RowsRing& ring = view.layout.ring;
  Tile tile = {};
  tile.rows = view.g.n * view.g.p * view.g.q;
  tile.columns = view.g.k;
  tile.first_column = static_cast<int>(blockIdx.y) * Shape::kColumns;
  const int first_channel = tile.first_column / Shape::kGroupK * view.g.group_c;
  const auto stage = [&](int begin, int end) {
    stage_lines<kThreads>(ring, view.g, reinterpret_cast<const uint16_t*>(view.x), memory.ring,
                          first_channel, begin, end, view.vector_rows);
    commit_copies();
  };
  find_pieces<Shape>(view, memory);
  stage_filters<Shape>(view, memory, tile.first_column);
  const int first_tile = static_cast<int>(blockIdx.x) * view.tiles_each;
  const int last_tile = min(first_tile + view.tiles_each, view.row_tiles) - 1;
  tile.first_row = first_tile * Shape::kRows;
  Lines lines = lines_of(view, tile);
  int staged = lines.begin;  // lines before it are in the ring, or no longer needed
  for (int index = first_tile; index <= last_tile; ++index) {
    stage(staged, lines.end);
    staged = max(staged, lines.end);
    find_windows(view, memory, tile);
    wait_copies<0>();
    __syncthreads();
    Tile next = tile;
    next.first_row += Shape::kRows;
    if (index < last_tile) {
      const Lines ahead = lines_of(view, next);
      const int end = min(ahead.end, lines.begin + ring.lines);
      staged = max(staged, ahead.begin);
      stage(staged, end);
      staged = max(staged, end);
      lines = ahead;
    }
    WarpProduct<typename View::T, Shape::kWarpRows, Shape::kWarpColumns> product = {};
    multiply<typename View::T, Shape>(memory, view.layout, view.g.group_c,
                                      tile.columns - tile.first_column, product);
    // Its barriers stand between the lines that were read and those that take their place.
    mma_product::finish_tile<View, Shape>(view, tile, product, memory.outputs);
    tile = next;
  }
}

// Extents of the convolution to compute, whose input and output stand for x and y.
template <class Shape>
Support fits(const Conv2dGeometry& g) {
  const int64_t channels = Shape::kColumns / Shape::kGroupK * g.group_c;
  const RowsRingExtents extents(g, channels);
  if (g.r * (g.s * g.group_c + kStepDepth) * Shape::kColumns * 2 > kMostShared) {
    return Support::no("its filters take more than 96 KiB of shared memory");
  }
  const Layout at = Layout::without_ring(g, Shape{});
  const int64_t lines = extents.span(g, Shape::kRows);
  if (lines > kMostShared || extents.line_bytes > kMostShared ||
      at.bytes + extents.bytes(lines) > kMostShared) {
    return Support::no("its filters and rows take more than 96 KiB of shared memory");
  }
  if (g.n >= ((int64_t{1} << 31) - (int64_t{1} << 16)) / extents.picture_lines) {
    return Support::no("pictures of nearly 2^31 rows, padding counted");
  }
  return Support::yes();
}

// The ring holds the lines of a tile and, as far as the wanted memory goes, those of the next.
template <class Shape>
Layout make_layout(const Conv2dGeometry& g) {
  Layout at = Layout::without_ring(g, Shape{});
  const RowsRingExtents extents(g, Shape::kColumns / Shape::kGroupK * g.group_c);
  const int64_t least = extents.span(g, Shape::kRows), most = extents.span(g, 2 * Shape::kRows);
  const int64_t wanted =
      (kWantedShared - at.bytes) / extents.line_bytes - (extents.window_lines - 1);
  at.ring = extents.ring(g, std::clamp(wanted, least, std::max(least, most)));
  at.bytes += at.ring.bytes();
  return at;
}

// f.operator()<Shape>() with the tiles for a problem's groups: the fewest columns in which each warp has
// whole groups, as windows are then read once, or half as many where those do not fit.
template <class F>
decltype(auto) with_shape(const Conv2dGeometry& g, F&& f) {
  const auto columns = [&]<int kGroupK, bool kOctets>() -> decltype(auto) {
    using Narrow = Shape<kGroupK, 32, kOctets>;
    if constexpr (kGroupK > 16) {
      using Wide = Shape<kGroupK, 64, kOctets>;
      if (fits<Wide>(g).ok) return f.template operator()<Wide>();
    }
    return f.template operator()<Narrow>();
  };
  const auto pieces = [&]<int kGroupK>() -> decltype(auto) {
    if (g.group_c % 8 == 0) return columns.template operator()<kGroupK, true>();
    return columns.template operator()<kGroupK, false>();
  };
  switch (g.group_k) {
    case 4:
      return pieces.template operator()<4>();
    case 8:
      return pieces.template operator()<8>();
    case 16:
      return pieces.template operator()<16>();
    default:
      return pieces.template operator()<32>();
  }
}

inline Support supports_groups(const Conv2dGeometry& g) {
  if (g.groups == 1) return Support::no("two groups or more only");
  const bool output = g.group_k == 4 || g.group_k == 8 || g.group_k == 16 || g.group_k == 32;
  if (!output || g.group_c % 4 != 0 || g.group_c > kMostChannels) {
    return Support::no("groups that read 4, 8, 12 .. 32 channels and write 4, 8, 16 or 32 only");
  }
  return with_shape(g, [&]<class Shape>() { return fits<Shape>(g); });
}

// Starts the kernel; `view` has its operands and outputs bound.
template <class View>
void launch_rows(Stream& stream, const char* name, View view, const Conv2dGeometry& g) {
  with_shape(g, [&]<class Shape>() {
    view.layout = make_layout<Shape>(g);
    view.by_q = FastDivisor(g.q);
    view.by_p = FastDivisor(g.p);
    view.vector_rows = g.c % RowsRing::kChunkElements == 0 && aligned16(view.x);
    view.vector_filters =
        view.filter.channel == 1 && g.group_c % Shape::kPiece == 0 && aligned16(view.w);
    const int64_t slabs = blocks_for(g.k, Shape::kColumns);
    const int64_t row_tiles = blocks_for(g.n * g.p * g.q, Shape::kRows);
    const int64_t fit = kMultiprocessorShared / (view.layout.bytes + kReservedShared);
    const int64_t at_once = std::clamp<int64_t>(fit, 1, kBlocks) * multiprocessors(stream.device());
    const int64_t blocks = std::clamp<int64_t>(at_once / slabs, 1, row_tiles);
    view.row_tiles = static_cast<int>(row_tiles);
    view.tiles_each = static_cast<int>(blocks_for(row_tiles, blocks));
    launch(stream, name,
           {.grid = {blocks_for(row_tiles, view.tiles_each), static_cast<unsigned>(slabs), 1},
            .block = {kThreads, 1, 1},
            .shared_bytes = static_cast<std::size_t>(view.layout.bytes)},
           multiply_rows<View, Shape>, view);
  });
}

}  // namespace voluta::grouped_rows_mma
