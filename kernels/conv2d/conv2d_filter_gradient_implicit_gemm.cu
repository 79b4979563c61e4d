// conv2d_filter_gradient, algorithm "implicit_gemm": dy transposed times the unrolled input, one
// matrix product a group. The sum over N*P*Q is long and the result small, so the depth is split
// over blocks; a second kernel adds the parts in the order of their number.
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c]
//                 of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows K/G, columns R*S*C/G, depth N*P*Q
//   grid, maps, smem: conv2d_implicit_gemm.cuh
//   regs   155, 113, 79 for 128, 64, 32 columns, with a prologue 161, 117, 79 (sm_90a); 139, 101, 80 and 141,
//          103, 80 (sm_80); no spills
//   workspace parts[splits, K, R*S*C/G] where splits > 1
//   limits f32; fewer than 2^31 elements a tensor
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_filter_gradient_view.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>

namespace voluta {
namespace {

using implicit_gemm::FilterGradientView;
using implicit_gemm::make_grid;

template <bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const int64_t columns = g.r * g.s * g.group_c;
  const int64_t splits = implicit_gemm::filter_gradient_splits(g);
  const int64_t elements = problem.outputs[0].shape.elements();
  FilterGradientView<float, kPrologue> view(g);
  const TileSize tile = implicit_gemm::tile_size(columns);
  view.grid = make_grid(tile, g.group_k, columns, g.groups, 1, splits);
  const std::size_t parts_bytes =
      splits > 1 ? static_cast<std::size_t>(splits) * problem.outputs[0].bytes() : 0;
  return {
      parts_bytes, [view, tile, columns, elements, splits, prologue = PrologueBinder(problem)](
                       const Args& args, Stream& stream) {
        FilterGradientView<float, kPrologue> bound = view;
        bound.normaliser = prologue.bind(args);
        bound.x = args.in<float>(0);
        bound.dy = args.in<float>(1);
        bound.parts = splits > 1 ? static_cast<float*>(args.workspace) : args.out<float>(0);
        bound.vector_store = implicit_gemm::whole_chunks<float>(columns) && aligned16(bound.parts);
        implicit_gemm::launch_multiply(stream, "conv2d_filter_gradient_implicit_gemm", bound, tile);
        if (splits == 1) return;
        launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", bound.parts,
                                args.out<float>(0), elements, static_cast<int>(splits));
      }};
}

Execution prepare(const Problem& problem) {
  return implicit_gemm::dispatch_prologue(
      problem, [&]<bool kPrologue>() { return prepare_as<kPrologue>(problem); });
}

}  // namespace

const Engine kConv2dFilterGradientImplicitGemm = {"implicit_gemm", DeviceType::kCuda,
                                                  EngineRole::kProduct,
                                                  with_prologue<implicit_gemm::supports>, prepare};

}  // namespace voluta
