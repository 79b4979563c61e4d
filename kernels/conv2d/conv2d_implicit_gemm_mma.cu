// conv2d, algorithms "implicit_gemm_mma" (bf16, f16) and "implicit_gemm_mma_tf32" (f32 data, tf32
// products): the convolution as one matrix product a group on the tensor cores of sm_80 and later,
// whose left matrix (the input, unrolled tap by tap) is gathered by the copies that load tiles.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//                of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows N*P*Q, columns K/G, depth R*S*C/G in the order of memory (c fastest)
//   grid, maps, smem: kernels/common/mma_product.cuh
//   regs   of 128x128, 128x64, 64x64 tiles; by elements of 128x64, 64x64; no spills
//          16 bits 211, 137, 92; 165, 114 (sm_80)   228, 157, 108; 182, 128 (sm_90a)
//          tf32    213, 141, 96; 163, 108 (sm_80)   234, 156, 114; 174, 125 (sm_90a)
//          with a prologue, of 128x64, 64x64 tiles: 16 bits 152, 109; 151, 107 and 176, 128; 176, 128
//          tf32    147, 102; 152, 104 (sm_80)       176, 122; 178, 132 (sm_90a)
//   limits fewer than 2^31 elements a tensor; a prologue in front of 1 x 1 filters. C/G in whole chunks (8,
//          tf32: 4) is copied in 16 bytes, other channels element by element.
//   measured never run on hardware
// Source: Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning", section 3.

#include <voluta/kernels/conv2d/conv2d_forward_outputs.cuh>

namespace voluta::implicit_gemm_mma {
namespace {

template <class T, bool kPrologue>
struct ForwardView : ForwardOutputs<T> {
  using Element = T;
  using ForwardOutputs<T>::g;

  const T* x;             // [N,H,W,C]
  const T* w;             // [K, R*S*C/G]
  Normaliser normaliser;  // with a prologue
  FastDivisor by_c, by_s, by_q, by_p;
  Grid grid;

  using Place = Tile;
  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    Place place = grid.tile<kRows, kColumns>(block);
    place.rows = g.n * g.p * g.q;
    place.columns = g.group_k;
    place.depth_end = g.r * g.s * g.group_c;
    return place;
  }

  // A tap of the filter.
  struct Depth {
    int index, rows, columns, c;  // of [R,S,C/G]; r*l; s*m; c
  };
  __device__ Depth decode(const Place&, int depth) const {
    int rest = depth;
    const int c = by_c.take_remainder(rest);
    const int s = by_s.take_remainder(rest);
    return {depth, rest * g.l, s * g.m, c};
  }

  struct A {
    static constexpr bool kDepthFastest = true, kNormalised = kPrologue;
    // An output pixel: the top left corner of its window.
    struct Line {
      int image, h, w;  // offset of x[n, 0, 0, g*Cg]; row and column, negative in the padding
    };
    __device__ static const T* data(const ForwardView& view) { return view.x; }
    __device__ static Line line(const ForwardView& view, const Place& place, int row) {
      const Conv2dKernelGeometry& g = view.g;
      const int q = view.by_q.take_remainder(row), p = view.by_p.take_remainder(row);
      return {row * g.h * g.w * g.c + place.group * g.group_c, p * g.u - g.top, q * g.v - g.left};
    }
    __device__ static int offset(const ForwardView& view, const Place&, const Line& line,
                                 const Depth& tap) {
      const int h = line.h + tap.rows, w = line.w + tap.columns;
      if (h < 0 || h >= view.g.h || w < 0 || w >= view.g.w) return -1;
      return line.image + (h * view.g.w + w) * view.g.c + tap.c;
    }
    __device__ static int channel(const ForwardView& view, const Place& place, const Line&,
                                  const Depth& tap) {
      return place.group * view.g.group_c + tap.c;
    }
  };

  struct B {
    static constexpr bool kDepthFastest = true, kNormalised = false;
    using Line = int;  // offset of w[k,0,0,0]
    __device__ static const T* data(const ForwardView& view) { return view.w; }
    __device__ static Line line(const ForwardView& view, const Place& place, int column) {
      return (place.group * view.g.group_k + column) * place.depth_end;
    }
    __device__ static int offset(const ForwardView&, const Place&, Line line, const Depth& tap) {
      return line + tap.index;
    }
  };
};

template <class T, bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  ForwardView<T, kPrologue> view = {};
  view.g = kernel_geometry(g);
  view.by_c = FastDivisor(g.group_c);
  view.by_s = FastDivisor(g.s);
  view.by_q = FastDivisor(g.q);
  view.by_p = FastDivisor(g.p);
  return {0, [view, g, epilogue = EpilogueBinder(problem), prologue = PrologueBinder(problem)](
                 const Args& args, Stream& stream) {
            ForwardView<T, kPrologue> bound = view;
            bound.x = args.in<T>(0);
            bound.w = args.in<T>(1);
            bound.normaliser = prologue.bind(args);
            bound.bind(args, epilogue);
            const bool vector =
                whole_chunks<T>(g.group_c) && aligned16(bound.x, bound.w, bound.normaliser.vectors);
            const int64_t rows = g.n * g.p * g.q;
            TileSize tile = choose_tile(rows, g.group_k, g.groups, vector, false);
            if (kPrologue) tile.columns = 64;
            if (bound.moments != nullptr) tile.rows = static_cast<int>(kMomentRows);
            bound.grid = make_grid(tile, rows, g.group_k, g.groups, 1);
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
