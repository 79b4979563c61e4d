// conv2d, algorithm "implicit_gemm": the convolution as one matrix product a group, whose left
// matrix (the input, unrolled tap by tap) is gathered while tiles are loaded and never stored.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//                of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows N*P*Q, columns K/G, depth R*S*C/G in the order of memory (c fastest)
//   grid, maps, smem: conv2d_implicit_gemm.cuh
//   regs   170, 127, 111 for 128, 64, 32 columns, with a prologue 181, 127, 117 (sm_90a); 163, 116, 100
//          (sm_80); no spills
//   limits f32; fewer than 2^31 elements a tensor
//   measured never run on hardware
// Source: Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning", section 3.

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>

namespace voluta {
namespace {

using implicit_gemm::Grid;

template <bool kPrologue>
struct ForwardView {
  const float* x;  // [N,H,W,C]
  const float* w;  // [K, R*S*C/G]
  float* y;        // [N*P*Q, K]
  Epilogue<float> epilogue;
  float* moments;         // nullptr: not asked for
  Normaliser normaliser;  // with a prologue
  Conv2dKernelGeometry g;
  FastDivisor by_c, by_s, by_q, by_p;
  Grid grid;

  // A tap of the filter.
  struct Depth {
    int index, rows, columns, c;  // of [R,S,C/G]; r*l; s*m; c
  };
  __device__ Depth decode(int depth) const {
    int rest = depth;
    const int c = by_c.take_remainder(rest);
    const int s = by_s.take_remainder(rest);
    return {depth, rest * g.l, s * g.m, c};
  }

  struct A {
    static constexpr bool kDepthFastest = true;
    // An output pixel: the top left corner of its window.
    struct Line {
      int image, h, w;  // offset of x[n, 0, 0, g*Cg]; row and column, negative in the padding
      int first_c;      // g*Cg
    };
    __device__ static Line line(const ForwardView& view, int group, int row) {
      const Conv2dKernelGeometry& g = view.g;
      const int q = view.by_q.take_remainder(row), p = view.by_p.take_remainder(row);
      const int first_c = group * g.group_c;
      return {row * g.h * g.w * g.c + first_c, p * g.u - g.top, q * g.v - g.left, first_c};
    }
    __device__ static float load(const ForwardView& view, const Line& line, const Depth& tap) {
      const int h = line.h + tap.rows, w = line.w + tap.columns;
      if (h < 0 || h >= view.g.h || w < 0 || w >= view.g.w) return 0.0f;
      const float x = view.x[line.image + (h * view.g.w + w) * view.g.c + tap.c];
      if constexpr (!kPrologue) return x;
      return view.normaliser(view.normaliser.channel(line.first_c + tap.c), x);
    }
  };

  struct B {
    static constexpr bool kDepthFastest = true;
    using Line = int;  // offset of w[k,0,0,0]
    __device__ static Line line(const ForwardView& view, int group, int column) {
      return (group * view.g.group_k + column) * view.grid.depth;
    }
    __device__ static float load(const ForwardView& view, Line line, const Depth& tap) {
      return view.w[line + tap.index];
    }
  };

  __device__ float finish(int group, int row, int column, float sum) const {
    const int k = group * g.group_k + column;
    return epilogue.finish(epilogue.channel(k), sum, epilogue.residual_at(row * g.k + k));
  }
  __device__ void store(int, int group, int row, int column, float value) const {
    y[row * g.k + group * g.group_k + column] = value;
  }
  __device__ MomentTarget moment_target(int group, int first_row, int first_column) const {
    const int k = group * g.group_k + first_column, part = first_row / implicit_gemm::kTileRows;
    return {.out = moments + int64_t{2} * part * g.k + k,
            .stride = g.k,
            .columns = grid.columns - first_column,
            .rows = min(implicit_gemm::kTileRows, grid.rows - first_row)};
  }
};

template <bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  ForwardView<kPrologue> view = {};
  view.g = kernel_geometry(g);
  view.by_c = FastDivisor(g.group_c);
  view.by_s = FastDivisor(g.s);
  view.by_q = FastDivisor(g.q);
  view.by_p = FastDivisor(g.p);
  view.grid = implicit_gemm::make_grid(g.n * g.p * g.q, g.group_k, g.r * g.s * g.group_c, g.groups);
  return {0, [view, epilogue = EpilogueBinder(problem), prologue = PrologueBinder(problem)](
                 const Args& args, Stream& stream) {
            ForwardView<kPrologue> bound = view;
            bound.x = args.in<float>(0);
            bound.w = args.in<float>(1);
            bound.y = args.out<float>(0);
            bound.normaliser = prologue.bind(args);
            bound.epilogue = epilogue.bind<float>(args);
            bound.moments = epilogue.moments(args);
            implicit_gemm::launch_multiply(stream, "conv2d_implicit_gemm", bound);
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
