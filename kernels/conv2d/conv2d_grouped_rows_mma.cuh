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

using implicit_gemm::Tile;
using mma_product::kThreads;

constexpr int64_t kMostChannels = 32;  // of a group

// Where an element of a filter lies in w, from `first` on: at group * the output channel's group, column *
// its number there, row * r, tap * s, channel * c'.
struct FilterStrides {
  int group, column, row, tap, channel;
  int first;
};

// Outputs: where they go, with an epilogue (kernels/common/product_view.cuh).
template <class Outputs>
struct View : Outputs {
  using T = typename Outputs::Out;

  const T* x;  // [N,H,W,C]
  const T* w;
  FilterStrides filter;
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
      piece.filter =
          view.filter.first + r * view.filter.row + s * view.filter.tap + c * view.filter.channel;
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

// Zeros for the pixels behind the last, which sums of a tile take in.
template <class Shape, class Product>
__device__ void clear_behind(const Tile& tile, Product& product) {
  const int warp_row = static_cast<int>(threadIdx.x) / 64 * Shape::kWarpRows;
  const int rows = tile.rows - tile.first_row - warp_row;
  if (rows >= Shape::kWarpRows) return;
  product.for_each_pair([&](int row, int, float& first, float& second) {
    if (row >= rows) first = second = 0;
  });
}

// A block's way down (go_down()).
template <class View, class Shape>
struct RowsBlock {
  using T = typename View::T;

  const View& view;
  const Memory& memory;
  Tile tile;
  int first_channel;

  __device__ void stage_lines(int begin, int end) const {
    grouped_rows_mma::stage_lines<kThreads>(view.layout.ring, view.g,
                                            reinterpret_cast<const uint16_t*>(view.x), memory.ring,
                                            first_channel, begin, end, view.vector_rows);
    commit_copies();
  }
  __device__ void stage_pixels(int) const {}

  // Thread t: where the window of pixel t begins; behind the last pixel its own.
  __device__ void prepare(int first_row) const {
    const int pixel = min(first_row + static_cast<int>(threadIdx.x), tile.rows - 1);
    memory.first[threadIdx.x] = view.layout.ring.window(pixel);
  }

  __device__ void multiply(int first_row) {
    tile.first_row = first_row;
    WarpProduct<T, Shape::kWarpRows, Shape::kWarpColumns> product = {};
    multiply_windows<T, Shape>(memory, view.layout, view.g.group_c,
                               tile.columns - tile.first_column, product);
    if constexpr (HasSums<View>) clear_behind<Shape>(tile, product);
    // Its barriers stand between the lines that were read and those that take their place.
    mma_product::finish_tile<View, Shape>(view, tile, product, memory.outputs);
  }
};

template <class View, class Shape>
__global__ void __launch_bounds__(kThreads, Shape::kBlocks) multiply_rows(View view) {
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);
  const Memory memory(shared, view.layout);
  RowsBlock<View, Shape> block = {view, memory, {}, 0};
  block.tile.rows = view.g.n * view.g.p * view.g.q;
  block.tile.columns = view.g.k;
  block.tile.first_column = static_cast<int>(blockIdx.y) * Shape::kColumns;
  block.first_channel = block.tile.first_column / Shape::kGroupK * view.g.group_c;
  find_pieces<Shape>(view, memory);
  stage_filters<Shape>(view, memory, block.tile.first_column);
  const int first = static_cast<int>(blockIdx.x) * view.tiles_each;
  const int last = min(first + view.tiles_each, view.row_tiles) - 1;
  go_down<Shape::kRows>(view.layout.ring, first, last, block.tile.rows, block);
}

// Channels of x under a slab.
template <class Shape>
constexpr int64_t slab_channels(const Conv2dGeometry& g) {
  return Shape::kColumns / Shape::kGroupK * g.group_c;
}

// g: of the convolution to compute, whose input and output stand for x and y.
template <class Shape>
Support fits(const Conv2dGeometry& g) {
  if (g.r * (g.s * g.group_c + kStepDepth) * Shape::kColumns * 2 > kMostShared) {
    return Support::no("its filters may take more than 96 KiB of shared memory");
  }
  if (blocks_for(g.k, Shape::kColumns) > 65535) return Support::no("more than 65535 slabs");
  return ring_fits(g, slab_channels<Shape>(g), Shape::kRows,
                   Layout::without_ring(g, Shape{}).bytes);
}

template <class Shape>
Layout make_layout(const Conv2dGeometry& g) {
  Layout at = Layout::without_ring(g, Shape{});
  at.ring = wanted_ring(g, slab_channels<Shape>(g), Shape::kRows, Shape::kBlocks, at.bytes);
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
    view.vector_rows = g.c % RowsRing::kChunkElements == 0 &&
                       slab_channels<Shape>(g) % RowsRing::kChunkElements == 0 && aligned16(view.x);
    view.vector_filters =
        view.filter.channel == 1 && g.group_c % Shape::kPiece == 0 && aligned16(view.w);
    const int64_t slabs = blocks_for(g.k, Shape::kColumns);
    const int64_t row_tiles = blocks_for(g.n * g.p * g.q, Shape::kRows);
    const int64_t at_once = blocks_at_once(stream.device(), view.layout.bytes, Shape::kBlocks);
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
