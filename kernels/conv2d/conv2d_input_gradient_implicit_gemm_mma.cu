// conv2d_input_gradient, algorithms "implicit_gemm_mma" (bf16, f16) and "implicit_gemm_mma_tf32":
// each pixel of dx gathers the windows that cover it, as a matrix product a group on tensor cores.
//   dx[n,h,w,c] = sum_{r,s,k} dy[n,p,q,k] * w[k,r,s,c-g*Cg]      where p*u-top+r*l = h, q likewise
// With a stride each phase of the pixels (conv2d_phases.cuh) is a product of its own, without a
// multiplied zero, and one launch does them all.
//   rows N*H'*W' of a phase, columns C/G, depth R'*S'*K/G (k fastest)
//   grid, maps, smem: kernels/common/mma_product.cuh
//   regs   of 128x128, 128x64, 64x64 tiles; by elements of 128x64, 64x64; no spills
//          16 bits 255, 164, 105; 198, 136 (sm_80)   254, 167, 118; 214, 144 (sm_90a)
//          tf32    254, 165, 114; 192, 128 (sm_80)   254, 168, 114; 197, 135 (sm_90a)
//   limits fewer than 2^31 elements a tensor, and blocks. Where C/G and K/G come in whole chunks
//          (8, tf32: 4) copies are 16 bytes, else element by element. Sums: tiles of 128 rows; relu,
//          relu6 or no activation
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>
#include <voluta/kernels/conv2d/conv2d_norm_in_front.cuh>
#include <voluta/kernels/conv2d/conv2d_phases.cuh>

namespace voluta::implicit_gemm_mma {
namespace {

template <class T>
struct InputGradientView {
  using Element = T;
  using Out = T;

  const T* dy;  // [N,P,Q,K]
  const T* w;   // [K,R,S,C/G]
  T* dx;        // [N*H*W, C]
  NormInFront<T> norm;
  float* sums;  // [parts, 2, C], where there is a norm
  bool vector_store;
  Conv2dKernelGeometry g;
  PhasedAxis vertical, horizontal;
  FastDivisor by_k;
  Grid grid;
  SumParts<int> parts;

  struct Place : Tile {
    Phase vertical, horizontal;
  };
  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    Place place = {grid.tile<kRows, kColumns>(block), {}, {}};
    place.vertical = Phase(vertical, place.part / horizontal.phases);
    place.horizontal = Phase(horizontal, place.part % horizontal.phases);
    place.rows = g.n * place.vertical.pixels * place.horizontal.pixels;
    place.columns = g.group_c;
    place.depth_end = place.vertical.taps * place.horizontal.taps * g.group_k;
    return place;
  }

  // A tap of the phase.
  struct Depth {
    int rows, columns, k;  // that p and q lie before those of the first tap; k within the group
    int filter;            // offset of w[k,r,s,0] from w[first k of the group,0,0,0]
  };
  __device__ Depth decode(const Place& place, int depth) const {
    int a = depth;
    const int k = by_k.take_remainder(a), b = place.horizontal.by_taps.take_remainder(a);
    const int r = place.vertical.first_tap + a * vertical.tap_step;
    const int s = place.horizontal.first_tap + b * horizontal.tap_step;
    return {a * vertical.tap_offset, b * horizontal.tap_offset, k,
            ((k * g.r + r) * g.s + s) * g.group_c};
  }

  // A pixel of the phase.
  struct Pixel {
    int n, i, j;
  };
  __device__ static Pixel pixel(const Place& place, int row) {
    const int j = place.horizontal.by_pixels.take_remainder(row);
    const int i = place.vertical.by_pixels.take_remainder(row);
    return {row, i, j};
  }

  struct A {
    static constexpr bool kDepthFastest = true;
    struct Line {
      int image, p, q;  // offset of dy[n, 0, 0, g*Kg]; row and column under the first tap
    };
    __device__ static const T* data(const InputGradientView& view) { return view.dy; }
    __device__ static Line line(const InputGradientView& view, const Place& place, int row) {
      const Conv2dKernelGeometry& g = view.g;
      const Pixel at = pixel(place, row);
      return {at.n * g.p * g.q * g.k + place.group * g.group_k, place.vertical.first_output + at.i,
              place.horizontal.first_output + at.j};
    }
    __device__ static int offset(const InputGradientView& view, const Place&, const Line& line,
                                 const Depth& tap) {
      const int p = line.p - tap.rows, q = line.q - tap.columns;
      if (p < 0 || p >= view.g.p || q < 0 || q >= view.g.q) return -1;
      return line.image + (p * view.g.q + q) * view.g.k + tap.k;
    }
  };

  struct B {
    static constexpr bool kDepthFastest = false;
    using Line = int;  // offset of w[first k of the group, 0, 0, c]
    __device__ static const T* data(const InputGradientView& view) { return view.w; }
    __device__ static Line line(const InputGradientView& view, const Place& place, int column) {
      const Conv2dKernelGeometry& g = view.g;
      return place.group * g.group_k * g.r * g.s * g.group_c + column;
    }
    __device__ static int offset(const InputGradientView&, const Place&, Line line,
                                 const Depth& tap) {
      return line + tap.filter;
    }
  };

  __device__ float finish(const Place&, int, float sum) const { return sum; }
  __device__ T* output(const Place& place, int row) const { return dx + offset(place, row); }

  __device__ const T* z(const Place& place, int row) const { return norm.z + offset(place, row); }
  __device__ int channel(const Place& place, int column) const {
    return place.group * g.group_c + column;
  }
  __device__ MomentTarget sum_target(const Place& place) const {
    const int phase = parts.first(place.part / horizontal.phases, place.part % horizontal.phases);
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

int64_t phases(const Conv2dGeometry& g) {
  return std::min(g.u, g.h) * std::min(g.v, g.w);
}
// Rows of the largest phase.
int64_t phase_rows(const Conv2dGeometry& g) {
  return g.n * ((g.h + g.u - 1) / g.u) * ((g.w + g.v - 1) / g.v);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  InputGradientView<T> view = {.parts = SumParts<int>(g)};
  view.g = kernel_geometry(g);
  view.vertical = PhasedAxis(g.h, g.r, g.p, g.u, g.l, g.top);
  view.horizontal = PhasedAxis(g.w, g.s, g.q, g.v, g.m, g.left);
  view.by_k = FastDivisor(g.group_k);
  return {0, [view, g, norm = NormInFrontBinder(problem)](const Args& args, Stream& stream) {
            InputGradientView<T> bound = view;
            bound.dy = args.in<T>(0);
            bound.w = args.in<T>(1);
            bound.dx = args.out<T>(0);
            bound.norm = norm.bind<T>(args);
            bound.sums = norm.sums(args);
            const bool whole = whole_chunks<T>(g.group_c) && whole_chunks<T>(g.group_k);
            const bool vector = whole && aligned16(bound.dy, bound.w);
            bound.vector_store = whole_chunks<T>(g.group_c) && aligned16(bound.dx, bound.norm.z);
            const int64_t products = g.groups * phases(g), rows = phase_rows(g);
            TileSize tile = choose_tile(rows, g.group_c, products, vector, false);
            if (bound.sums != nullptr) tile.rows = static_cast<int>(kSumRows);
            bound.grid = make_grid(tile, rows, g.group_c, g.groups, phases(g));
            launch_product(stream, "conv2d_input_gradient_implicit_gemm_mma", bound, tile, vector,
                           bound.grid.blocks());
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

// Phases differ in size, and each has the tiles of the largest.
Support phases_within_limits(const Problem& problem) {
  if (const Support sums = supports_sums(problem); !sums.ok) return sums;
  const Support support = within_limits(problem);
  const Conv2dGeometry g = conv2d_geometry(problem);
  const TileSize least;
  const Grid grid = make_grid(least, phase_rows(g), g.group_c, g.groups, 1);
  if (support.ok && phases(g) >= (int64_t{1} << 31) / grid.blocks()) {
    return Support::no("2^31 blocks or more");
  }
  return support;
}

}  // namespace
}  // namespace voluta::implicit_gemm_mma

namespace voluta {

const Engine kConv2dInputGradientImplicitGemmMma =
    implicit_gemm_mma::half_engine<implicit_gemm_mma::phases_within_limits>(
        "implicit_gemm_mma", implicit_gemm_mma::prepare);
const Engine kConv2dInputGradientImplicitGemmMmaTf32 =
    implicit_gemm_mma::tf32_engine<implicit_gemm_mma::phases_within_limits>(
        "implicit_gemm_mma_tf32", implicit_gemm_mma::prepare);

}  // namespace voluta
