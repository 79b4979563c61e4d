// conv2d_input_gradient, algorithms "split_k" (f32), "split_k_mma" (bf16, f16) and "split_k_mma_tf32": the
// matrix products of "implicit_gemm" and "implicit_gemm_mma" where they have too few tiles to go round a
// chip. Blocks share a tile's depth and leave sums of their parts; a second kernel adds those.
//   dx[n,h,w,c] = d(sum_{r,s,k} dy[n,p,q,k] * w[k,r,s,c-g*Cg])   where p*u-top+r*l = h, q likewise
//                 d: a residual and a gate, conv2d.h and kernels/common/epilogue.cuh
//   rows N*H'*W' of a phase, columns C/G, depth R'*S'*K/G (k fastest), cut by conv2d_split_k.h. A phase whose
//   depth has fewer steps than there are splits leaves some of its parts zero.
//   grid, maps, smem: conv2d_implicit_gemm.cuh, kernels/common/mma_product.cuh, conv2d_split_k.cuh
//   regs   those of the kernels named, within 16; of the second one 40; no spills (sm_80, sm_90a)
//   workspace f32 parts [splits, N*H*W, C], of at most 32 splits
//   limits those of the two; 8 steps of 64 bytes of depth or more. Sums: no stride; relu, relu6 or no
//          activation
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_input_gradient_view.cuh>
#include <voluta/kernels/conv2d/conv2d_split_k_products.cuh>

namespace voluta {
namespace {

using implicit_gemm::InputGradientOutputs;
using implicit_gemm::InputGradientView;
using implicit_gemm::whole_chunks;

template <class Kernel>
using InputGradient =
    split_k::Splitting<split_k::input_gradient_product, implicit_gemm::steps_of, Kernel::tiles>;

template <class Kernel, class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const split_k::Cut cut = InputGradient<Kernel>::cut(problem);
  InputGradientView<T, true> view(g);
  view.vector_store = whole_chunks<float>(g.group_c);
  const auto parts_bytes =
      static_cast<std::size_t>(view.part_elements * cut.splits) * sizeof(float);
  return {
      parts_bytes, [view, g, cut, epilogue = EpilogueBinder(problem),
                    norm = NormInFrontBinder(problem)](const Args& args, Stream& stream) {
        auto bound = view;
        bound.dy = args.in<T>(0);
        bound.w = args.in<T>(1);
        bound.dx = static_cast<float*>(args.workspace);
        const bool vector = whole_chunks<T>(g.group_c) && whole_chunks<T>(g.group_k) &&
                            aligned16(bound.dy, bound.w);
        Kernel::launch(
            stream, "conv2d_input_gradient_split_k", bound, cut,
            {implicit_gemm::phase_rows(g), g.group_c, g.groups, implicit_gemm::phases(g)}, vector);
        const InputGradientOutputs<T> outputs = {args.out<T>(0), epilogue.bind<T>(args),
                                                 norm.bind<T>(args), norm.sums(args), bound.g.c};
        split_k::launch_finish_parts(stream, "conv2d_input_gradient_split_k_finish", bound.dx,
                                     cut.splits, g.n * g.h * g.w, g.c, outputs);
      }};
}

Execution prepare_mma(const Problem& problem) {
  return dispatch_elements(problem,
                           [&]<class T>() { return prepare_as<split_k::Mma, T>(problem); });
}

template <Support (*kProductLimits)(const Problem&)>
Support limits(const Problem& problem) {
  if (Support sums = implicit_gemm::supports_sums_in_order(problem); !sums.ok) return sums;
  if (Support product = kProductLimits(problem); !product.ok) return product;
  return implicit_gemm::supports_phases(problem, TileSize{64, 32});
}

using GradientFma = InputGradient<split_k::Fma>;
using GradientMma = InputGradient<split_k::Mma>;
constexpr auto kFmaLimits = GradientFma::supports<limits<implicit_gemm::supports>>;
constexpr auto kMmaLimits = GradientMma::supports<limits<implicit_gemm_mma::within_limits>>;

}  // namespace

const Engine kConv2dInputGradientSplitK =
    GradientFma::paying({"split_k", DeviceType::kCuda, EngineRole::kProduct, kFmaLimits,
                         prepare_as<split_k::Fma, float>});
const Engine kConv2dInputGradientSplitKMma =
    GradientMma::paying(mma_product::half_engine<kMmaLimits>("split_k_mma", prepare_mma));
const Engine kConv2dInputGradientSplitKMmaTf32 =
    GradientMma::paying(mma_product::tf32_engine<kMmaLimits>("split_k_mma_tf32", prepare_mma));

}  // namespace voluta
