// conv2d, algorithms "implicit_gemm_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data, tf32 products):
// the convolution as one matrix product whose left matrix, the input unrolled tap by tap, is gathered
// by the copy engine's im2col mode.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh; of xhat for x where there is a prologue:
//                conv2d_tma_wgmma_prologue.cuh
//   rows N*P*Q, columns K, depth: taps (r, s), in each the channels by 64, of f32 by 32
//   grid   a block an SM, in clusters of two where cluster_blocks() says so; block, tiles, smem: conv2d_tma_wgmma.cuh
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   limits one group; C and K multiples of 8, of f32 of 4; see tma_wgmma::within_limits. A prologue of 16
//          bits, in front of 1 x 1 filters without padding, its normaliser at a multiple of 16 bytes
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.cuh>

namespace voluta {
namespace {

using namespace tma_wgmma;

template <class T, int kColumns, bool kPrologue_, int kCluster_>
struct ForwardView {
  using Element = T;
  static constexpr int kCluster = kCluster_;
  static constexpr bool kPrologue = kPrologue_;
  static constexpr Stored kA = Stored::kLineByLine, kB = Stored::kLineByLine;

  T* y;  // [N*P*Q, K]
  Epilogue<T> epilogue;
  float* moments;         // nullptr: not asked for
  Normaliser normaliser;  // with a prologue
  Conv2dKernelGeometry g;
  FastDivisor by_q, by_p, by_columns;  // by_columns: column tiles
  int rows, depth_steps, tiles;

  // Column tiles of the same rows follow each other, so that the rows are read from memory once
  // and come from the L2 cache after that.
  struct Tile {
    int first_row, first_column;
  };
  __device__ Tile tile(int index) const {
    const int column = by_columns.take_remainder(index);
    return {(index * kCluster + rank_of_block<kCluster>()) * kRows, column * kColumns};
  }
  __device__ bool exists(const Tile& tile) const { return tile.first_row < rows; }
  __device__ int steps(const Tile&) const { return depth_steps; }

  class Copies {
   public:
    __device__ Copies(const ForwardView& view, const TensorMaps& maps, const Tile& tile)
        : view_(view),
          maps_(maps),
          first_column_(tile.first_column + first_copied_column<kColumns, kCluster>()) {
      n_ = tile.first_row;
      w_ = view.by_q.take_remainder(n_) * view.g.v - view.g.left;
      h_ = view.by_p.take_remainder(n_) * view.g.u - view.g.top;
    }

    __device__ void issue(unsigned char* a, unsigned char* b, Mbarrier& full) {
      const Conv2dKernelGeometry& g = view_.g;
      copy_im2col(a, maps_.a[0], full, c_, w_, h_, n_, s_ * g.m, r_ * g.l);
      copy_box_to_all<kCluster>(b, maps_.b, full, c_, r_ * g.s + s_, first_column_);
      c_ += kDepth<T>;
      if (c_ < g.c) return;
      c_ = 0;
      if (++s_ < g.s) return;
      s_ = 0;
      ++r_;
    }

   private:
    const ForwardView& view_;
    const TensorMaps& maps_;
    int first_column_;
    int n_, h_, w_;              // the tile's first base position
    int r_ = 0, s_ = 0, c_ = 0;  // the step's tap and channels
  };

  __device__ void normalise(const Tile&, int step, unsigned char* a, unsigned char*) const {
    normalise_rows<T>(normaliser, a, kRows, step * kDepth<T>, kConsumers * kWarpgroup);
  }

  __device__ MomentTarget moment_target(const Tile& tile) const {
    return {.out = moments + int64_t{2} * (tile.first_row / kRows) * g.k + tile.first_column,
            .stride = g.k,
            .columns = g.k - tile.first_column,
            .rows = min(kRows, rows - tile.first_row)};
  }

  template <int kSums>
  __device__ void store(const Tile& tile, int warp_rows, float (&sums)[kSums],
                        unsigned char* staging) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int block = 0; block < kColumns / kRowElements<T>; ++block) {
      const int first = tile.first_column + block * kRowElements<T>;
      if (first >= g.k) continue;
      auto row_of = [&]<class Element>(Element* tensor, int row) -> Element* {
        const int pixel = tile.first_row + warp_rows + row;
        return pixel < rows ? tensor + int64_t{pixel} * g.k + first : nullptr;
      };
      const T* z = epilogue.residual;
      if (z != nullptr) load_rows<T>(staging, g.k - first, [&](int row) { return row_of(z, row); });
      store_rows<T>(
          staging, g.k - first,
          [&](int j, int half, unsigned char* at) {
            const int first_sum = block * (kRowElements<T> / 2) + 4 * j + 2 * half;
            const int k = first + 8 * j + lane % 4 * 2;
            EpilogueChannel left, right;
            if (k < g.k) left = epilogue.channel(k), right = epilogue.channel(k + 1);
            float pair[2] = {};
            if (z != nullptr) load_pair<T>(at, pair);
            float &first_result = sums[first_sum], &second_result = sums[first_sum + 1];
            first_result = epilogue.finish(left, first_result, pair[0]);
            second_result = epilogue.finish(right, second_result, pair[1]);
            store_pair<T>(at, first_result, second_result);
          },
          [&](int row) { return row_of(y, row); });
    }
  }
};

int tiles_of(const Conv2dGeometry& g, int columns, int cluster) {
  const int column_tiles = static_cast<int>((g.k + columns - 1) / columns);
  return row_tiles(g.n * g.p * g.q, cluster) * column_tiles;
}

template <class T, int kColumns, bool kPrologue, int kCluster>
Execution prepare_tiles(const Problem& problem, const Conv2dGeometry& g) {
  using View = ForwardView<T, kColumns, kPrologue, kCluster>;
  View view = {};
  view.g = kernel_geometry(g);
  view.by_q = FastDivisor(g.q);
  view.by_p = FastDivisor(g.p);
  view.rows = static_cast<int>(g.n * g.p * g.q);
  view.by_columns = FastDivisor((g.k + kColumns - 1) / kColumns);
  view.depth_steps = static_cast<int>(g.r * g.s * ((g.c + kDepth<T> - 1) / kDepth<T>));
  view.tiles = tiles_of(g, kColumns, kCluster);
  const TensorMapLayout x =
      im2col_map(kDTypeOf<T>, g.n, g.c, {-g.top, g.u, g.p, g.h}, {-g.left, g.v, g.q, g.w}, kRows);
  const TensorMapLayout w = filter_map(kDTypeOf<T>, g, kColumns / kCluster);
  return {0, [view, x, w, epilogue = EpilogueBinder(problem), prologue = PrologueBinder(problem)](
                 const Args& args, Stream& stream) {
            View bound = view;
            bound.y = args.out<T>(0);
            bound.normaliser = prologue.bind(args);
            bound.epilogue = epilogue.bind<T>(args);
            bound.moments = epilogue.moments(args);
            TensorMaps maps;
            maps.a[0] = tensor_map(stream, x, args.in<T>(0));
            maps.b = tensor_map(stream, w, args.in<T>(1));
            launch_tiles<kColumns>(stream, "conv2d_implicit_gemm_tma_wgmma", maps, bound);
          }};
}

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return dispatch_tiles<BFloat16, Float16, float>(
      problem, tile_columns(g.n * g.p * g.q, g.k), [&]<class T, int kColumns>() {
        return dispatch_prologue<T>(problem, [&]<bool kPrologue>() {
          return dispatch_cluster<kColumns>(
              [&](int cluster) { return tiles_of(g, kColumns, cluster); },
              [&]<int kCluster>() {
                return prepare_tiles<T, kColumns, kPrologue, kCluster>(problem, g);
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
