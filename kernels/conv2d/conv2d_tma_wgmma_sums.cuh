#pragma once

// How the "implicit_gemm_tma_wgmma" kernels find the sums that a batch norm in front needs
// (column_sums.cuh) of a tile of results. A thread cannot hold both sums of all its columns beside
// the results, so a warp takes 128 bytes of columns at a time, with a slot of z (conv2d_tma_wgmma_auxiliary.cuh),
// of which each lane reads the pairs that it holds the results of.
//
//   128 bytes of columns after others:  own rows, z -> lanes -> sums[0 and 1][warp][column]
//   all columns:                        barrier | warps -> out | barrier

#include <voluta/kernels/common/column_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_auxiliary.cuh>

namespace voluta::tma_wgmma {

// A warp's 16 rows of kRowElements<T> columns, the first of which is the tile's `first`, for
// gather_column_sums().
template <class T>
struct BlockColumns {
  using Columns = FragmentColumns<kRowElements<T>>;
  static constexpr int kSlots = Columns::kSlots;

  int first, part;

  template <class F>
  __device__ void combine(float (&values)[kSlots], F f) const {
    Columns::combine(values, [&](int column, float total) { f(first + column, total); });
  }
};

// Adds the terms of a lane's results from `first_result` on, and of the warp's rows of z: of channels from
// `first_channel` on, of which `columns` exist. Of rows that do not exist both are zeros.
template <class T, int kResults, int kSlots>
__device__ void add_terms(const NormInFront<T>& norm, int first_channel, int columns,
                          const float (&results)[kResults], int first_result,
                          const unsigned char* z_rows, float (&sums)[kSlots],
                          float (&products)[kSlots]) {
#pragma unroll
  for (int j = 0; j < kSlots / 2; ++j) {
    const int column = 8 * j + static_cast<int>(threadIdx.x) % 4 * 2;
    typename NormInFront<T>::Channel channels[2] = {};
    if (column < columns) {
      channels[0] = norm.channel(first_channel + column);
      channels[1] = norm.channel(first_channel + column + 1);
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int at = first_result + 4 * j + 2 * half;
      float z[2], dx[2] = {results[at], results[at + 1]};
      load_pair<T>(copied_pair<T>(z_rows, j, half), z);
      round_pair<T>(dx[0], dx[1]);  // as stored
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        norm.add(channels[i], z[i], dx[i], sums[2 * j + i], products[2 * j + i]);
      }
    }
  }
}

// Leaves in `scratch` the sums of the warp's rows, of the tile's `columns` columns that exist.
template <int kWarps, int kColumns, class View>
__device__ void gather_sums(MomentScratch<kWarps, kColumns>& scratch, const View& view,
                            const typename View::Tile& tile, int columns,
                            const float (&results)[kColumns / 2],
                            AuxiliaryReader<View>& auxiliaries) {
  using T = typename View::Element;
  const int warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int block = 0; block < kColumns / kRowElements<T>; ++block) {
    const BlockColumns<T> own{block * kRowElements<T>, warp};
    if (own.first >= columns) continue;
    const int first_channel = tile.columns.first + own.first;
    float sums[own.kSlots] = {}, products[own.kSlots] = {};
    add_terms(view.norm, first_channel, columns - own.first, results, block * (kRowElements<T> / 2),
              auxiliaries.rows(), sums, products);
    auxiliaries.next();
    gather_column_sums(scratch, own, sums, products);
  }
}

}  // namespace voluta::tma_wgmma
