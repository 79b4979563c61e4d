// conv2d_input_gradient, algorithms "implicit_gemm_mma" (bf16, f16) and "implicit_gemm_mma_tf32":
// each pixel of dx gathers the windows that cover it, as a matrix product a group on tensor cores.
//   dx[n,h,w,c] = d(sum_{r,s,k} dy[n,p,q,k] * w[k,r,s,c-g*Cg])   where p*u-top+r*l = h, q likewise
//                 d: a residual and a gate, conv2d.h and kernels/common/epilogue.cuh
// With a stride each phase of the pixels (conv2d_phases.cuh) is a product of its own, without a
// multiplied zero, and one launch does them all.
//   rows N*H'*W' of a phase, columns C/G, depth R'*S'*K/G (k fastest)
//   grid, maps, smem: kernels/common/mma_product.cuh
//   regs   of 128x128, 128x64, 64x64 tiles; by elements of 128x64, 64x64; no spills
//          16 bits 254, 166, 102; 233, 136 (sm_80)   248, 163, 116; 202, 142 (sm_90a)
//          tf32    251, 158, 111; 190, 128 (sm_80)   248, 164, 108; 194, 133 (sm_90a)
//   limits fewer than 2^31 elements a tensor, and blocks. Where C/G and K/G come in whole chunks
//          (8, tf32: 4) copies are 16 bytes, else element by element. Sums: tiles of 128 rows; relu,
//          relu6 or no activation
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>
#include <voluta/kernels/conv2d/conv2d_input_gradient_view.cuh>

namespace voluta::implicit_gemm_mma {
namespace {

using implicit_gemm::InputGradientView;
using implicit_gemm::phase_rows;
using implicit_gemm::phases;

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const InputGradientView<T> view(g);
  const split_k::Product product =
      split_k::input_gradient_product(problem, implicit_gemm::steps_of(problem));
  return {0, [view, g, product, epilogue = EpilogueBinder(problem),
              norm = NormInFrontBinder(problem)](const Args& args, Stream& stream) {
            InputGradientView<T> bound = view;
            bound.bind(args, epilogue, norm);
            const bool whole = whole_chunks<T>(g.group_c) && whole_chunks<T>(g.group_k);
            const bool vector = whole && aligned16(bound.dy, bound.w);
            TileSize tile = split_k::whole(product, tiles_for(vector)).tile;
            if (bound.sums != nullptr) tile.rows = static_cast<int>(kSumRows);
            bound.grid = make_grid(tile, phase_rows(g), g.group_c, g.groups, phases(g));
            launch_product(stream, "conv2d_input_gradient_implicit_gemm_mma", bound, tile, vector,
                           bound.grid.blocks());
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

Support phases_within_limits(const Problem& problem) {
  if (const Support sums = supports_sums(problem); !sums.ok) return sums;
  const Support support = within_limits(problem);
  return support.ok ? implicit_gemm::supports_phases(problem, TileSize{}) : support;
}

}  // namespace
}  // namespace voluta::implicit_gemm_mma

namespace voluta {

const Engine kConv2dInputGradientImplicitGemmMma =
    implicit_gemm_mma::half_engine<implicit_gemm_mma::phases_within_limits>(
        "implicit_gemm_mma", implicit_gemm_mma::prepare);
const Engine kConv2dInputGradientImplicitGemmMmaTf32 =
    implicit_gemm_mma::tf32_engine<implicit_gemm_mma::phases_within_limits>(
        "implicit_gemm_mma_tf32", implicit_gemm_mma::prepare);

}  // namespace voluta
