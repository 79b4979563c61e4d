// conv2d_filter_gradient, algorithms "implicit_gemm_mma" (bf16, f16) and "implicit_gemm_mma_tf32":
// dy transposed times the unrolled input, one matrix product a group on tensor cores. The sum over
// N*P*Q is long and the result small, so the depth is split over blocks into f32 parts; a second
// kernel adds them in the order of their number and rounds the sum to the filter's type.
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c]
//                 of xhat for x where there is a prologue: kernels/common/prologue.h
//   rows K/G, columns R*S*C/G, depth N*P*Q; both operands lie with their lines fastest
//   grid, maps, smem: kernels/common/mma_product.cuh
//   regs   of 128x128, 128x64, 64x64 tiles; by elements of 128x64, 64x64; no spills
//          16 bits 232, 127, 85; 203, 145 (sm_80)   232, 132, 102; 212, 154 (sm_90a)
//          tf32    225, 150, 102; 191, 133 (sm_80)   240, 156, 108; 189, 128 (sm_90a)
//          with a prologue, of 128x64, 64x64 tiles: 16 bits 140, 102; 194, 145 and 140, 121; 218, 156
//          tf32    155, 112; 192, 144 (sm_80)        167, 115; 191, 146 (sm_90a)
//   workspace parts[splits, K, R*S*C/G] in f32; none for tf32 with one split
//   limits fewer than 2^31 elements a tensor; a prologue in front of 1 x 1 filters. Where C/G and K/G come in
//          whole chunks (8, tf32: 4) copies are 16 bytes, else element by element.
//   measured never run on hardware

#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>

namespace voluta::implicit_gemm_mma {
namespace {

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
  int depth_per_split;
  Grid grid;

  using Place = Tile;
  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    Place place = grid.tile<kRows, kColumns>(block);
    place.rows = g.group_k;
    place.columns = g.r * g.s * g.group_c;
    place.depth_begin = place.part * depth_per_split;
    place.depth_end = min(place.depth_begin + depth_per_split, g.n * g.p * g.q);
    return place;
  }

  // An output pixel.
  struct Depth {
    int image, h, w;  // offset of x[n,0,0,0]; p*u; q*v
    int output;       // offset of dy[n,p,q,0]
  };
  __device__ Depth decode(const Place&, int depth) const {
    int n = depth;
    const int q = by_q.take_remainder(n), p = by_p.take_remainder(n);
    return {n * g.h * g.w * g.c, p * g.u, q * g.v, depth * g.k};
  }

  struct A {
    static constexpr bool kDepthFastest = false, kNormalised = false;
    using Line = int;  // k
    __device__ static const T* data(const FilterGradientView& view) { return view.dy; }
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
      int h, w, channel;  // r*l - top; s*m - left; g*Cg + c
    };
    __device__ static const T* data(const FilterGradientView& view) { return view.x; }
    __device__ static Line line(const FilterGradientView& view, const Place& place, int column) {
      const Conv2dKernelGeometry& g = view.g;
      int r = column;
      const int c = view.by_c.take_remainder(r), s = view.by_s.take_remainder(r);
      return {r * g.l - g.top, s * g.m - g.left, place.group * g.group_c + c};
    }
    __device__ static int offset(const FilterGradientView& view, const Place&, const Line& tap,
                                 const Depth& pixel) {
      const int h = pixel.h + tap.h, w = pixel.w + tap.w;
      if (h < 0 || h >= view.g.h || w < 0 || w >= view.g.w) return -1;
      return pixel.image + (h * view.g.w + w) * view.g.c + tap.channel;
    }
    __device__ static int channel(const FilterGradientView&, const Place&, const Line& tap,
                                  const Depth&) {
      return tap.channel;
    }
  };

  __device__ float finish(const Place&, int, float sum) const { return sum; }
  __device__ float* output(const Place& place, int row) const {
    const int64_t k = int64_t{place.part} * g.k + place.group * g.group_k + row;
    return parts + k * place.columns;
  }
};

// How the depth is cut: enough blocks to fill any GPU about once over, as long as a block still has
// depth to amortise its prologue. A function of the problem alone, so that results do not depend on
// the device.
struct Splits {
  int64_t count, depth_each;
};
template <class T>
Splits choose_splits(const Conv2dGeometry& g, TileSize tile) {
  constexpr int64_t kWantedBlocks = 256, kLeastDepth = 256;
  const int64_t depth = g.n * g.p * g.q;
  const int64_t blocks = make_grid(tile, g.group_k, g.r * g.s * g.group_c, g.groups, 1).blocks();
  const int64_t wanted =
      std::clamp<int64_t>(kWantedBlocks / blocks, 1, std::max<int64_t>(depth / kLeastDepth, 1));
  const int64_t whole = kTileDepth<T>;
  const int64_t each = ((depth + wanted - 1) / wanted + whole - 1) / whole * whole;
  return {(depth + each - 1) / each, each};
}

template <class T, bool kPrologue>
TileSize tile_for(const Conv2dGeometry& g, bool vector) {
  TileSize tile = choose_tile(g.group_k, g.r * g.s * g.group_c, g.groups, vector, true);
  if (kPrologue) tile.columns = 64;
  return tile;
}

template <class T, bool kPrologue>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  FilterGradientView<T, kPrologue> view = {};
  view.g = kernel_geometry(g);
  view.by_c = FastDivisor(g.group_c);
  view.by_s = FastDivisor(g.s);
  view.by_q = FastDivisor(g.q);
  view.by_p = FastDivisor(g.p);
  const bool whole = whole_chunks<T>(g.group_c) && whole_chunks<T>(g.group_k);
  const Splits splits = choose_splits<T>(g, tile_for<T, kPrologue>(g, whole));
  view.depth_per_split = static_cast<int>(splits.depth_each);
  const int64_t elements = problem.outputs[0].shape.elements();
  const bool direct = std::is_same_v<T, float> && splits.count == 1;
  const std::size_t parts_bytes =
      direct ? 0 : static_cast<std::size_t>(splits.count * elements) * sizeof(float);
  return {parts_bytes, [=, prologue = PrologueBinder(problem)](const Args& args, Stream& stream) {
            FilterGradientView<T, kPrologue> bound = view;
            bound.x = args.in<T>(0);
            bound.dy = args.in<T>(1);
            bound.parts = direct ? args.out<float>(0) : static_cast<float*>(args.workspace);
            bound.normaliser = prologue.bind(args);
            const bool vector = whole && aligned16(bound.x, bound.dy, bound.normaliser.vectors);
            const int64_t columns = g.r * g.s * g.group_c;
            bound.vector_store = whole_chunks<float>(columns) && aligned16(bound.parts);
            const TileSize tile = tile_for<T, kPrologue>(g, vector);
            bound.grid = make_grid(tile, g.group_k, columns, g.groups, splits.count);
            launch_product(stream, "conv2d_filter_gradient_implicit_gemm_mma", bound, tile, vector,
                           bound.grid.blocks());
            if (direct) return;
            launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", bound.parts,
                                    args.out<T>(0), elements, static_cast<int>(splits.count));
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

const Engine kConv2dFilterGradientImplicitGemmMma =
    implicit_gemm_mma::half_engine<implicit_gemm_mma::within_limits_of_pixels>(
        "implicit_gemm_mma", implicit_gemm_mma::prepare);
const Engine kConv2dFilterGradientImplicitGemmMmaTf32 =
    implicit_gemm_mma::tf32_engine<implicit_gemm_mma::within_limits_of_pixels>(
        "implicit_gemm_mma_tf32", implicit_gemm_mma::prepare);

}  // namespace voluta
