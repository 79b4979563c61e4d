// conv2d_input_gradient, algorithm "implicit_gemm": each pixel of dx gathers the windows that cover
// it, as one matrix product a group. Nothing is scattered, so no atomics.
//   dx[n,h,w,c] = sum_{r,s,k} dy[n,p,q,k] * w[k,r,s,c-g*Cg]      where p*u-top+r*l = h, q likewise
//   rows N*H*W, columns C/G, depth R*S*K/G (k fastest)
//   grid, maps, smem: conv2d_implicit_gemm.cuh
//   regs   181, 127, 121 for 128, 64, 32 columns (sm_90a), 150, 116, 102 (sm_80), no spills
//   limits f32; fewer than 2^31 elements a tensor. With a stride, 1 of u*v products meets a window;
//          the others multiply zeros. Sums: no stride; relu, relu6 or no activation
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>
#include <voluta/kernels/conv2d/conv2d_norm_in_front.cuh>

namespace voluta {
namespace {

using implicit_gemm::Grid;

struct InputGradientView {
  const float* dy;  // [N,P,Q,K]
  const float* w;   // [K,R,S,C/G]
  float* dx;        // [N*H*W, C]
  NormInFront<float> norm;
  float* sums;  // [row tiles, 2, C], where there is a norm
  Conv2dKernelGeometry g;
  FastDivisor by_k, by_s, by_h, by_w, by_u, by_v;
  Grid grid;

  // A tap of the filter.
  struct Depth {
    int rows, columns, k;  // r*l; s*m; k within the group
    int filter;            // offset of w[k,r,s,0] from w[first k of the group,0,0,0]
  };
  __device__ Depth decode(int depth) const {
    int r = depth;
    const int k = by_k.take_remainder(r), s = by_s.take_remainder(r);
    return {r * g.l, s * g.m, k, ((k * g.r + r) * g.s + s) * g.group_c};
  }

  struct A {
    static constexpr bool kDepthFastest = true;
    // A pixel of dx.
    struct Line {
      int image, h, w;  // offset of dy[n, 0, 0, g*Kg]; row and column in the padded image
    };
    __device__ static Line line(const InputGradientView& view, int group, int row) {
      const Conv2dKernelGeometry& g = view.g;
      const int w = view.by_w.take_remainder(row), h = view.by_h.take_remainder(row);
      return {row * g.p * g.q * g.k + group * g.group_k, h + g.top, w + g.left};
    }
    __device__ static float load(const InputGradientView& view, const Line& line,
                                 const Depth& tap) {
      const Conv2dKernelGeometry& g = view.g;
      int p = line.h - tap.rows, q = line.w - tap.columns;
      if (p < 0 || q < 0) return 0.0f;
      const int between_rows = view.by_u.take_remainder(p);
      const int between_columns = view.by_v.take_remainder(q);
      if (between_rows != 0 || between_columns != 0 || p >= g.p || q >= g.q) return 0.0f;
      return view.dy[line.image + (p * g.q + q) * g.k + tap.k];
    }
  };

  struct B {
    static constexpr bool kDepthFastest = false;
    using Line = int;  // offset of w[first k of the group, 0, 0, c]
    __device__ static Line line(const InputGradientView& view, int group, int column) {
      const Conv2dKernelGeometry& g = view.g;
      return group * g.group_k * g.r * g.s * g.group_c + column;
    }
    __device__ static float load(const InputGradientView& view, Line line, const Depth& tap) {
      return view.w[line + tap.filter];
    }
  };

  __device__ void store(int, int group, int row, int column, float sum) const {
    dx[place(group, row, column)] = sum;
  }

  __device__ int channel(int group, int column) const { return group * g.group_c + column; }
  __device__ int place(int group, int row, int column) const {
    return row * g.c + channel(group, column);
  }
  // Without a stride there is one phase, and its parts are the tiles.
  __device__ MomentTarget sum_target(int group, int first_row, int first_column) const {
    const int part = first_row / implicit_gemm::kTileRows;
    return {.out = sums + int64_t{2} * part * g.c + channel(group, first_column),
            .stride = g.c,
            .columns = grid.columns - first_column,
            .rows = min(implicit_gemm::kTileRows, grid.rows - first_row)};
  }
};

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  InputGradientView view = {};
  view.g = kernel_geometry(g);
  view.by_k = FastDivisor(g.group_k);
  view.by_s = FastDivisor(g.s);
  view.by_h = FastDivisor(g.h);
  view.by_w = FastDivisor(g.w);
  view.by_u = FastDivisor(g.u);
  view.by_v = FastDivisor(g.v);
  view.grid = implicit_gemm::make_grid(g.n * g.h * g.w, g.group_c, g.r * g.s * g.group_k, g.groups);
  return {0, [view, norm = NormInFrontBinder(problem)](const Args& args, Stream& stream) {
            InputGradientView bound = view;
            bound.dy = args.in<float>(0);
            bound.w = args.in<float>(1);
            bound.dx = args.out<float>(0);
            bound.norm = norm.bind<float>(args);
            bound.sums = norm.sums(args);
            implicit_gemm::launch_multiply(stream, "conv2d_input_gradient_implicit_gemm", bound);
          }};
}

Support supports(const Problem& problem) {
  if (const Support support = supports_sums(problem); !support.ok) return support;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (problem.outputs.size() > 1 && (g.u > 1 || g.v > 1)) {
    return Support::no("sums without a stride only: a tile has pixels of all phases");
  }
  return implicit_gemm::supports(problem);
}

}  // namespace

const Engine kConv2dInputGradientImplicitGemm = {"implicit_gemm", DeviceType::kCuda,
                                                 EngineRole::kProduct, supports, prepare};

}  // namespace voluta
