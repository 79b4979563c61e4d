// conv2d_input_gradient, algorithms "implicit_gemm_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data,
// tf32 products): the rows of dx are split by phase (conv2d_phases.cuh), so that a stride multiplies
// no zeros; each phase is a stride-1 convolution of dy with the taps that reach it.
//   dx[n,h,w,c] = sum_{r,s,k} dy[n, (h+top-r*l)/u, (w+left-s*m)/v, k] * w[k,r,s,c]
//   rows N*I*J of each phase, columns C, depth: taps (r, s) of the phase, in each the filters k by
//   64, of f32 by 32. Filters lie with k slowest, which wgmma takes of 16 bits as it is; of f32 they
//   are transposed first, to [C,R,S,K] (tiled_transpose.cuh): written and read once more, nothing
//   beside what dx and dy move.
//
//   u = 2, R = 3, top = 1:   h = 0  1  2  3  4       phase of even h: tap r = 1
//                            |  .  |  .  |           phase of odd h:  taps r = 0, 2
//
// A tile is a part of the pixels, so that a block finds the part's sums for a batch norm in front
// (Note [Sums for the gradient in front]) where it stores dx: conv2d_tma_wgmma_sums.cuh.
//   grid   a block an SM, in clusters of two where cluster_blocks() says so; block, tiles, smem:
//          conv2d_tma_wgmma.cuh; all phases in one launch
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   workspace of f32 the transposed filters, 4*K*R*S*C bytes; else none
//   limits one group; C and K multiples of 8, of f32 of 4; u * v <= 4; see tma_wgmma::within_limits.
//          Sums: relu, relu6 or no activation
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/common/tiled_transpose.cuh>
#include <voluta/kernels/conv2d/conv2d_norm_in_front.cuh>
#include <voluta/kernels/conv2d/conv2d_phases.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.cuh>

namespace voluta {
namespace {

using namespace tma_wgmma;

constexpr int kMostPhases = kMostMaps;

// A phase of both axes.
struct TiledPhase {
  Phase vertical, horizontal;
  int rows = 0, steps = 0, first_tile = 0;
  int first_part = 0;  // conv2d_sum_parts.h
};

PhasedAxis vertical_axis(const Conv2dGeometry& g) {
  return {g.h, g.r, g.p, g.u, g.l, g.top};
}
PhasedAxis horizontal_axis(const Conv2dGeometry& g) {
  return {g.w, g.s, g.q, g.v, g.m, g.left};
}

// The row of dy (or column) under the last tap of the phase's first pixel. Offsets of im2col copies
// are not negative, so they count from there back to the first tap.
VOLUTA_HOST_DEVICE inline int last_tap(const Phase& phase, const PhasedAxis& axis) {
  return phase.first_output - (phase.taps - 1) * axis.tap_offset;
}

template <class T>
constexpr bool kTransposesFilters = std::is_same_v<T, float>;

template <class T, int kColumns, int kCluster_>
struct InputGradientView {
  using Element = T;
  static constexpr int kCluster = kCluster_;
  static constexpr Stored kA = Stored::kLineByLine;
  static constexpr Stored kB = kTransposesFilters<T> ? Stored::kLineByLine : Stored::kDepthByDepth;

  T* dx;  // [N,H,W,C]
  NormInFront<T> norm;
  float* sums;  // [parts, 2, C]; nullptr: not asked for
  Conv2dKernelGeometry g;
  PhasedAxis vertical, horizontal;
  TiledPhase phases[kMostPhases];
  int phase_count, tiles;
  FastDivisor by_columns;  // column tiles

  struct Tile {
    int phase, first_row, first_column;
  };
  __device__ Tile tile(int index) const {
    int phase = 0;
    while (phase + 1 < phase_count && index >= phases[phase + 1].first_tile) ++phase;
    index -= phases[phase].first_tile;
    const int column = by_columns.take_remainder(index);
    return {phase, (index * kCluster + rank_of_block<kCluster>()) * kRows, column * kColumns};
  }
  __device__ bool exists(const Tile& tile) const {
    return tile.first_row < phases[tile.phase].rows;
  }
  __device__ int steps(const Tile& tile) const { return phases[tile.phase].steps; }

  class Copies {
   public:
    __device__ Copies(const InputGradientView& view, const TensorMaps& maps, const Tile& tile)
        : view_(view),
          phase_(view.phases[tile.phase]),
          maps_(maps),
          map_(tile.phase),
          first_column_(tile.first_column + first_copied_column<kColumns, kCluster>()) {
      n_ = tile.first_row;
      j_ = phase_.horizontal.by_pixels.take_remainder(n_) +
           last_tap(phase_.horizontal, view.horizontal);
      i_ = phase_.vertical.by_pixels.take_remainder(n_) + last_tap(phase_.vertical, view.vertical);
    }

    __device__ void issue(unsigned char* a, unsigned char* b, Mbarrier& full) {
      const Phase &down = phase_.vertical, &along = phase_.horizontal;
      copy_im2col(a, maps_.a[map_], full, k_, j_, i_, n_,
                  (along.taps - 1 - s_) * view_.horizontal.tap_offset,
                  (down.taps - 1 - r_) * view_.vertical.tap_offset);
      const int r = down.first_tap + r_ * view_.vertical.tap_step;
      const int s = along.first_tap + s_ * view_.horizontal.tap_step;
      copy_filters(b, full, r * view_.g.s + s);
      k_ += kDepth<T>;
      if (k_ < view_.g.k) return;
      k_ = 0;
      if (++s_ < along.taps) return;
      s_ = 0;
      ++r_;
    }

   private:
    __device__ void copy_filters(unsigned char* b, Mbarrier& full, int tap) const {
      if constexpr (kB == Stored::kLineByLine) {
        copy_box_to_all<kCluster>(b, maps_.b, full, k_, tap, first_column_);
      } else {
#pragma unroll
        for (int block = 0; block < kColumns / kCluster / kBlockLines; ++block) {
          copy_box_to_all<kCluster>(b + block * kBlockBytes, maps_.b, full,
                                    first_column_ + block * kBlockLines, tap, k_);
        }
      }
    }

    const InputGradientView& view_;
    const TiledPhase& phase_;
    const TensorMaps& maps_;
    int map_, first_column_;
    int n_, i_, j_;              // the tile's first base position
    int r_ = 0, s_ = 0, k_ = 0;  // the step's tap, of those of the phase, and filters
  };

  template <int kSums>
  __device__ void store(const Tile& tile, int warp_rows, const float (&sums)[kSums],
                        unsigned char* staging) const {
#pragma unroll
    for (int block = 0; block < kColumns / kRowElements<T>; ++block) {
      const int first = tile.first_column + block * kRowElements<T>;
      if (first >= g.c) continue;
      store_rows<T>(
          staging, g.c - first,
          [&](int j, int half, unsigned char* at) {
            const int first_sum = block * (kRowElements<T> / 2) + 4 * j + 2 * half;
            store_pair<T>(at, sums[first_sum], sums[first_sum + 1]);
          },
          [&](int row) -> T* {
            T* pixel = row_of(dx, tile, warp_rows + row);
            return pixel != nullptr ? pixel + first : nullptr;
          });
    }
  }

  __device__ const T* z(const Tile& tile, int row) const {
    return row_of(norm.z, tile, row);
  }
  __device__ MomentTarget sum_target(const Tile& tile) const {
    const TiledPhase& phase = phases[tile.phase];
    const int part = phase.first_part + tile.first_row / kRows;
    return {.out = sums + int64_t{2} * part * g.c + tile.first_column,
            .stride = g.c,
            .columns = g.c - tile.first_column,
            .rows = min(kRows, phase.rows - tile.first_row)};
  }

 private:
  // Channel 0 of a row of the tile, of a tensor laid out as dx; nullptr: there is no such row.
  template <class Out>
  __device__ Out* row_of(Out* tensor, const Tile& tile, int row) const {
    const TiledPhase& phase = phases[tile.phase];
    int n = tile.first_row + row;
    if (n >= phase.rows) return nullptr;
    const int j = phase.horizontal.by_pixels.take_remainder(n);
    const int i = phase.vertical.by_pixels.take_remainder(n);
    const int h = phase.vertical.first + i * g.u, w = phase.horizontal.first + j * g.v;
    return tensor + ((int64_t{n} * g.h + h) * g.w + w) * g.c;
  }
};

// Those that find_phases() counts.
int tiles_of(const Conv2dGeometry& g, int columns, int cluster) {
  const PhasedAxis vertical = vertical_axis(g), horizontal = horizontal_axis(g);
  int tiles = 0;
  for (int a = 0; a < vertical.phases; ++a) {
    for (int b = 0; b < horizontal.phases; ++b) {
      tiles += row_tiles(g.n * Phase(vertical, a).pixels * Phase(horizontal, b).pixels, cluster);
    }
  }
  return tiles * static_cast<int>((g.c + columns - 1) / columns);
}

template <class View>
void find_phases(View& view, const Conv2dGeometry& g, int column_tiles) {
  constexpr int kStep = kDepth<typename View::Element>;
  const int depth_steps = static_cast<int>((g.k + kStep - 1) / kStep);
  view.vertical = vertical_axis(g);
  view.horizontal = horizontal_axis(g);
  const SumParts<int> parts(g);
  static_assert(kRows == kSumRows);
  for (int a = 0; a < view.vertical.phases; ++a) {
    for (int b = 0; b < view.horizontal.phases; ++b) {
      TiledPhase phase = {Phase(view.vertical, a), Phase(view.horizontal, b)};
      phase.rows = static_cast<int>(g.n) * phase.vertical.pixels * phase.horizontal.pixels;
      phase.steps = phase.vertical.taps * phase.horizontal.taps * depth_steps;
      phase.first_tile = view.tiles;
      phase.first_part = parts.first(a, b);
      view.tiles += row_tiles(phase.rows, View::kCluster) * column_tiles;
      view.phases[view.phase_count++] = phase;
    }
  }
}

// The base positions on dy of a phase: its pixels, under the last tap.
BasePositions base_positions(const Phase& phase, const PhasedAxis& axis) {
  return {last_tap(phase, axis), 1, phase.pixels, axis.output};
}

bool fits_copies(const PhasedAxis& axis) {
  for (int index = 0; index < axis.phases; ++index) {
    const Phase phase(axis, index);
    if (phase.taps > 0 && !fits_corners(base_positions(phase, axis))) return false;
  }
  return true;
}

Support supports_phases(const Problem& problem) {
  if (const Support sums = supports_sums(problem); !sums.ok) return sums;
  const Support support = within_limits(problem);
  if (!support.ok) return support;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.u * g.v > kMostPhases) return Support::no("strides of more than 4 phases");
  if (!fits_copies(vertical_axis(g)) || !fits_copies(horizontal_axis(g))) {
    return Support::no("an input more than 128 pixels larger than the output");
  }
  return Support::yes();
}

// w[K,R,S,C] to [C,R,S,K].
Transposition filter_transposition(const Conv2dGeometry& g) {
  const int64_t taps = g.r * g.s;
  return {.matrices = taps,
          .rows = static_cast<int>(g.k),
          .columns = static_cast<int>(g.c),
          .from = {g.c, taps * g.c},
          .to = {g.k, taps * g.k}};
}

// As B comes: C filters of K channels, if they are transposed.
template <class T>
TensorMapLayout filters_layout(Conv2dGeometry g, int columns) {
  if constexpr (!kTransposesFilters<T>) return filter_map(kDTypeOf<T>, g, kDepth<T>);
  std::swap(g.c, g.k);
  return filter_map(kDTypeOf<T>, g, columns);
}

template <class T, int kColumns, int kCluster>
Execution prepare_tiles(const Problem& problem, const Conv2dGeometry& g) {
  using View = InputGradientView<T, kColumns, kCluster>;
  View view = {};
  view.g = kernel_geometry(g);
  const int column_tiles = static_cast<int>((g.c + kColumns - 1) / kColumns);
  view.by_columns = FastDivisor(column_tiles);
  find_phases(view, g, column_tiles);
  std::array<TensorMapLayout, kMostPhases> dy;
  for (int i = 0; i < view.phase_count; ++i) {
    const TiledPhase& phase = view.phases[i];
    if (phase.steps == 0) continue;
    dy[static_cast<std::size_t>(i)] =
        im2col_map(kDTypeOf<T>, g.n, g.k, base_positions(phase.vertical, view.vertical),
                   base_positions(phase.horizontal, view.horizontal), kRows);
  }
  const TensorMapLayout w = filters_layout<T>(g, kColumns / kCluster);
  const auto filter_bytes = static_cast<std::size_t>(g.k * g.r * g.s * g.c) * sizeof(T);
  const Transposition transposition = filter_transposition(g);
  return {kTransposesFilters<T> ? filter_bytes : 0,
          [view, dy, w, transposition, norm = NormInFrontBinder(problem)](const Args& args,
                                                                          Stream& stream) {
            const T* filters = args.in<T>(1);
            if constexpr (kTransposesFilters<T>) {
              T* transposed = static_cast<T*>(args.workspace);
              launch_transpose(stream, "conv2d_input_gradient_transpose_filters", filters,
                               transposed, transposition);
              filters = transposed;
            }
            View bound = view;
            bound.dx = args.out<T>(0);
            bound.norm = norm.bind<T>(args);
            bound.sums = norm.sums(args);
            TensorMaps maps;
            for (int i = 0; i < view.phase_count; ++i) {
              if (view.phases[i].steps == 0) continue;
              maps.a[i] = tensor_map(stream, dy[static_cast<std::size_t>(i)], args.in<T>(0));
            }
            maps.b = tensor_map(stream, w, filters);
            launch_tiles<kColumns>(stream, "conv2d_input_gradient_implicit_gemm_tma_wgmma", maps,
                                   bound);
          }};
}

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return dispatch_tiles<BFloat16, Float16, float>(
      problem, tile_columns(g.n * g.h * g.w, g.c), [&]<class T, int kColumns>() {
        return dispatch_cluster<kColumns>(
            [&](int cluster) { return tiles_of(g, kColumns, cluster); },
            [&]<int kCluster>() { return prepare_tiles<T, kColumns, kCluster>(problem, g); });
      });
}

}  // namespace

const Engine kConv2dInputGradientImplicitGemmTmaWgmma =
    tma_wgmma::half_engine<supports_phases>(prepare);
const Engine kConv2dInputGradientImplicitGemmTmaWgmmaTf32 =
    tma_wgmma::tf32_engine<supports_phases>(prepare);

}  // namespace voluta
