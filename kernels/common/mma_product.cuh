#pragma once

// A matrix product on the tensor cores of sm_80 and later, of what a View says (product_view.cuh).
//   out[row, column] = sum_depth A[row, depth] * B[depth, column]     for each group, in f32
//   grid   a block an output tile (of a split of the depth), flattened     block 128
//   smem   4 stages x (rows + columns) x 64 bytes: 64, 48, 32 KiB for 128x128, 128x64, 64x64
//   maps   2 x 2 warps, each a quarter of the tile (64 x 64, 64 x 32, 32 x 32 outputs):
//                   columns
//             rows | warp 0 : warp 1 |
//                  | warp 2 : warp 3 |
// A ring of four stages: while one is multiplied, the next two are under way, and the fourth, which
// was read last, is filled again.
//
//       step     i          i+1        i+2        i+3
//       stage i%4 |multiply |  free: filled with i+4's tile after the barrier of step i+1
//
// The outputs then pass through the same memory, so that they leave as whole rows of 16-byte
// stores. The order of additions is a function of the problem alone.
//
// Operands, outputs and what comes with them: product_view.cuh. What is added to the outputs comes in
// through the same memory, each pair to where its lane will write its outputs.

#include <voluta/kernels/common/tile_size.h>
#include <voluta/kernels/common/column_sums.cuh>
#include <voluta/kernels/common/mma_loader.cuh>

namespace voluta::mma_product {

constexpr int kStages = 4;  // a power of two

template <int kRows_, int kColumns_, bool kVector_>
struct TileShape {
  static constexpr int kRows = kRows_, kColumns = kColumns_;
  static constexpr bool kVector = kVector_;
  static constexpr int kWarpRows = kRows / 2, kWarpColumns = kColumns / 2;
  static constexpr int kStageBytes = (kRows + kColumns) * kDepthBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes;
  // An SM: what the registers leave room for, without a spill.
  static constexpr int kMinBlocks = kRows == 64 ? 3 : 2;
};

// A warp's outputs as columns for write_column_moments(): those of its rows before `rows`.
template <class Product>
struct ProductColumns {
  using Columns = FragmentColumns<Product::kColumnFragments * 8>;
  static constexpr int kSlots = Columns::kSlots;

  const Product& product;
  int rows, first_column, part;

  __device__ int column(int slot) const { return first_column + Columns::column(slot); }

  template <class G>
  __device__ float sum(int slot, G g) const {
    const int lane_row = static_cast<int>(threadIdx.x) % 32 / 4;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 2 * Product::kRowFragments; ++i) {
      const float value = product.sum[i / 2][slot / 2][i % 2 * 2 + slot % 2];
      if (i * 8 + lane_row < rows) sum += g(value);
    }
    return sum;
  }

  // Calls g(row of the warp, value, its neighbour's in slot + 1) for an even slot. Of rows that do not
  // exist the values are zeros.
  template <class G>
  __device__ void each_pair(int slot, G g) const {
    const int lane_row = static_cast<int>(threadIdx.x) % 32 / 4;
#pragma unroll
    for (int i = 0; i < 2 * Product::kRowFragments; ++i) {
      const float* const pair = &product.sum[i / 2][slot / 2][i % 2 * 2];
      g(i * 8 + lane_row, pair[0], pair[1]);
    }
  }

  template <class F>
  __device__ void combine(float (&values)[kSlots], F f) const {
    Columns::combine(values, [&](int column, float total) { f(first_column + column, total); });
  }
};

// Reads a tensor laid out as the outputs into shared memory, zeros past the end: `from(row)` is where
// column 0 of a row stands. Ends with a barrier.
template <class View, class Shape, class From>
__device__ void load_like_outputs(const View& view, const typename View::Place& place,
                                  unsigned char* tile, From from_row) {
  using Out = typename View::Out;
  using Outputs = OutputTile<Out, Shape::kRows, Shape::kColumns>;
  using Bits = std::conditional_t<sizeof(Out) == 2, uint16_t, uint32_t>;
  constexpr int kPerWord = 4 / static_cast<int>(sizeof(Out));
  for (int i = static_cast<int>(threadIdx.x); i < Outputs::kChunks; i += kThreads) {
    const int chunk = i % Outputs::kRowChunks, tile_row = i / Outputs::kRowChunks;
    const int row = place.first_row + tile_row;
    const int column = place.first_column + chunk * kChunk<Out>;
    uint32_t words[4] = {};
    if (row < place.rows && column < place.columns) {
      const Out* from = from_row(row) + column;
      if (view.vector_store) {
        const uint4 quad = *reinterpret_cast<const uint4*>(from);
        words[0] = quad.x, words[1] = quad.y, words[2] = quad.z, words[3] = quad.w;
      } else {
#pragma unroll
        for (int e = 0; e < kChunk<Out>; ++e) {
          if (column + e >= place.columns) break;
          words[e / kPerWord] |= uint32_t{reinterpret_cast<const Bits*>(from)[e]}
                                 << (e % kPerWord * 16);
        }
      }
    }
    *reinterpret_cast<uint4*>(tile + Outputs::place(tile_row, chunk)) =
        make_uint4(words[0], words[1], words[2], words[3]);
  }
  __syncthreads();
}

// Multiplies and adds what the epilogue has for each channel, to the sums that the lanes hold.
template <class View, class Product>
__device__ void scale_sums(const View& view, const typename View::Place& place, Product& product,
                           int warp_column) {
  constexpr int kFragments = Product::kColumnFragments;
  EpilogueChannel channels[kFragments][2];
#pragma unroll
  for (int i = 0; i < 2 * kFragments; ++i) {  // loads under way at once
    const int column = place.first_column + warp_column + product.column(i / 2) + i % 2;
    const int existing = min(column, place.columns - 1);
    channels[i / 2][i % 2] = view.epilogue.channel(view.epilogue_channel(place, existing));
  }
#pragma unroll
  for (int j = 0; j < kFragments; ++j) {
    product.for_each_row(j, [&](int, float& first, float& second) {
      first = channels[j][0](first);
      second = channels[j][1](second);
    });
  }
}

// Adds the residual, which passes through shared memory. Nobody may read that any more.
template <class View, class Shape, class Product>
__device__ void add_residual(const View& view, const typename View::Place& place, Product& product,
                             int warp_row, int warp_column, unsigned char* shared) {
  using Outputs = OutputTile<typename View::Out, Shape::kRows, Shape::kColumns>;
  load_like_outputs<View, Shape>(view, place, shared,
                                 [&](int row) { return view.residual(place, row); });
  product.for_each_pair([&](int row, int column, float& first, float& second) {
    float z[2];
    Outputs::load_pair(shared, warp_row + row, warp_column + column, z);
    first += z[0];
    second += z[1];
  });
}

template <class Product>
__device__ void activate_sums(const FusedActivation& f, Product& product) {
  if (f.is_apart()) {
    product.for_each_pair([&](int, int, float& first, float& second) {
      first = f.apart(first);
      second = f.apart(second);
    });
  } else {
    product.for_each_pair([&](int, int, float& first, float& second) {
      first = f.limit(first);
      second = f.limit(second);
    });
  }
}

// Gates a tile's outputs, which the lanes still hold: what gates them passes through shared memory likewise.
// Nobody may read that any more.
template <class View, class Shape, class Product>
__device__ void gate_outputs(const View& view, const typename View::Place& place, Product& product,
                             int warp_row, int warp_column, unsigned char* shared) {
  using Outputs = OutputTile<typename View::Out, Shape::kRows, Shape::kColumns>;
  load_like_outputs<View, Shape>(view, place, shared,
                                 [&](int row) { return view.kept(place, row); });
  product.for_each_pair([&](int row, int column, float& first, float& second) {
    float x[2];
    Outputs::load_pair(shared, warp_row + row, warp_column + column, x);
    first = view.gate(x[0], first);
    second = view.gate(x[1], second);
  });
}

// Writes a chunk of a row element by element, columns past the end left out.
template <class Out>
__device__ void store_chunk(Out* to, const uint4& chunk, int columns) {
  using Bits = std::conditional_t<sizeof(Out) == 2, uint16_t, uint32_t>;
  constexpr int kPerWord = 4 / static_cast<int>(sizeof(Out));
  const uint32_t words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
  for (int e = 0; e < kChunk<Out>; ++e) {
    if (e >= columns) break;
    reinterpret_cast<Bits*>(to)[e] = static_cast<Bits>(words[e / kPerWord] >> (e % kPerWord * 16));
  }
}

// Writes a tile's outputs from shared memory, rows and columns past the end left out.
template <class View, class Shape>
__device__ void store_outputs(const View& view, const typename View::Place& place,
                              const unsigned char* tile) {
  using Out = typename View::Out;
  using Outputs = OutputTile<Out, Shape::kRows, Shape::kColumns>;
  constexpr int kRowsAtOnce = kThreads / Outputs::kRowChunks, kLoads = 4;  // on their way at once
  static_assert(kThreads % Outputs::kRowChunks == 0 && Shape::kRows % (kLoads * kRowsAtOnce) == 0);
  const int chunk = static_cast<int>(threadIdx.x) % Outputs::kRowChunks;
  const int first_row = static_cast<int>(threadIdx.x) / Outputs::kRowChunks;
  const int column = place.first_column + chunk * kChunk<Out>;
  if (column >= place.columns) return;
  auto each_row = [&](auto store) {
    for (int first = first_row; first < Shape::kRows; first += kLoads * kRowsAtOnce) {
      uint4 quads[kLoads];
#pragma unroll
      for (int i = 0; i < kLoads; ++i) {
        const int row = first + i * kRowsAtOnce;
        quads[i] = *reinterpret_cast<const uint4*>(tile + Outputs::place(row, chunk));
      }
#pragma unroll
      for (int i = 0; i < kLoads; ++i) {
        const int row = place.first_row + first + i * kRowsAtOnce;
        if (row < place.rows) store(view.output(place, row) + column, quads[i]);
      }
    }
  };
  if (view.vector_store) {
    each_row([](Out* to, const uint4& quad) { *reinterpret_cast<uint4*>(to) = quad; });
  } else {
    each_row([&](Out* to, const uint4& quad) { store_chunk(to, quad, place.columns - column); });
  }
}

// Writes a tile's sums for a batch norm in front, whose input passes through shared memory as the
// outputs did. `product` holds what was stored.
template <class View, class Shape, class Product>
__device__ void write_sums(const View& view, const typename View::Place& place, Product& product,
                           int warp_row, int warp_column, unsigned char* shared) {
  using Outputs = OutputTile<typename View::Out, Shape::kRows, Shape::kColumns>;
  using Scratch = MomentScratch<2, Shape::kColumns>;
  static_assert(sizeof(Scratch) <= Shape::kSharedBytes);
  load_like_outputs<View, Shape>(view, place, shared, [&](int row) { return view.z(place, row); });
  const MomentTarget target = view.sum_target(place);
  const ProductColumns<Product> own{product, target.rows - warp_row, warp_column,
                                    warp_row / Shape::kWarpRows};
  float sums[own.kSlots] = {}, products[own.kSlots] = {};
#pragma unroll
  for (int slot = 0; slot < own.kSlots; slot += 2) {
    const int column = own.column(slot);
    typename decltype(view.norm)::Channel channels[2] = {};
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      if (column + i < target.columns) {
        channels[i] = view.norm.channel(view.channel(place, place.first_column + column + i));
      }
    }
    own.each_pair(slot, [&](int row, float first, float second) {
      float z[2];
      Outputs::load_pair(shared, warp_row + row, column, z);
      view.norm.add(channels[0], z[0], first, sums[slot], products[slot]);
      view.norm.add(channels[1], z[1], second, sums[slot + 1], products[slot + 1]);
    });
  }
  __syncthreads();  // z has been read
  write_column_sums(*reinterpret_cast<Scratch*>(shared), own, sums, products, target,
                    static_cast<int>(threadIdx.x), kThreads, [] { __syncthreads(); });
}

// What becomes of a tile's sums: they are finished, leave as whole rows, and their moments with them. Nobody
// may read `shared` any more, whose Shape::kSharedBytes this uses.
template <class View, class Shape, class Product>
__device__ void finish_tile(const View& view, const typename View::Place& place, Product& product,
                            unsigned char* shared) {
  using Outputs = OutputTile<typename View::Out, Shape::kRows, Shape::kColumns>;
  static_assert(Outputs::kBytes <= Shape::kSharedBytes);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warp_row = warp / 2 * Shape::kWarpRows, warp_column = warp % 2 * Shape::kWarpColumns;
  if constexpr (HasEpilogue<View>) {
    if (!view.epilogue.plain) scale_sums(view, place, product, warp_column);
  }
  if constexpr (HasResidual<View>) {
    if (view.residual(place, place.first_row) != nullptr) {
      add_residual<View, Shape>(view, place, product, warp_row, warp_column, shared);
    }
  }
  if constexpr (HasEpilogue<View>) {
    if (!view.epilogue.plain) activate_sums(view.epilogue.f, product);
  }
  if constexpr (HasGate<View>) {
    if (view.kept(place, place.first_row) != nullptr) {
      __syncthreads();  // the residual has been read
      gate_outputs<View, Shape>(view, place, product, warp_row, warp_column, shared);
    }
  }
  product.for_each_pair([&](int row, int column, float first, float second) {
    Outputs::store_pair(shared, warp_row + row, warp_column + column, first, second);
  });
  __syncthreads();
  store_outputs<View, Shape>(view, place, shared);
  if constexpr (HasMoments<View> && Shape::kRows == 128) {
    if (view.moments == nullptr) return;
    __syncthreads();  // outputs have been read
    using Scratch = MomentScratch<2, Shape::kColumns>;
    static_assert(sizeof(Scratch) <= Shape::kSharedBytes);
    const MomentTarget target = view.moment_target(place);
    product.for_each_pair([](int, int, float& first, float& second) {  // to what was stored
      round_pair<typename View::Out>(first, second);
    });
    const ProductColumns<Product> own{product, target.rows - warp_row, warp_column, warp / 2};
    write_column_moments(*reinterpret_cast<Scratch*>(shared), own, target,
                         static_cast<int>(threadIdx.x), kThreads, [] { __syncthreads(); });
  } else if constexpr (HasSums<View> && Shape::kRows == 128) {
    if (view.norm.z == nullptr) return;
    __syncthreads();                                                   // outputs have been read
    product.for_each_pair([](int, int, float& first, float& second) {  // to what was stored
      round_pair<typename View::Out>(first, second);
    });
    write_sums<View, Shape>(view, place, product, warp_row, warp_column, shared);
  }
}

template <class View, class Shape>
__global__ void __launch_bounds__(kThreads, Shape::kMinBlocks) multiply_tiles(View view) {
  using T = typename View::Element;
  using LoaderA = Loader<View, typename View::A, Shape::kRows, Shape::kVector>;
  using LoaderB = Loader<View, typename View::B, Shape::kColumns, Shape::kVector>;
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);  // [kStages] of A's tile, B's tile

  const auto place =
      view.template place<Shape::kRows, Shape::kColumns>(static_cast<int>(blockIdx.x));
  if (place.first_row >= place.rows) return;
  LoaderA a(view, place, place.first_row, place.rows);
  LoaderB b(view, place, place.first_column, place.columns);
  const int steps = (place.depth_end - place.depth_begin + kTileDepth<T> - 1) / kTileDepth<T>;
  auto tile_a = [&](int step) { return shared + step % kStages * Shape::kStageBytes; };
  auto tile_b = [&](int step) { return tile_a(step) + LoaderA::Tile::kBytes; };
  auto fetch = [&](int step) {
    const int first_depth = place.depth_begin + step * kTileDepth<T>;
    a.fetch(view, place, tile_a(step), first_depth);
    b.fetch(view, place, tile_b(step), first_depth);
  };
  auto finish = [&](int step) {
    a.finish(view, tile_a(step));
    b.finish(view, tile_b(step));
  };

  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) {
      fetch(step);
      finish(step);
    }
    commit_copies();
  }
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warp_row = warp / 2 * Shape::kWarpRows, warp_column = warp % 2 * Shape::kWarpColumns;
  WarpProduct<T, Shape::kWarpRows, Shape::kWarpColumns> product = {};
  for (int step = 0; step < steps; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();  // this tile is whole, and nobody reads the one before it any more
    const int next = step + kStages - 1;
    if (next < steps) fetch(next);
    commit_copies();
    product.template accumulate<typename LoaderA::Tile, typename LoaderB::Tile>(
        tile_a(step), tile_b(step), warp_row, warp_column);
    if (next < steps) finish(next);
  }
  wait_copies<0>();
  __syncthreads();

  finish_tile<View, Shape>(view, place, product, shared);
}

// The largest tile that leaves `products` products of rows x columns enough tiles to give each
// multiprocessor of a large GPU one; `split`: the depth is split to that end, so size comes first.
inline TileSize choose_tile(int64_t rows, int64_t columns, int64_t products, bool vector,
                            bool split) {
  constexpr int64_t kMultiprocessors = 128;
  auto suits = [&](TileSize tile) {
    if (tile.columns > 64 && (!vector || columns <= 64)) return false;
    const int64_t row_tiles = blocks_for(rows, tile.rows);
    const int64_t column_tiles = blocks_for(columns, tile.columns);
    return split ? rows > 64 : row_tiles * column_tiles * products >= kMultiprocessors;
  };
  for (const TileSize tile : {TileSize{128, 128}, TileSize{128, 64}}) {
    if (suits(tile)) return tile;
  }
  return {64, 64};
}

// Whether a View normalises an operand: what waits for it takes the registers of 128 columns.
template <class View>
constexpr bool kNormalises = IsNormalised<typename View::A> || IsNormalised<typename View::B>;

// Starts `blocks` blocks; with `vector`, every chunk of an operand is 16 aligned bytes.
template <class View>
void launch_product(Stream& stream, const char* name, const View& view, TileSize tile, bool vector,
                    int64_t blocks) {
  auto start = [&]<int kRows, int kColumns, bool kVector>() {
    using Shape = TileShape<kRows, kColumns, kVector>;
    launch(stream, name,
           {.grid = {static_cast<unsigned>(blocks), 1, 1},
            .block = {kThreads, 1, 1},
            .shared_bytes = Shape::kSharedBytes},
           multiply_tiles<View, Shape>, view);
  };
  if (!vector) {
    if (tile.rows == 128) return start.template operator()<128, 64, false>();
    return start.template operator()<64, 64, false>();
  }
  if constexpr (!kNormalises<View>) {
    if (tile.columns == 128) return start.template operator()<128, 128, true>();
  }
  if (tile.rows == 128) return start.template operator()<128, 64, true>();
  start.template operator()<64, 64, true>();
}

}  // namespace voluta::mma_product
