#pragma once

// What becomes of the sums that the lanes of a block hold as fragments (mma_tile.cuh): a View's epilogue,
// residual and gate, the way to memory, moments, and sums for a batch norm in front (product_view.cuh).
//
//   sums -> scale, shift -> + residual -> f -> gate -> outputs -> their moments or sums
//                           |                  |       |
//                    [shared memory]    [shared memory] [shared memory]
//
// Outputs pass through shared memory, so that they leave as whole rows of 16-byte stores. What is read beside
// them comes in through the same memory, each pair to where its lane will write its outputs.

#include <voluta/kernels/common/column_sums.cuh>
#include <voluta/kernels/common/mma_tile.cuh>
#include <voluta/kernels/common/product_view.cuh>

namespace voluta::mma_product {

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

// Calls f(sum, element) for each sum that the lanes hold, with the element at its place of a tensor that is laid out
// as the outputs (load_like_outputs()). That passes through shared memory, which nobody may read any more.
template <class View, class Shape, class Product, class From, class F>
__device__ void combine_with(const View& view, const typename View::Place& place, Product& product,
                             int warp_row, int warp_column, unsigned char* shared, From from_row,
                             F f) {
  using Outputs = OutputTile<typename View::Out, Shape::kRows, Shape::kColumns>;
  load_like_outputs<View, Shape>(view, place, shared, from_row);
  product.for_each_pair([&](int row, int column, float& first, float& second) {
    float elements[2];
    Outputs::load_pair(shared, warp_row + row, warp_column + column, elements);
    f(first, elements[0]);
    f(second, elements[1]);
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
      combine_with<View, Shape>(
          view, place, product, warp_row, warp_column, shared,
          [&](int row) { return view.residual(place, row); },
          [](float& sum, float z) { sum += z; });
    }
  }
  if constexpr (HasEpilogue<View>) {
    if (!view.epilogue.plain) activate_sums(view.epilogue.f, product);
  }
  if constexpr (HasGate<View>) {
    if (view.kept(place, place.first_row) != nullptr) {
      __syncthreads();  // the residual has been read
      combine_with<View, Shape>(
          view, place, product, warp_row, warp_column, shared,
          [&](int row) { return view.kept(place, row); },
          [&](float& sum, float x) { sum = view.gate(x, sum); });
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

}  // namespace voluta::mma_product
