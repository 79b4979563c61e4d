#pragma once

// The forward convolution as a matrix product a group (kernels/common/product_view.cuh), whose left matrix
// is the input, unrolled tap by tap:
//   rows N*P*Q, columns K/G, depth R*S*C/G in the order of memory (c fastest)

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_forward_outputs.cuh>
#include <voluta/kernels/conv2d/conv2d_prologue.cuh>

namespace voluta::implicit_gemm {

template <class T, bool kPrologue, class Outputs = ForwardOutputs<T>>
struct ForwardView : Outputs {
  using Element = T;
  using Outputs::g;

  const T* x;             // [N,H,W,C]
  const T* w;             // [K, R*S*C/G]
  Normaliser normaliser;  // with a prologue
  FastDivisor by_c, by_s, by_q, by_p;
  int depth;
  Grid grid;

  explicit ForwardView(const Conv2dGeometry& of)
      : Outputs{},
        by_c(of.group_c),
        by_s(of.s),
        by_q(of.q),
        by_p(of.p),
        depth(static_cast<int>(of.r * of.s * of.group_c)) {
    g = kernel_geometry(of);
  }

  using Place = Tile;
  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    Place place = grid.tile<kRows, kColumns>(block);
    place.rows = g.n * g.p * g.q;
    place.columns = g.group_k;
    grid.cut_depth(place, depth, kStep<T>);
    return place;
  }

  // A tap of the filter.
  struct Depth {
    int index, rows, columns, c;  // of [R,S,C/G]; r*l; s*m; c
    int offset;                   // of x[n, h+r*l, w+s*m, c] from x[n,h,w,0]
  };
  __device__ Depth decode(const Place&, int depth) const {
    int rest = depth;
    const int c = by_c.take_remainder(rest);
    const int columns = by_s.take_remainder(rest) * g.m, rows = rest * g.l;
    return {depth, rows, columns, c, (rows * g.w + columns) * g.c + c};
  }

  struct A {
    static constexpr bool kDepthFastest = true, kNormalised = kPrologue;
    // An output pixel: the top left corner of its window.
    struct Line {
      int h, w;    // negative in the padding
      int corner;  // offset of x[n, h, w, g*Cg]
    };
    __device__ static const T* data(const ForwardView& view, const Place&) { return view.x; }
    __device__ static Line line(const ForwardView& view, const Place& place, int row) {
      const Conv2dKernelGeometry& g = view.g;
      const int q = view.by_q.take_remainder(row), p = view.by_p.take_remainder(row);
      const int h = p * g.u - g.top, w = q * g.v - g.left;
      return {h, w, ((row * g.h + h) * g.w + w) * g.c + place.group * g.group_c};
    }
    __device__ static int offset(const ForwardView& view, const Place&, const Line& line,
                                 const Depth& tap) {
      const int h = line.h + tap.rows, w = line.w + tap.columns;
      if (h < 0 || h >= view.g.h || w < 0 || w >= view.g.w) return -1;
      return line.corner + tap.offset;
    }
    __device__ static int channel(const ForwardView& view, const Place& place, const Line&,
                                  const Depth& tap) {
      return place.group * view.g.group_c + tap.c;
    }
  };

  struct B {
    static constexpr bool kDepthFastest = true, kNormalised = false;
    using Line = int;  // offset of w[k,0,0,0]
    __device__ static const T* data(const ForwardView& view, const Place&) { return view.w; }
    __device__ static Line line(const ForwardView& view, const Place& place, int column) {
      return (place.group * view.g.group_k + column) * view.depth;
    }
    __device__ static int offset(const ForwardView&, const Place&, Line line, const Depth& tap) {
      return line + tap.index;
    }
  };
};

}  // namespace voluta::implicit_gemm
