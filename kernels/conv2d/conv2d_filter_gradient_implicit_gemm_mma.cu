// conv2d_filter_gradient, algorithms "implicit_gemm_mma" (bf16, f16) and "implicit_gemm_mma_tf32":
// dy transposed times the unrolled input, one matrix product a group on tensor cores. The sum over
// N*P*Q is long and the result small, so the depth is split over blocks into f32 parts; a second
// kernel adds them in the order of their number and rounds the sum to the filter's type.
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c]
//                 of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows K/G, columns R*S*C/G, depth N*P*Q; both operands lie with their lines fastest
//   grid, maps, smem: kernels/common/mma_product.cuh
//   regs   of 128x128, 128x64, 64x64 tiles; by elements of 128x64, 64x64; no spills
//          16 bits 255, 127, 86; 210, 150 (sm_80)   235, 133, 102; 214, 155 (sm_90a)
//          tf32    255, 150, 100; 174, 114 (sm_80)  245, 156, 104; 176, 116 (sm_90a)
//          with a prologue, of 128x64, 64x64 tiles: 16 bits 141, 103; 223, 168 and 144, 116; 229, 168
//          tf32    155, 111; 177, 142 (sm_80)        167, 116; 177, 148 (sm_90a)
//   workspace parts[splits, K, R*S*C/G] in f32; none for tf32 with one split
//   limits fewer than 2^31 elements a tensor; a prologue in front of 1 x 1 filters. Where C/G and K/G come in
//          whole chunks (8, tf32: 4) copies are 16 bytes, else element by element.
//   measured never run on hardware

#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_filter_gradient_view.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>

namespace voluta::implicit_gemm_mma {
namespace {

using implicit_gemm::FilterGradientView;

// Enough blocks to fill any GPU about once over, as long as a block still has depth to amortise its
// prologue. A function of the problem alone, so that results do not depend on the device.
int64_t wanted_splits(const Conv2dGeometry& g, TileSize tile) {
  constexpr int64_t kWantedBlocks = 256, kLeastDepth = 256;
  const int64_t depth = g.n * g.p * g.q;
  const int64_t blocks = make_grid(tile, g.group_k, g.r * g.s * g.group_c, g.groups).blocks();
  return std::clamp<int64_t>(kWantedBlocks / blocks, 1, std::max<int64_t>(depth / kLeastDepth, 1));
}

template <class T, bool kPrologue>
TileSize tile_for(const Conv2dGeometry& g, bool vector) {
  TileSize tile = choose_tile(g.group_k, g.r * g.s * g.group_c, g.groups, vector, true);
  if (kPrologue) tile.columns = 64;
  return tile;
}

template <class T, bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const FilterGradientView<T, kPrologue> view(g);
  const bool whole = whole_chunks<T>(g.group_c) && whole_chunks<T>(g.group_k);
  const int64_t splits = wanted_splits(g, tile_for<T, kPrologue>(g, whole));
  const int64_t elements = problem.outputs[0].shape.elements();
  const bool direct = std::is_same_v<T, float> && splits == 1;
  const std::size_t parts_bytes =
      direct ? 0 : static_cast<std::size_t>(splits * elements) * sizeof(float);
  return {parts_bytes, [=, prologue = PrologueBinder(problem)](const Args& args, Stream& stream) {
            FilterGradientView<T, kPrologue> bound = view;
            bound.x = args.in<T>(0);
            bound.dy = args.in<T>(1);
            bound.parts = direct ? args.out<float>(0) : static_cast<float*>(args.workspace);
            bound.normaliser = prologue.bind(args);
            const bool vector = whole && aligned16(bound.x, bound.dy, bound.normaliser.vectors);
            const int64_t columns = g.r * g.s * g.group_c;
            bound.vector_store = whole_chunks<float>(columns) && aligned16(bound.parts);
            const TileSize tile = tile_for<T, kPrologue>(g, vector);
            bound.grid = make_grid(tile, g.group_k, columns, g.groups, 1, splits);
            launch_product(stream, "conv2d_filter_gradient_implicit_gemm_mma", bound, tile, vector,
                           bound.grid.blocks());
            if (direct) return;
            launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", bound.parts,
                                    args.out<T>(0), elements, static_cast<int>(splits));
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() {
    return conv2d_normaliser(problem) == 0 ? prepare_as<T, false>(problem)
                                           : prepare_as<T, true>(problem);
  });
}

}  // namespace
}  // namespace voluta::implicit_gemm_mma

namespace voluta {

const Engine kConv2dFilterGradientImplicitGemmMma =
    implicit_gemm_mma::half_engine<implicit_gemm_mma::within_limits_of_pixels>(
        "implicit_gemm_mma", implicit_gemm_mma::prepare);
const Engine kConv2dFilterGradientImplicitGemmMmaTf32 =
    implicit_gemm_mma::tf32_engine<implicit_gemm_mma::within_limits_of_pixels>(
        "implicit_gemm_mma_tf32", implicit_gemm_mma::prepare);

}  // namespace voluta
