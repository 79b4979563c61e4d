// conv2d, algorithms "split_k" (f32), "split_k_mma" (bf16, f16) and "split_k_mma_tf32": the matrix product of
// "implicit_gemm" and "implicit_gemm_mma" where it has too few tiles to go round a chip. Blocks share a
// tile's depth and leave sums of their parts; a second kernel adds those and finishes them.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh; of xhat for x where there is a prologue:
//                kernels/common/prologue.h
//   rows N*P*Q, columns K/G, depth R*S*C/G in the order of memory (c fastest), cut by conv2d_split_k.h
//   grid, maps, smem: conv2d_implicit_gemm.cuh, kernels/common/mma_product.cuh, conv2d_split_k.cuh
//   regs   those of the kernels named, within 16; of the second one 34; no spills (sm_80, sm_90a)
//   workspace f32 parts [splits, N*P*Q, K], of at most 32 splits
//   limits those of the two; of tensor cores no prologue; 8 steps of 64 bytes of depth or more
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_forward_view.cuh>
#include <voluta/kernels/conv2d/conv2d_split_k_products.cuh>

namespace voluta {
namespace {

using implicit_gemm::ForwardOutputs;
using implicit_gemm::ForwardParts;
using implicit_gemm::whole_chunks;

template <class Kernel>
using Forward =
    split_k::Splitting<split_k::forward_product, implicit_gemm::steps_of, Kernel::tiles>;

template <class Kernel, class T, bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const split_k::Cut cut = Forward<Kernel>::cut(problem);
  implicit_gemm::ForwardView<T, kPrologue, ForwardParts> view(g);
  view.elements = problem.outputs[0].shape.elements();
  view.vector_store = whole_chunks<float>(g.group_k);
  const auto parts_bytes = static_cast<std::size_t>(view.elements * cut.splits) * sizeof(float);
  return {parts_bytes, [view, g, cut, epilogue = EpilogueBinder(problem),
                        prologue = PrologueBinder(problem)](const Args& args, Stream& stream) {
            auto bound = view;
            bound.x = args.in<T>(0);
            bound.w = args.in<T>(1);
            bound.normaliser = prologue.bind(args);
            bound.parts = static_cast<float*>(args.workspace);
            const int64_t rows = g.n * g.p * g.q;
            Kernel::launch(stream, "conv2d_split_k", bound, cut, {rows, g.group_k, g.groups, 1},
                           whole_chunks<T>(g.group_c) && aligned16(bound.x, bound.w));
            ForwardOutputs<T> outputs = {};
            outputs.g = bound.g;
            outputs.bind(args, epilogue);
            split_k::launch_finish_parts(stream, "conv2d_split_k_finish", bound.parts, cut.splits,
                                         rows, g.k, outputs);
          }};
}

Execution prepare_fma(const Problem& problem) {
  return implicit_gemm::dispatch_prologue(problem, [&]<bool kPrologue>() {
    return prepare_as<split_k::Fma, float, kPrologue>(problem);
  });
}
Execution prepare_mma(const Problem& problem) {
  return dispatch_elements(problem,
                           [&]<class T>() { return prepare_as<split_k::Mma, T, false>(problem); });
}

using ForwardFma = Forward<split_k::Fma>;
using ForwardMma = Forward<split_k::Mma>;
constexpr auto kFmaLimits = ForwardFma::supports<with_prologue<implicit_gemm::supports>>;
constexpr auto kMmaLimits = ForwardMma::supports<implicit_gemm_mma::within_limits>;

}  // namespace

const Engine kConv2dSplitK = ForwardFma::paying(
    {"split_k", DeviceType::kCuda, EngineRole::kProduct, kFmaLimits, prepare_fma});
const Engine kConv2dSplitKMma =
    ForwardMma::paying(mma_product::half_engine<kMmaLimits>("split_k_mma", prepare_mma));
const Engine kConv2dSplitKMmaTf32 =
    ForwardMma::paying(mma_product::tf32_engine<kMmaLimits>("split_k_mma_tf32", prepare_mma));

}  // namespace voluta
