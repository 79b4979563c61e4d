// conv2d_input_gradient, algorithms "implicit_gemm_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data,
// tf32 products): the rows of dx are split by phase (conv2d_phases.cuh), so that a stride multiplies
// no zeros; each phase is a stride-1 convolution of dy with the taps that reach it.
//   dx[n,h,w,c] = d(sum_{r,s,k} dy[n, (h+top-r*l)/u, (w+left-s*m)/v, k] * w[k,r,s,c])
//                 d: a residual and a gate, conv2d.h and kernels/common/epilogue.cuh
//   tiles, and how filters lie: conv2d_tma_wgmma_input_gradient.cuh
//
// 128 rows of a tile are a part of the pixels, so that a block finds the part's sums for a batch norm in front
// (Note [Sums for the gradient in front]) where it stores dx: conv2d_tma_wgmma_columns.cuh.
//   grid   a block an SM, in clusters of two where cluster_blocks() says so; block, tiles, smem:
//          conv2d_tma_wgmma.cuh; all phases in one launch
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   workspace of f32 the transposed filters, 4*K*R*S*C/G bytes; else none
//   limits C and K multiples of 8, of f32 of 4, in several groups those of each of 64; u * v <= 4; see
//          tma_wgmma::within_limits. Sums: relu, relu6 or no activation
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_input_gradient.cuh>

namespace voluta {
namespace {

using namespace tma_wgmma;

template <class T, int kColumns, int kCluster, int kHeight>
struct InputGradientView : InputGradientTiles<T, kColumns, kCluster, kHeight> {
  using Tiles = InputGradientTiles<T, kColumns, kCluster, kHeight>;
  using Tile = Tiles::Tile;
  using Tiles::g;
  using Tiles::phases;
  using Tiles::row_of;

  T* dx;  // [N,H,W,C]
  Epilogue<T> epilogue;
  NormInFront<T> norm;
  float* sums;                                 // [parts, 2, C]; nullptr: not asked for
  Auxiliaries<T, 3, kMostPhases> auxiliaries;  // residual, kept, z

  using Tiles::Tiles;

  __device__ int auxiliary_slots(const Tile& tile) const { return auxiliaries.slots(tile.columns); }
  __device__ void copy_auxiliary(const Tile& tile, int slot, unsigned char* to,
                                 Mbarrier& full) const {
    const auto [tensor, column] = auxiliaries.place(slot, tile.columns);
    const typename Tiles::Pixel first = this->pixel_of(tile, 0);
    copy_im2col(to, auxiliaries.maps[tensor][tile.phase], full, column, first.w, first.h, first.n,
                0, 0);
  }

  template <int kSums, class Reader, class F>
  __device__ void store(const Tile& tile, int warp_rows, float (&sums)[kSums],
                        unsigned char* staging, Reader& auxiliary, F while_staged) const {
    const StoredRows<T> to([&](int row) { return this->row_of(dx, tile, warp_rows + row); });
#pragma unroll
    for (int block = 0; block < held_columns(kColumns) / kRowElements<T>; ++block) {
      const int first = tile.columns.first + block * kRowElements<T>;
      const int first_sum = block * (kRowElements<T> / 2);  // of a lane
      if (first >= tile.columns.end) continue;
      if (epilogue.residual != nullptr) {
        combine(first_sum, sums, auxiliary, [](float sum, float z) { return sum + z; });
      }
      if (epilogue.kept != nullptr) {
        combine(first_sum, sums, auxiliary,
                [f = epilogue.gate](float sum, float x) { return f.through_kept(x, sum); });
      }
      store_rows<T>(staging, to, first, tile.columns.end - first, sums, first_sum,
                    [&] { while_staged(block); });
    }
  }

  __device__ MomentTarget sum_target(const Tile& tile) const {
    const TiledPhase& phase = phases[tile.phase];
    const int part = phase.first_part + tile.first_row / kRows;
    return {.out = sums + int64_t{2} * part * g.c + tile.columns.first,
            .stride = g.c,
            .columns = tile.columns.end - tile.columns.first,
            .rows = min(kRows, phase.rows - tile.first_row)};
  }

 private:
  // sum = f(sum, element of the next auxiliary tensor), of a lane's sums of 128 bytes of columns.
  template <int kSums, class Reader, class F>
  __device__ void combine(int first_sum, float (&sums)[kSums], Reader& auxiliary, F f) const {
    const unsigned char* rows = auxiliary.rows();
    for_each_pair<T>([&](int j, int half) {
      float* held = &sums[first_sum + 4 * j + 2 * half];
      float pair[2];
      load_pair<T>(copied_pair<T>(rows, j, half), pair);
      held[0] = f(held[0], pair[0]);
      held[1] = f(held[1], pair[1]);
    });
    auxiliary.next();
  }
};

// How many tiles all phases have, of `at_once` times kRows rows.
template <int kColumns>
int tiles_of(const Conv2dGeometry& g, int at_once) {
  const PhasedAxis vertical = vertical_axis(g), horizontal = horizontal_axis(g);
  int tiles = 0;
  for (int a = 0; a < vertical.phases; ++a) {
    for (int b = 0; b < horizontal.phases; ++b) {
      tiles += row_tiles(g.n * Phase(vertical, a).pixels * Phase(horizontal, b).pixels, at_once);
    }
  }
  return tiles * GroupTiles<kColumns>(g.groups, g.group_c).count();
}

// Of tensors laid out as dx: the pixels of each phase.
template <class View>
std::array<TensorMapLayout, kMostPhases> auxiliary_maps(const View& view, const Conv2dGeometry& g) {
  std::array<TensorMapLayout, kMostPhases> layouts;
  for (int i = 0; i < view.phase_count; ++i) {
    const TiledPhase& phase = view.phases[i];
    layouts[static_cast<std::size_t>(i)] = auxiliary_map(
        im2col_map(kDTypeOf<typename View::Element>, g.n, g.c,
                   {phase.vertical.first, g.u, phase.vertical.pixels, g.h},
                   {phase.horizontal.first, g.v, phase.horizontal.pixels, g.w}, kRows));
  }
  return layouts;
}

template <class T, int kColumns, int kCluster, int kHeight>
Execution prepare_tiles(const Problem& problem, const Conv2dGeometry& g) {
  const InputGradientView<T, kColumns, kCluster, kHeight> view(g);
  const InputGradientMaps<T> layouts(view, g);
  return {layouts.filters.bytes,
          [view, layouts, auxiliary = auxiliary_maps(view, g), epilogue = EpilogueBinder(problem),
           norm = NormInFrontBinder(problem)](const Args& args, Stream& stream) {
            auto bound = view;
            bound.dx = args.out<T>(0);
            bound.epilogue = epilogue.bind<T>(args);
            bound.norm = norm.bind<T>(args);
            bound.sums = norm.sums(args);
            auto& tensors = bound.auxiliaries;
            tensors.add(stream, auxiliary, bound.epilogue.residual);
            tensors.add(stream, auxiliary, bound.epilogue.kept);
            tensors.add(stream, auxiliary, bound.norm.z);
            launch_tiles(stream, "conv2d_input_gradient_implicit_gemm_tma_wgmma",
                         layouts.bind(args, args.workspace, stream), bound);
          }};
}

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const split_k::Product product = split_k::input_gradient_product(problem, steps_of(problem));
  return dispatch_tiles<true, 64, 96, 128, 160, 192, 256>(
      problem, split_k::whole(product, gradient_tiles(problem)).tile,
      [&]<class T, int kColumns, int kHeight>() {
        return dispatch_cluster<kColumns, kHeight>(
            [&](int cluster) { return tiles_of<kColumns>(g, cluster * kHeight); },
            [&]<int kCluster>() {
              return prepare_tiles<T, kColumns, kCluster, kHeight>(problem, g);
            });
      });
}

}  // namespace

const Engine kConv2dInputGradientImplicitGemmTmaWgmma =
    tma_wgmma::half_engine<supports_phases>(prepare);
const Engine kConv2dInputGradientImplicitGemmTmaWgmmaTf32 =
    tma_wgmma::tf32_engine<supports_phases>(prepare);

}  // namespace voluta
