// conv2d_filter_gradient, algorithm "implicit_gemm": dy transposed times the unrolled input, one
// matrix product a group. The sum over N*P*Q is long and the result small, so the depth is split
// over blocks; a second kernel adds the parts in the order of their number.
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c]
//                 of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows K/G, columns R*S*C/G, depth N*P*Q
//   grid, maps, smem: conv2d_implicit_gemm.cuh
//   regs   153, 113, 79 for 128, 64, 32 columns, with a prologue 157, 115, 79 (sm_90a); 125, 96, 79 (sm_80);
//          no spills
//   workspace parts[splits, K, R*S*C/G] where splits > 1
//   limits f32; fewer than 2^31 elements a tensor
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>

namespace voluta {
namespace {

using implicit_gemm::Grid;

template <bool kPrologue>
struct FilterGradientView {
  const float* x;         // [N,H,W,C]
  const float* dy;        // [N*P*Q, K]
  float* parts;           // [splits, K, R*S*C/G]; dw itself where splits is 1
  Normaliser normaliser;  // with a prologue
  Conv2dKernelGeometry g;
  FastDivisor by_c, by_s, by_q, by_p;
  Grid grid;

  // An output pixel.
  struct Depth {
    int image, h, w;  // offset of x[n,0,0,0]; p*u; q*v
    int output;       // offset of dy[n,p,q,0]
  };
  __device__ Depth decode(int depth) const {
    int n = depth;
    const int q = by_q.take_remainder(n), p = by_p.take_remainder(n);
    return {n * g.h * g.w * g.c, p * g.u, q * g.v, depth * g.k};
  }

  struct A {
    static constexpr bool kDepthFastest = false;
    using Line = int;  // k
    __device__ static Line line(const FilterGradientView& view, int group, int row) {
      return group * view.g.group_k + row;
    }
    __device__ static float load(const FilterGradientView& view, Line k, const Depth& pixel) {
      return view.dy[pixel.output + k];
    }
  };

  struct B {
    static constexpr bool kDepthFastest = false;
    // A tap of the filter.
    struct Line {
      int h, w, channel;  // r*l - top; s*m - left; g*Cg + c
    };
    __device__ static Line line(const FilterGradientView& view, int group, int column) {
      const Conv2dKernelGeometry& g = view.g;
      int r = column;
      const int c = view.by_c.take_remainder(r), s = view.by_s.take_remainder(r);
      return {r * g.l - g.top, s * g.m - g.left, group * g.group_c + c};
    }
    __device__ static float load(const FilterGradientView& view, const Line& tap,
                                 const Depth& pixel) {
      const int h = pixel.h + tap.h, w = pixel.w + tap.w;
      if (h < 0 || h >= view.g.h || w < 0 || w >= view.g.w) return 0.0f;
      const float x = view.x[pixel.image + (h * view.g.w + w) * view.g.c + tap.channel];
      if constexpr (!kPrologue) return x;
      return view.normaliser(view.normaliser.channel(tap.channel), x);
    }
  };

  __device__ void store(int split, int group, int row, int column, float sum) const {
    const int64_t k = int64_t{split} * g.k + group * g.group_k + row;
    parts[k * grid.columns + column] = sum;
  }
};

// Enough blocks to fill any GPU a few times over, as long as a block still has depth to amortise
// its prologue. A function of the problem alone, so that results do not depend on the device.
int64_t wanted_splits(const Conv2dGeometry& g) {
  constexpr int64_t kWantedBlocks = 512, kLeastDepth = 256;
  const int64_t depth = g.n * g.p * g.q, columns = g.r * g.s * g.group_c;
  const Grid whole = implicit_gemm::make_grid(g.group_k, columns, depth, g.groups);
  const int64_t blocks = implicit_gemm::block_count(whole);
  return std::clamp<int64_t>(kWantedBlocks / blocks, 1, std::max<int64_t>(depth / kLeastDepth, 1));
}

template <bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  FilterGradientView<kPrologue> view = {};
  view.g = kernel_geometry(g);
  view.by_c = FastDivisor(g.group_c);
  view.by_s = FastDivisor(g.s);
  view.by_q = FastDivisor(g.q);
  view.by_p = FastDivisor(g.p);
  view.grid = implicit_gemm::make_grid(g.group_k, g.r * g.s * g.group_c, g.n * g.p * g.q, g.groups,
                                       wanted_splits(g));
  const int64_t elements = problem.outputs[0].shape.elements();
  const int splits = view.grid.splits;
  const std::size_t parts_bytes =
      splits > 1 ? static_cast<std::size_t>(splits) * problem.outputs[0].bytes() : 0;
  return {parts_bytes, [view, elements, splits, prologue = PrologueBinder(problem)](
                           const Args& args, Stream& stream) {
            FilterGradientView<kPrologue> bound = view;
            bound.normaliser = prologue.bind(args);
            bound.x = args.in<float>(0);
            bound.dy = args.in<float>(1);
            bound.parts = splits > 1 ? static_cast<float*>(args.workspace) : args.out<float>(0);
            implicit_gemm::launch_multiply(stream, "conv2d_filter_gradient_implicit_gemm", bound);
            if (splits == 1) return;
            launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", bound.parts,
                                    args.out<float>(0), elements, splits);
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
