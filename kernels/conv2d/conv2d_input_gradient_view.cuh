#pragma once

// The input gradient as a matrix product a group and phase of the stride (conv2d_phases.cuh;
// kernels/common/product_view.cuh): each pixel of dx gathers the windows that cover it, so that nothing is
// scattered, and no zero multiplied.
//   rows N*H'*W' of a phase, columns C/G, depth R'*S'*K/G (k fastest)

#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_norm_in_front.cuh>
#include <voluta/kernels/conv2d/conv2d_phases.cuh>
#include <voluta/kernels/conv2d/conv2d_product_grid.cuh>

namespace voluta::implicit_gemm {

// kParts: sums of parts of the depth go to `parts`, for the second kernel of conv2d_split_k.cuh.
template <class T, bool kParts = false>
struct InputGradientView {
  using Element = T;
  using Out = std::conditional_t<kParts, float, T>;

  const T* dy;  // [N,P,Q,K]
  const T* w;   // [K,R,S,C/G]
  Out* dx;      // [N*H*W, C]; of parts [splits, N*H*W, C]
  Epilogue<T> epilogue;
  NormInFront<T> norm;
  float* sums;  // [parts, 2, C], where there is a norm
  int64_t part_elements;
  bool vector_store;
  Conv2dKernelGeometry g;
  PhasedAxis vertical, horizontal;
  FastDivisor by_k;
  Grid grid;
  SumParts<int> sum_parts;

  explicit InputGradientView(const Conv2dGeometry& of)
      : part_elements(of.n * of.h * of.w * of.c),
        g(kernel_geometry(of)),
        vertical(of.h, of.r, of.p, of.u, of.l, of.top),
        horizontal(of.w, of.s, of.q, of.v, of.m, of.left),
        by_k(of.group_k),
        sum_parts(of) {}

  void bind(const Args& args, const EpilogueBinder& end,
            const NormInFrontBinder& in_front) requires(!kParts) {
    dy = args.in<T>(0);
    w = args.in<T>(1);
    dx = args.out<T>(0);
    epilogue = end.bind<T>(args);
    norm = in_front.bind<T>(args);
    sums = in_front.sums(args);
    vector_store =
        whole_chunks<T>(g.group_c) && aligned16(dx, norm.z, epilogue.residual, epilogue.kept);
  }

  struct Place : Tile {
    Phase vertical, horizontal;
  };
  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    Place place = {grid.tile<kRows, kColumns>(block), {}, {}};
    place.vertical = Phase(vertical, place.phase / horizontal.phases);
    place.horizontal = Phase(horizontal, place.phase % horizontal.phases);
    place.rows = g.n * place.vertical.pixels * place.horizontal.pixels;
    place.columns = g.group_c;
    grid.cut_depth(place, place.vertical.taps * place.horizontal.taps * g.group_k, kStep<T>);
    return place;
  }

  // A tap of the phase.
  struct Depth {
    int rows, columns;  // that p and q lie before those of the first tap
    int offset;         // of dy[n,p,q,k] from the first tap's dy[n,p,q,0], k within the group
    int filter;         // offset of w[k,r,s,0] from w[first k of the group,0,0,0]
  };
  __device__ Depth decode(const Place& place, int depth) const {
    int a = depth;
    const int k = by_k.take_remainder(a),
              b = horizontal.by_taps[place.horizontal.more_taps].take_remainder(a);
    const int r = place.vertical.first_tap + a * vertical.tap_step;
    const int s = place.horizontal.first_tap + b * horizontal.tap_step;
    const int rows = a * vertical.tap_offset, columns = b * horizontal.tap_offset;
    return {rows, columns, k - (rows * g.q + columns) * g.k, ((k * g.r + r) * g.s + s) * g.group_c};
  }

  // A pixel of the phase.
  struct Pixel {
    int n, i, j;
  };
  __device__ Pixel pixel(const Place& place, int row) const {
    const int j = horizontal.by_pixels[place.horizontal.more_pixels].take_remainder(row);
    const int i = vertical.by_pixels[place.vertical.more_pixels].take_remainder(row);
    return {row, i, j};
  }

  struct A {
    static constexpr bool kDepthFastest = true;
    struct Line {
      int p, q;    // under the first tap
      int offset;  // of dy[n, p, q, g*Kg]
    };
    __device__ static const T* data(const InputGradientView& view, const Place&) { return view.dy; }
    __device__ static Line line(const InputGradientView& view, const Place& place, int row) {
      const Conv2dKernelGeometry& g = view.g;
      const Pixel at = view.pixel(place, row);
      const int p = place.vertical.first_output + at.i;
      const int q = place.horizontal.first_output + at.j;
      return {p, q, ((at.n * g.p + p) * g.q + q) * g.k + place.group * g.group_k};
    }
    __device__ static int offset(const InputGradientView& view, const Place&, const Line& line,
                                 const Depth& tap) {
      const int p = line.p - tap.rows, q = line.q - tap.columns;
      if (p < 0 || p >= view.g.p || q < 0 || q >= view.g.q) return -1;
      return line.offset + tap.offset;
    }
  };

  struct B {
    static constexpr bool kDepthFastest = false;
    using Line = int;  // offset of w[first k of the group, 0, 0, c]
    __device__ static const T* data(const InputGradientView& view, const Place&) { return view.w; }
    __device__ static Line line(const InputGradientView& view, const Place& place, int column) {
      const Conv2dKernelGeometry& g = view.g;
      return place.group * g.group_k * g.r * g.s * g.group_c + column;
    }
    __device__ static int offset(const InputGradientView&, const Place&, Line line,
                                 const Depth& tap) {
      return line + tap.filter;
    }
  };

  __device__ Out* output(const Place& place, int row) const {
    return dx + (kParts ? place.split * part_elements : 0) + offset(place, row);
  }

  __device__ const T* residual(const Place& place, int row) const requires(!kParts) {
    return epilogue.residual == nullptr ? nullptr : epilogue.residual + offset(place, row);
  }
  __device__ float gate(float x, float output) const {
    return epilogue.gate.through_kept(x, output);
  }
  __device__ const T* kept(const Place& place, int row) const requires(!kParts) {
    return epilogue.kept == nullptr ? nullptr : epilogue.kept + offset(place, row);
  }

  __device__ const T* z(const Place& place, int row) const { return norm.z + offset(place, row); }
  __device__ int channel(const Place& place, int column) const {
    return place.group * g.group_c + column;
  }
  __device__ MomentTarget sum_target(const Place& place) const requires(!kParts) {
    const int phase =
        sum_parts.first(place.phase / horizontal.phases, place.phase % horizontal.phases);
    const int part = phase + place.first_row / static_cast<int>(kSumRows);
    return {.out = sums + int64_t{2} * part * g.c + channel(place, place.first_column),
            .stride = g.c,
            .columns = place.columns - place.first_column,
            .rows = min(static_cast<int>(kSumRows), place.rows - place.first_row)};
  }

 private:
  // Of column 0 of a row, in dx.
  __device__ int offset(const Place& place, int row) const {
    const Pixel at = pixel(place, row);
    const int h = place.vertical.first + at.i * vertical.stride;
    const int w_ = place.horizontal.first + at.j * horizontal.stride;
    return ((at.n * g.h + h) * g.w + w_) * g.c + place.group * g.group_c;
  }
};

// Where dx goes from kernels that go through it pixel by pixel.
template <class T>
struct InputGradientOutputs {
  using Out = T;
  using Place = Tile;

  T* dx;
  Epilogue<T> epilogue;
  NormInFront<T> norm;
  float* sums;
  int channels;

  __device__ T* output(const Place&, int row) const { return dx + row * channels; }
  __device__ const T* residual(const Place&, int row) const {
    return epilogue.residual == nullptr ? nullptr : epilogue.residual + row * channels;
  }
  __device__ float gate(float x, float output) const {
    return epilogue.gate.through_kept(x, output);
  }
  __device__ const T* kept(const Place&, int row) const {
    return epilogue.kept == nullptr ? nullptr : epilogue.kept + row * channels;
  }
  __device__ const T* z(const Place&, int row) const { return norm.z + row * channels; }
  // Without a stride there is one phase, and its parts are the tiles.
  __device__ MomentTarget sum_target(const Place& place) const {
    const int part = place.first_row / static_cast<int>(kSumRows);
    return {.out = sums + int64_t{2} * part * channels + place.first_column,
            .stride = channels,
            .columns = place.columns - place.first_column,
            .rows = min(static_cast<int>(kSumRows), place.rows - place.first_row)};
  }
};

// What their engines answer first.
inline Support supports_sums_in_order(const Problem& problem) {
  if (Support sums = supports_sums(problem); !sums.ok) return sums;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (problem.outputs.size() == 1 || (g.u == 1 && g.v == 1)) return Support::yes();
  return Support::no("sums without a stride only: a tile has pixels of all phases");
}

inline int64_t phases(const Conv2dGeometry& g) {
  return std::min(g.u, g.h) * std::min(g.v, g.w);
}
// Rows of the largest phase.
inline int64_t phase_rows(const Conv2dGeometry& g) {
  return g.n * ((g.h + g.u - 1) / g.u) * ((g.w + g.v - 1) / g.v);
}

// Phases differ in size, and each has the tiles of the largest.
inline Support supports_phases(const Problem& problem, TileSize least) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Grid grid = make_grid(least, phase_rows(g), g.group_c, g.groups);
  if (phases(g) < (int64_t{1} << 31) / grid.blocks()) return Support::yes();
  return Support::no("2^31 blocks or more");
}

}  // namespace voluta::implicit_gemm
