// conv2d_input_gradient, algorithm "implicit_gemm_tma_wgmma": the rows of dx are split by phase, so
// that a strided convolution multiplies no zeros; each phase is a stride-1 convolution of dy with the
// taps that reach it.
//   dx[n,h,w,c] = sum_{r,s,k} dy[n, (h+top-r*l)/u, (w+left-s*m)/v, k] * w[k,r,s,c]
//   rows N*I*J of each phase, columns C, depth: taps (r, s) of the phase, in each the filters k by 64
//
//   u = 2, R = 3, top = 1:   h = 0  1  2  3  4       phase of even h: tap r = 1
//                            |  .  |  .  |           phase of odd h:  taps r = 0, 2
//
//   grid   a block an SM; block, tiles, smem: conv2d_tma_wgmma.cuh; all phases in one launch
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   limits bf16/f16; one group; C and K multiples of 8; u * v <= 4
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.cuh>

#include <numeric>

namespace voluta {
namespace {

using namespace tma_wgmma;

constexpr int kMostPhases = kMostMaps;

// The rows (or columns) of dx of one phase, first, first + stride, ..., and the taps that reach them:
// tap t of `taps` is filter row first_tap + t * tap_step, and reads dy at row i of the phase from
//   lower + i + (taps - 1 - t) * tap_offset.
struct PhaseAxis {
  int first = 0, count = 0;
  int taps = 0, first_tap = 0, tap_step = 1, tap_offset = 0;
  int lower = 0;
};

struct Phase {
  PhaseAxis h, w;
  FastDivisor by_h, by_w;  // counts
  int rows = 0, steps = 0, first_tile = 0;
};

PhaseAxis phase_axis(int64_t first, int64_t stride, int64_t extent, int64_t pad, int64_t dilation,
                     int64_t filter) {
  PhaseAxis axis;
  axis.first = static_cast<int>(first);
  axis.count = static_cast<int>(first < extent ? (extent - first + stride - 1) / stride : 0);
  const int64_t step = stride / std::gcd(stride, dilation);
  int64_t tap = 0;
  while (tap < step && (first + pad - tap * dilation) % stride != 0) ++tap;
  if (tap >= std::min(step, filter)) return axis;  // no tap reaches this phase
  axis.taps = static_cast<int>((filter - tap + step - 1) / step);
  axis.first_tap = static_cast<int>(tap);
  axis.tap_step = static_cast<int>(step);
  axis.tap_offset = static_cast<int>(dilation * step / stride);
  const int64_t last = tap + (axis.taps - 1) * step;
  axis.lower = static_cast<int>((first + pad - last * dilation) / stride);
  return axis;
}

template <class T, int kColumns>
struct InputGradientView {
  using Element = T;
  static constexpr Stored kA = Stored::kLineByLine, kB = Stored::kDepthByDepth;

  T* dx;  // [N,H,W,C]
  Conv2dKernelGeometry g;
  Phase phases[kMostPhases];
  int phase_count, column_tiles, tiles;
  FastDivisor by_columns;

  struct Tile {
    int phase, first_row, first_column;
  };
  __device__ Tile tile(int index) const {
    int phase = 0;
    while (phase + 1 < phase_count && index >= phases[phase + 1].first_tile) ++phase;
    index -= phases[phase].first_tile;
    const int column = by_columns.take_remainder(index);
    return {phase, index * kRows, column * kColumns};
  }
  __device__ int steps(const Tile& tile) const { return phases[tile.phase].steps; }

  class Copies {
   public:
    __device__ Copies(const InputGradientView& view, const TensorMaps& maps, const Tile& tile)
        : view_(view),
          phase_(view.phases[tile.phase]),
          maps_(maps),
          map_(tile.phase),
          first_column_(tile.first_column) {
      n_ = tile.first_row;
      j_ = phase_.by_w.take_remainder(n_) + phase_.w.lower;
      i_ = phase_.by_h.take_remainder(n_) + phase_.h.lower;
    }

    __device__ void issue(unsigned char* a, unsigned char* b, Mbarrier& full) {
      const PhaseAxis &h = phase_.h, &w = phase_.w;
      copy_im2col(a, maps_.a[map_], full, k_, j_, i_, n_, (w.taps - 1 - s_) * w.tap_offset,
                  (h.taps - 1 - r_) * h.tap_offset);
      const int r = h.first_tap + r_ * h.tap_step, s = w.first_tap + s_ * w.tap_step;
#pragma unroll
      for (int block = 0; block < kColumns / kBlockLines; ++block) {
        copy_box(b + block * kBlockBytes, maps_.b, full, first_column_ + block * kBlockLines,
                 r * view_.g.s + s, k_);
      }
      k_ += kDepth;
      if (k_ < view_.g.k) return;
      k_ = 0;
      if (++s_ < w.taps) return;
      s_ = 0;
      ++r_;
    }

   private:
    const InputGradientView& view_;
    const Phase& phase_;
    const TensorMaps& maps_;
    int map_, first_column_;
    int n_, i_, j_;              // the tile's first base position
    int r_ = 0, s_ = 0, k_ = 0;  // the step's tap, of those of the phase, and filters
  };

  template <int kSums>
  __device__ void store(const Tile& tile, int warp_rows, const float (&sums)[kSums],
                        unsigned char* staging) const {
    const Phase& phase = phases[tile.phase];
#pragma unroll
    for (int block = 0; block < kColumns / kBlockLines; ++block) {
      const int first = tile.first_column + block * kBlockLines;
      if (first >= g.c) continue;
      store_rows<T>(
          staging, g.c - first,
          [&](int j, int i) { return sums[block * (kBlockLines / 2) + 4 * j + i]; },
          [&](int row) -> T* {
            int n = tile.first_row + warp_rows + row;
            if (n >= phase.rows) return nullptr;
            const int w = phase.by_w.take_remainder(n) * g.v + phase.w.first;
            const int h = phase.by_h.take_remainder(n) * g.u + phase.h.first;
            return dx + ((int64_t{n} * g.h + h) * g.w + w) * g.c + first;
          });
    }
  }
};

// The phases that have pixels.
template <class View>
void find_phases(View& view, const Conv2dGeometry& g) {
  int next_tile = 0;
  for (int64_t a = 0; a < g.u; ++a) {
    for (int64_t b = 0; b < g.v; ++b) {
      Phase phase;
      phase.h = phase_axis(a, g.u, g.h, g.top, g.l, g.r);
      phase.w = phase_axis(b, g.v, g.w, g.left, g.m, g.s);
      if (phase.h.count == 0 || phase.w.count == 0) continue;
      phase.by_h = FastDivisor(phase.h.count);
      phase.by_w = FastDivisor(phase.w.count);
      phase.rows = static_cast<int>(g.n) * phase.h.count * phase.w.count;
      phase.steps = phase.h.taps * phase.w.taps * static_cast<int>((g.k + kDepth - 1) / kDepth);
      phase.first_tile = next_tile;
      next_tile += (phase.rows + kRows - 1) / kRows * view.column_tiles;
      view.phases[view.phase_count++] = phase;
    }
  }
  view.tiles = next_tile;
}

// The base positions on dy of a phase: its pixels, moved to the last tap.
BasePositions base_positions(const PhaseAxis& axis, int64_t extent) {
  return {axis.lower, 1, axis.count, extent};
}

bool fits_corners(const BasePositions& axis) {
  return axis.lower() >= -128 && axis.lower() <= 127 && axis.upper() >= -128 && axis.upper() <= 127;
}

Support supports_phases(const Problem& problem) {
  const Support support = tma_wgmma::supports(problem);
  if (!support.ok) return support;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.u * g.v > kMostPhases) return Support::no("strides of more than 4 phases");
  for (int64_t a = 0; a < std::max(g.u, g.v); ++a) {
    const PhaseAxis h = phase_axis(a, g.u, g.h, g.top, g.l, g.r);
    const PhaseAxis w = phase_axis(a, g.v, g.w, g.left, g.m, g.s);
    if ((h.taps > 0 && h.count > 0 && !fits_corners(base_positions(h, g.p))) ||
        (w.taps > 0 && w.count > 0 && !fits_corners(base_positions(w, g.q)))) {
      return Support::no("an input more than 128 pixels larger than the output");
    }
  }
  return Support::yes();
}

template <class T, int kColumns>
Execution prepare_tiles(const Conv2dGeometry& g) {
  InputGradientView<T, kColumns> view = {};
  view.g = kernel_geometry(g);
  view.column_tiles = static_cast<int>((g.c + kColumns - 1) / kColumns);
  view.by_columns = FastDivisor(view.column_tiles);
  find_phases(view, g);
  std::array<TensorMapLayout, kMostPhases> dy;
  for (int i = 0; i < view.phase_count; ++i) {
    const Phase& phase = view.phases[i];
    if (phase.steps == 0) continue;
    dy[static_cast<std::size_t>(i)] = im2col_map(
        kDTypeOf<T>, g.n, g.k, base_positions(phase.h, g.p), base_positions(phase.w, g.q), kRows);
  }
  const TensorMapLayout w = filter_map(kDTypeOf<T>, g, kDepth);
  return {0, [view, dy, w](const Args& args, Stream& stream) {
            InputGradientView<T, kColumns> bound = view;
            bound.dx = args.out<T>(0);
            TensorMaps maps;
            for (int i = 0; i < view.phase_count; ++i) {
              if (view.phases[i].steps == 0) continue;
              maps.a[i] = tensor_map(stream, dy[static_cast<std::size_t>(i)], args.in<T>(0));
            }
            maps.b = tensor_map(stream, w, args.in<T>(1));
            launch_tiles<kColumns>(stream, "conv2d_input_gradient_implicit_gemm_tma_wgmma", maps,
                                   bound);
          }};
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  switch (tile_columns(g.n * g.h * g.w, g.c)) {
    case 256:
      return prepare_tiles<T, 256>(g);
    case 128:
      return prepare_tiles<T, 128>(g);
    default:
      return prepare_tiles<T, 64>(g);
  }
}

Execution prepare(const Problem& problem) {
  const bool is_bf16 = problem.outputs[0].dtype == DType::bf16;
  return is_bf16 ? prepare_as<BFloat16>(problem) : prepare_as<Float16>(problem);
}

}  // namespace

const Engine kConv2dInputGradientImplicitGemmTmaWgmma = {
    "implicit_gemm_tma_wgmma", DeviceType::kCuda, EngineRole::kProduct, supports_phases, prepare,
    Arithmetic::kTensorCore,   tma_wgmma::kChips};

}  // namespace voluta
