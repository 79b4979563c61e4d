// conv2d_input_gradient, algorithm "implicit_gemm": each pixel of dx gathers the windows that cover
// it, as one matrix product a group. Nothing is scattered, so no atomics.
//   dx[n,h,w,c] = d(sum_{r,s,k} dy[n,p,q,k] * w[k,r,s,c-g*Cg])   where p*u-top+r*l = h, q likewise
//                 d: a residual and a gate, conv2d.h and kernels/common/epilogue.cuh
// With a stride each phase of the pixels (conv2d_phases.cuh) is a product of its own, without a
// multiplied zero, and one launch does them all.
//   rows N*H'*W' of a phase, columns C/G, depth R'*S'*K/G (k fastest)
//   grid, maps, smem: conv2d_implicit_gemm.cuh
//   regs   185, 127, 121 for 128, 64, 32 columns (sm_90a), 165, 128, 111 (sm_80); no spills
//   limits f32; fewer than 2^31 elements a tensor, and blocks. Sums: relu, relu6 or no activation
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>
#include <voluta/kernels/conv2d/conv2d_input_gradient_view.cuh>

namespace voluta {
namespace {

using implicit_gemm::InputGradientView;

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  InputGradientView<float> view(g);
  const split_k::Product product =
      split_k::input_gradient_product(problem, implicit_gemm::steps_of(problem));
  const TileSize tile = split_k::whole(product, implicit_gemm::kTiles).tile;
  view.grid = implicit_gemm::make_grid(tile, implicit_gemm::phase_rows(g), g.group_c, g.groups,
                                       implicit_gemm::phases(g));
  return {0, [view, tile, epilogue = EpilogueBinder(problem), norm = NormInFrontBinder(problem)](
                 const Args& args, Stream& stream) {
            InputGradientView<float> bound = view;
            bound.bind(args, epilogue, norm);
            implicit_gemm::launch_multiply(stream, "conv2d_input_gradient_implicit_gemm", bound,
                                           tile);
          }};
}

Support supports(const Problem& problem) {
  if (const Support sums = supports_sums(problem); !sums.ok) return sums;
  if (const Support limits = implicit_gemm::supports(problem); !limits.ok) return limits;
  return implicit_gemm::supports_phases(problem, {implicit_gemm::kTileRows, 32});
}

}  // namespace

const Engine kConv2dInputGradientImplicitGemm = {"implicit_gemm", DeviceType::kCuda,
                                                 EngineRole::kProduct, supports, prepare};

}  // namespace voluta
