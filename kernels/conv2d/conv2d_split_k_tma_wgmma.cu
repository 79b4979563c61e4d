// conv2d, algorithms "split_k_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data, tf32 products): the matrix
// product of "implicit_gemm_tma_wgmma" where it has too few tiles to go round a chip. Tiles share their depth
// and leave sums of its parts in f32; a second kernel adds those and finishes them.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//   rows N*P*Q, columns K, group by group; depth: taps (r, s), in each the channels of the group by 64, of f32
//          by 32; cut by conv2d_split_k.h
//   grid   a block an SM; block, tiles, smem: conv2d_tma_wgmma.cuh, conv2d_split_k.cuh
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   workspace f32 parts [splits, N*P*Q, K], of at most 32 splits
//   limits those of tma_wgmma::within_limits; 8 steps of 128 bytes of depth or more
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_forward_outputs.cuh>
#include <voluta/kernels/conv2d/conv2d_split_k.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_forward.cuh>

namespace voluta {
namespace {

using namespace tma_wgmma;

template <class T, int kColumns>
struct PartsView : ForwardTiles<T, kColumns> {
  using Tiles = ForwardTiles<T, kColumns>;
  using Tile = Tiles::Tile;
  using Tiles::g;
  using Tiles::rows;

  float* parts;  // [splits, N*P*Q, K]

  using Tiles::Tiles;

  template <int kSums>
  __device__ void store(const Tile& tile, int warp_rows, const float (&sums)[kSums],
                        unsigned char*) const {
    store_floats(sums, tile.columns.end - tile.columns.first, [&](int row) -> float* {
      const int pixel = tile.first_row + warp_rows + row;
      if (pixel >= rows) return nullptr;
      return parts + (int64_t{tile.split} * rows + pixel) * g.k + tile.columns.first;
    });
  }
};

template <class T, int kColumns>
Execution prepare_tiles(const Problem& problem, int splits) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const int64_t rows = g.n * g.p * g.q;
  const auto parts_bytes = static_cast<std::size_t>(splits * rows * g.k) * sizeof(float);
  return {parts_bytes,
          [view = PartsView<T, kColumns>(g, splits), layouts = ForwardMaps<T, kColumns>(g), rows,
           epilogue = EpilogueBinder(problem)](const Args& args, Stream& stream) {
            PartsView<T, kColumns> bound = view;
            bound.parts = static_cast<float*>(args.workspace);
            launch_tiles(stream, "conv2d_split_k_tma_wgmma", layouts.bind(args, stream), bound);
            implicit_gemm::ForwardOutputs<T> outputs = {};
            outputs.g = bound.g;
            outputs.bind(args, epilogue);
            split_k::launch_finish_parts(stream, "conv2d_split_k_finish", bound.parts, bound.splits,
                                         rows, bound.g.k, outputs);
          }};
}

using ForwardSplitting = Splitting<split_k::forward_product, low_forward_tiles>;

Execution prepare(const Problem& problem) {
  const split_k::Cut cut = ForwardSplitting::cut(problem);
  return dispatch_tiles<false, 64, 96, 128, 160, 192, 256>(
      problem, cut.tile, [&]<class T, int kColumns, int>() {
        return prepare_tiles<T, kColumns>(problem, cut.splits);
      });
}

constexpr auto kLimits = ForwardSplitting::supports<within_limits>;

}  // namespace

const Engine kConv2dSplitKTmaWgmma =
    ForwardSplitting::paying(tma_wgmma::half_engine<kLimits>(prepare, "split_k_tma_wgmma"));
const Engine kConv2dSplitKTmaWgmmaTf32 =
    ForwardSplitting::paying(tma_wgmma::tf32_engine<kLimits>(prepare, "split_k_tma_wgmma_tf32"));

}  // namespace voluta
