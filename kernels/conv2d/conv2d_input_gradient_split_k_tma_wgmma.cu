// conv2d_input_gradient, algorithms "split_k_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data, tf32 products):
// the matrix products of "implicit_gemm_tma_wgmma" where they have too few tiles to go round a chip. Tiles
// share their depth and leave sums of its parts in f32; a second kernel adds those.
//   dx[n,h,w,c] = d(sum_{r,s,k} dy[n, (h+top-r*l)/u, (w+left-s*m)/v, k] * w[k,r,s,c])
//                 d: a residual and a gate, conv2d.h and kernels/common/epilogue.cuh
//   tiles, and how filters lie: conv2d_tma_wgmma_input_gradient.cuh; the depth is cut by conv2d_split_k.h. A
//   phase whose depth has fewer steps than there are splits leaves some of its parts zero.
//   grid   a block an SM; block, tiles, smem: conv2d_tma_wgmma.cuh, conv2d_split_k.cuh
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   workspace f32 parts [splits, N*H*W, C], of at most 32 splits, and of f32 the transposed filters
//   limits those of "implicit_gemm_tma_wgmma"; 8 steps of 128 bytes of depth or more. Sums: no stride
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_input_gradient_view.cuh>
#include <voluta/kernels/conv2d/conv2d_split_k.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_input_gradient.cuh>

namespace voluta {
namespace {

using namespace tma_wgmma;

template <class T, int kColumns>
struct PartsView : InputGradientTiles<T, kColumns> {
  using Tiles = InputGradientTiles<T, kColumns>;
  using Tile = Tiles::Tile;
  using Tiles::g;

  float* parts;  // [splits, N*H*W, C]

  using Tiles::Tiles;

  template <int kSums>
  __device__ void store(const Tile& tile, int warp_rows, const float (&sums)[kSums],
                        unsigned char*) const {
    const int64_t elements = int64_t{g.n} * g.h * g.w * g.c;
    float* const part = parts + tile.split * elements + tile.columns.first;
    store_floats(sums, tile.columns.end - tile.columns.first,
                 [&](int row) { return this->row_of(part, tile, warp_rows + row); });
  }
};

template <class T, int kColumns>
Execution prepare_tiles(const Problem& problem, int splits) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const PartsView<T, kColumns> view(g, splits);
  const InputGradientMaps<T> layouts(view, g);
  const int64_t pixels = g.n * g.h * g.w;
  // Filters come behind the parts.
  const std::size_t parts_bytes =
      (static_cast<std::size_t>(splits * pixels * g.c) * sizeof(float) + 255) / 256 * 256;
  return {parts_bytes + layouts.filters.bytes,
          [view, layouts, pixels, parts_bytes, epilogue = EpilogueBinder(problem),
           norm = NormInFrontBinder(problem)](const Args& args, Stream& stream) {
            auto bound = view;
            bound.parts = static_cast<float*>(args.workspace);
            void* const filters = static_cast<std::byte*>(args.workspace) + parts_bytes;
            launch_tiles(stream, "conv2d_input_gradient_split_k_tma_wgmma",
                         layouts.bind(args, filters, stream), bound);
            const implicit_gemm::InputGradientOutputs<T> outputs = {
                args.out<T>(0), epilogue.bind<T>(args), norm.bind<T>(args), norm.sums(args),
                bound.g.c};
            split_k::launch_finish_parts(stream, "conv2d_input_gradient_split_k_finish",
                                         bound.parts, bound.splits, pixels, bound.g.c, outputs);
          }};
}

using GradientSplitting = Splitting<split_k::input_gradient_product, low_gradient_tiles>;

Execution prepare(const Problem& problem) {
  const split_k::Cut cut = GradientSplitting::cut(problem);
  return dispatch_tiles<false, 64, 96, 128, 160, 192, 256>(
      problem, cut.tile, [&]<class T, int kColumns, int>() {
        return prepare_tiles<T, kColumns>(problem, cut.splits);
      });
}

Support limits(const Problem& problem) {
  if (Support phases = supports_phases(problem); !phases.ok) return phases;
  return implicit_gemm::supports_sums_in_order(problem);
}

constexpr auto kLimits = GradientSplitting::supports<limits>;

}  // namespace

const Engine kConv2dInputGradientSplitKTmaWgmma =
    GradientSplitting::paying(tma_wgmma::half_engine<kLimits>(prepare, "split_k_tma_wgmma"));
const Engine kConv2dInputGradientSplitKTmaWgmmaTf32 =
    GradientSplitting::paying(tma_wgmma::tf32_engine<kLimits>(prepare, "split_k_tma_wgmma_tf32"));

}  // namespace voluta
