// conv2d, algorithm "implicit_gemm": the convolution as one matrix product a group, whose left
// matrix (the input, unrolled tap by tap) is gathered while tiles are loaded and never stored.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//                of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows N*P*Q, columns K/G, depth R*S*C/G in the order of memory (c fastest)
//   grid, maps, smem: conv2d_implicit_gemm.cuh
//   regs   177, 127, 115 for 128, 64, 32 columns, with a prologue 185, 127, 123 (sm_90a); 157, 119, 101 either
//          way (sm_80); no spills
//   limits f32; fewer than 2^31 elements a tensor
//   measured never run on hardware
// Source: Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning", section 3.

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_forward_view.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>

namespace voluta {
namespace {

using implicit_gemm::ForwardView;

template <bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  ForwardView<float, kPrologue> view(g);
  const split_k::Product product =
      split_k::forward_product(problem, implicit_gemm::steps_of(problem));
  const TileSize tile = split_k::whole(product, implicit_gemm::kTiles).tile;
  view.grid = implicit_gemm::make_grid(tile, g.n * g.p * g.q, g.group_k, g.groups);
  return {0, [view, tile, epilogue = EpilogueBinder(problem), prologue = PrologueBinder(problem)](
                 const Args& args, Stream& stream) {
            ForwardView<float, kPrologue> bound = view;
            bound.x = args.in<float>(0);
            bound.w = args.in<float>(1);
            bound.normaliser = prologue.bind(args);
            bound.bind(args, epilogue);
            implicit_gemm::launch_multiply(stream, "conv2d_implicit_gemm", bound, tile);
          }};
}

Execution prepare(const Problem& problem) {
  return implicit_gemm::dispatch_prologue(
      problem, [&]<bool kPrologue>() { return prepare_as<kPrologue>(problem); });
}

}  // namespace

const Engine kConv2dImplicitGemm = {"implicit_gemm", DeviceType::kCuda, EngineRole::kProduct,
                                    with_prologue<implicit_gemm::supports>, prepare};

}  // namespace voluta
