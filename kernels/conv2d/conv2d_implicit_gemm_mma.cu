// conv2d, algorithms "implicit_gemm_mma" (bf16, f16) and "implicit_gemm_mma_tf32" (f32 data, tf32
// products): the convolution as one matrix product a group on the tensor cores of sm_80 and later,
// whose left matrix (the input, unrolled tap by tap) is gathered by the copies that load tiles.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//                of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows N*P*Q, columns K/G, depth R*S*C/G in the order of memory (c fastest)
//   grid, maps, smem: kernels/common/mma_product.cuh
//   regs   of 128x128, 128x64, 64x64 tiles; by elements of 128x64, 64x64; no spills
//          16 bits 232, 140, 93; 167, 113 (sm_80)   235, 157, 110; 182, 127 (sm_90a)
//          tf32    239, 142, 96; 153, 110 (sm_80)   247, 154, 114; 176, 123 (sm_90a)
//          with a prologue, of 128x64, 64x64 tiles: 16 bits 154, 108; 182, 127 and 174, 122; 198, 160
//          tf32    148, 102; 153, 109 (sm_80)       174, 120; 176, 128 (sm_90a)
//   limits fewer than 2^31 elements a tensor; a prologue in front of 1 x 1 filters. C/G in whole chunks (8,
//          tf32: 4) is copied in 16 bytes, other channels element by element.
//   measured never run on hardware
// Source: Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning", section 3.

#include <voluta/kernels/conv2d/conv2d_forward_view.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>

namespace voluta::implicit_gemm_mma {
namespace {

using implicit_gemm::ForwardView;

template <class T, bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const ForwardView<T, kPrologue> view(g);
  const split_k::Product product =
      split_k::forward_product(problem, implicit_gemm::steps_of(problem));
  return {0, [view, g, product, epilogue = EpilogueBinder(problem),
              prologue = PrologueBinder(problem)](const Args& args, Stream& stream) {
            ForwardView<T, kPrologue> bound = view;
            bound.x = args.in<T>(0);
            bound.w = args.in<T>(1);
            bound.normaliser = prologue.bind(args);
            bound.bind(args, epilogue);
            const bool vector =
                whole_chunks<T>(g.group_c) && aligned16(bound.x, bound.w, bound.normaliser.vectors);
            const int64_t rows = g.n * g.p * g.q;
            TileSize tile = split_k::whole(product, tiles_for(vector)).tile;
            if (kPrologue) tile.columns = 64;
            if (bound.moments != nullptr) tile.rows = static_cast<int>(kMomentRows);
            bound.grid = make_grid(tile, rows, g.group_k, g.groups);
            launch_product(stream, "conv2d_implicit_gemm_mma", bound, tile, vector,
                           bound.grid.blocks());
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

const Engine kConv2dImplicitGemmMma =
    implicit_gemm_mma::half_engine<implicit_gemm_mma::within_limits_of_pixels>(
        "implicit_gemm_mma", implicit_gemm_mma::prepare);
const Engine kConv2dImplicitGemmMmaTf32 =
    implicit_gemm_mma::tf32_engine<implicit_gemm_mma::within_limits_of_pixels>(
        "implicit_gemm_mma_tf32", implicit_gemm_mma::prepare);

}  // namespace voluta
