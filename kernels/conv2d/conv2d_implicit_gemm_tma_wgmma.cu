// conv2d, algorithms "implicit_gemm_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data, tf32 products):
// the convolution as one matrix product whose left matrix, the input unrolled tap by tap, is gathered
// by the copy engine's im2col mode.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh; of xhat for x where there is a prologue:
//                conv2d_tma_wgmma_prologue.cuh
//   rows N*P*Q, columns K, group by group; depth: taps (r, s), in each the channels of the group by 64, of f32
//          by 32
//   grid   a block an SM, in clusters of two where cluster_blocks() says so; block, tiles, smem: conv2d_tma_wgmma.cuh
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   limits C and K multiples of 8, of f32 of 4, in several groups those of each of 64; see
//          tma_wgmma::within_limits. A prologue of 16 bits, in front of 1 x 1 filters without padding, its
//          normaliser at a multiple of 16 bytes
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_forward.cuh>

namespace voluta {
namespace {

using namespace tma_wgmma;

template <class T, int kColumns, bool kPrologue_, int kCluster, int kHeight>
struct ForwardView : ForwardTiles<T, kColumns, kCluster, kHeight> {
  using Tiles = ForwardTiles<T, kColumns, kCluster, kHeight>;
  using Tile = Tiles::Tile;
  using Tiles::g;
  using Tiles::rows;
  static constexpr bool kPrologue = kPrologue_;

  T* y;  // [N*P*Q, K]
  Epilogue<T> epilogue;
  float* moments;                    // nullptr: not asked for
  Normaliser normaliser;             // with a prologue
  Auxiliaries<T, 1, 1> auxiliaries;  // residual

  using Tiles::Tiles;

  __device__ void normalise(const Tile& tile, int step, unsigned char* a, unsigned char*) const {
    normalise_rows<T>(normaliser, a, kRows, tile.columns.group * g.group_c + step * kDepth<T>,
                      kConsumers * kWarpgroup);
  }

  __device__ MomentTarget moment_target(const Tile& tile) const {
    return {.out = moments + int64_t{2} * (tile.first_row / kRows) * g.k + tile.columns.first,
            .stride = g.k,
            .columns = tile.columns.end - tile.columns.first,
            .rows = min(kRows, rows - tile.first_row)};
  }

  __device__ int auxiliary_slots(const Tile& tile) const { return auxiliaries.slots(tile.columns); }
  __device__ void copy_auxiliary(const Tile& tile, int slot, unsigned char* to,
                                 Mbarrier& full) const {
    const auto [tensor, column] = auxiliaries.place(slot, tile.columns);
    copy_box(to, auxiliaries.maps[tensor][0], full, column, tile.first_row, 0);
  }

  template <int kSums, class Reader, class F>
  __device__ void store(const Tile& tile, int warp_rows, float (&sums)[kSums],
                        unsigned char* staging, Reader& auxiliary, F while_staged) const {
    const StoredRows<T> to([&](int row) -> T* {
      const int pixel = tile.first_row + warp_rows + row;
      return pixel < rows ? y + int64_t{pixel} * g.k : nullptr;
    });
#pragma unroll
    for (int block = 0; block < held_columns(kColumns) / kRowElements<T>; ++block) {
      const int first = tile.columns.first + block * kRowElements<T>;
      const int first_sum = block * kBlockSums;
      if (first >= tile.columns.end) continue;
      if (!epilogue.plain) finish(first, first_sum, sums, auxiliary);
      store_rows<T>(staging, to, first, tile.columns.end - first, sums, first_sum,
                    [&] { while_staged(block); });
    }
  }

 private:
  static constexpr int kBlockSums = kRowElements<T> / 2;  // of a lane, in 128 bytes of columns

  // Of a warp's 128 bytes of columns, from `first` on; a lane's sums from `first_sum` on.
  template <int kSums, class Reader>
  __device__ void finish(int first, int first_sum, float (&sums)[kSums], Reader& auxiliary) const {
    const bool adds = epilogue.residual != nullptr;
    const unsigned char* z = adds ? auxiliary.rows() : nullptr;
#pragma unroll
    for (int j = 0; j < kRowElements<T> / 8; ++j) {
      const int k = min(first + 8 * j + static_cast<int>(threadIdx.x) % 4 * 2, g.k - 2);
      EpilogueChannel channels[2];
      epilogue.load_channels(k, channels);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float pair[2] = {};
        if (adds) load_pair<T>(copied_pair<T>(z, j, half), pair);
        float* held = &sums[first_sum + 4 * j + 2 * half];
        held[0] = epilogue.limited(channels[0], held[0], pair[0]);
        held[1] = epilogue.limited(channels[1], held[1], pair[1]);
      }
    }
    if (adds) auxiliary.next();
    if (!epilogue.f.is_apart()) return;
#pragma unroll
    for (int i = 0; i < kBlockSums; ++i) {
      sums[first_sum + i] = epilogue.f.apart(sums[first_sum + i]);
    }
  }
};

template <class T, int kColumns, bool kPrologue, int kCluster, int kHeight>
Execution prepare_tiles(const Problem& problem, const Conv2dGeometry& g) {
  using View = ForwardView<T, kColumns, kPrologue, kCluster, kHeight>;
  return {0, [view = View(g), layouts = ForwardMaps<T, kColumns, kCluster, kHeight>(g),
              residual = auxiliary_map(matrix_map(kDTypeOf<T>, g.n * g.p * g.q, g.k, kRows)),
              epilogue = EpilogueBinder(problem),
              prologue = PrologueBinder(problem)](const Args& args, Stream& stream) {
            View bound = view;
            bound.y = args.out<T>(0);
            bound.normaliser = prologue.bind(args);
            bound.epilogue = epilogue.bind<T>(args);
            bound.moments = epilogue.moments(args);
            bound.auxiliaries.add(stream, {residual}, bound.epilogue.residual);
            launch_tiles(stream, "conv2d_implicit_gemm_tma_wgmma", layouts.bind(args, stream),
                         bound);
          }};
}

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const split_k::Product product = split_k::forward_product(problem, steps_of(problem));
  return dispatch_tiles<true, 64, 96, 128, 160, 192, 256>(
      problem, split_k::whole(product, forward_tiles(problem)).tile,
      [&]<class T, int kColumns, int kHeight>() {
        return dispatch_prologue<T, kColumns, kHeight>(problem, [&]<bool kPrologue>() {
          return dispatch_cluster<kColumns, kHeight>(
              [&](int cluster) {
                return row_tiles(g.n * g.p * g.q, cluster * kHeight) *
                       ForwardTiles<T, kColumns>::tiles_of_columns(g).count();
              },
              [&]<int kCluster>() {
                return prepare_tiles<T, kColumns, kPrologue, kCluster, kHeight>(problem, g);
              });
        });
      });
}

}  // namespace

const Engine kConv2dImplicitGemmTmaWgmma =
    tma_wgmma::half_engine<tma_wgmma::within_limits_of_pixels>(prepare);
const Engine kConv2dImplicitGemmTmaWgmmaTf32 =
    tma_wgmma::tf32_engine<tma_wgmma::within_limits_of_pixels>(prepare);

}  // namespace voluta
