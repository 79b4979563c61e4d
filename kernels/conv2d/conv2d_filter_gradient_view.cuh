#pragma once

// The filter gradient as a matrix product a group (kernels/common/product_view.cuh): dy transposed times
// the unrolled input. The sum is long and the result small, so its depth is split into parts.
//   rows K/G, columns R*S*C/G, depth N*P*Q; both operands lie with their lines fastest

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/conv2d/conv2d_product_grid.cuh>
#include <voluta/kernels/conv2d/conv2d_prologue.cuh>

namespace voluta::implicit_gemm {

template <class T, bool kPrologue>
struct FilterGradientView {
  using Element = T;
  using Out = float;

  const T* x;    // [N,H,W,C]
  const T* dy;   // [N*P*Q, K]
  float* parts;  // [splits, K, R*S*C/G]
  bool vector_store;
  Conv2dKernelGeometry g;
  Normaliser normaliser;  // with a prologue
  FastDivisor by_c, by_s, by_q, by_p;
  Grid grid;

  explicit FilterGradientView(const Conv2dGeometry& of)
      : g(kernel_geometry(of)), by_c(of.group_c), by_s(of.s), by_q(of.q), by_p(of.p) {}

  using Place = Tile;
  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    Place place = grid.tile<kRows, kColumns>(block);
    place.rows = g.group_k;
    place.columns = g.r * g.s * g.group_c;
    grid.cut_depth(place, g.n * g.p * g.q, kStep<T>);
    return place;
  }

  // An output pixel.
  struct Depth {
    int h, w;            // p*u, q*v
    int offset, output;  // of x[n,p*u,q*v,0], of dy[n,p,q,0]
  };
  __device__ Depth decode(const Place&, int depth) const {
    int n = depth;
    const int w = by_q.take_remainder(n) * g.v, h = by_p.take_remainder(n) * g.u;
    return {h, w, ((n * g.h + h) * g.w + w) * g.c, depth * g.k};
  }

  struct A {
    static constexpr bool kDepthFastest = false, kNormalised = false;
    using Line = int;  // k
    __device__ static const T* data(const FilterGradientView& view, const Place&) {
      return view.dy;
    }
    __device__ static Line line(const FilterGradientView& view, const Place& place, int row) {
      return place.group * view.g.group_k + row;
    }
    __device__ static int offset(const FilterGradientView&, const Place&, Line k,
                                 const Depth& pixel) {
      return pixel.output + k;
    }
  };

  struct B {
    static constexpr bool kDepthFastest = false, kNormalised = kPrologue;
    // A tap of the filter.
    struct Line {
      int h, w;             // r*l - top, s*m - left
      int offset, channel;  // of x[n, h, w, g*Cg+c] from x[n,0,0,0]; g*Cg + c
    };
    __device__ static const T* data(const FilterGradientView& view, const Place&) { return view.x; }
    __device__ static Line line(const FilterGradientView& view, const Place& place, int column) {
      const Conv2dKernelGeometry& g = view.g;
      int r = column;
      const int c = view.by_c.take_remainder(r), s = view.by_s.take_remainder(r);
      const int h = r * g.l - g.top, w = s * g.m - g.left, channel = place.group * g.group_c + c;
      return {h, w, (h * g.w + w) * g.c + channel, channel};
    }
    __device__ static int offset(const FilterGradientView& view, const Place&, const Line& tap,
                                 const Depth& pixel) {
      const int h = pixel.h + tap.h, w = pixel.w + tap.w;
      if (h < 0 || h >= view.g.h || w < 0 || w >= view.g.w) return -1;
      return pixel.offset + tap.offset;
    }
    __device__ static int channel(const FilterGradientView&, const Place&, const Line& tap,
                                  const Depth&) {
      return tap.channel;
    }
  };

  __device__ float* output(const Place& place, int row) const {
    const int64_t k = int64_t{place.split} * g.k + place.group * g.group_k + row;
    return parts + k * place.columns;
  }
};

}  // namespace voluta::implicit_gemm
