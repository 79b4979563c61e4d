#pragma once

// The input gradient on Hopper: its tiles, by phase of the stride (conv2d_phases.cuh), and the copies that
// gather them (conv2d_tma_wgmma.cuh).
//   rows N*I*J of each phase, columns C, group by group; depth: taps (r, s) of the phase, in each the filters k
//   of the group by 128 bytes. Filters lie with k slowest, which wgmma takes of 16 bits as it is; of f32 they
//   are transposed first, to [C/G,R,S,K] (tiled_transpose.cuh): written and read once more, nothing beside what
//   dx and dy move.
//
//   u = 2, R = 3, top = 1:   h = 0  1  2  3  4       phase of even h: tap r = 1
//                            |  .  |  .  |           phase of odd h:  taps r = 0, 2

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_split_k.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/common/tiled_transpose.cuh>
#include <voluta/kernels/conv2d/conv2d_norm_in_front.cuh>
#include <voluta/kernels/conv2d/conv2d_phases.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_groups.cuh>

namespace voluta::tma_wgmma {

constexpr int kMostPhases = kMostMaps;

// A phase of both axes.
struct TiledPhase {
  Phase vertical, horizontal;
  int rows = 0, steps = 0, first_tile = 0;
  FastDivisor by_row_tiles;
  int first_part = 0;  // conv2d_sum_parts.h
};

inline PhasedAxis vertical_axis(const Conv2dGeometry& g) {
  return {g.h, g.r, g.p, g.u, g.l, g.top};
}
inline PhasedAxis horizontal_axis(const Conv2dGeometry& g) {
  return {g.w, g.s, g.q, g.v, g.m, g.left};
}

// The row of dy (or column) under the last tap of the phase's first pixel. Offsets of im2col copies
// are not negative, so they count from there back to the first tap.
VOLUTA_HOST_DEVICE inline int last_tap(const Phase& phase, const PhasedAxis& axis) {
  return phase.first_output - (phase.taps - 1) * axis.tap_offset;
}

template <class T>
constexpr bool kTransposesFilters = std::is_same_v<T, float>;

template <class T, int kColumns_, int kCluster_ = 1, int kHeight_ = 1>
struct InputGradientTiles {
  using Element = T;
  static constexpr int kColumns = kColumns_, kCluster = kCluster_, kHeight = kHeight_;
  static constexpr Stored kA = Stored::kLineByLine;
  static constexpr Stored kB = kTransposesFilters<T> ? Stored::kLineByLine : Stored::kDepthByDepth;
  static constexpr int kShare = (kTransposesFilters<T> ? kColumns : kDepth<T>) / kCluster;

  Conv2dKernelGeometry g;
  PhasedAxis vertical, horizontal;
  TiledPhase phases[kMostPhases];
  int phase_count = 0, filter_steps, last_products, splits, tiles = 0;
  GroupTiles<kColumns> column_tiles;

  explicit InputGradientTiles(const Conv2dGeometry& of, int parts = 1)
      : g(kernel_geometry(of)),
        vertical(vertical_axis(of)),
        horizontal(horizontal_axis(of)),
        filter_steps(static_cast<int>((of.group_k + kDepth<T> - 1) / kDepth<T>)),
        last_products(last_step_products(of.group_k, kDepth<T>)),
        splits(parts),
        column_tiles(of.groups, of.group_c) {
    static_assert(kRows == kSumRows);
    const SumParts<int> sum_parts(of);
    for (int a = 0; a < vertical.phases; ++a) {
      for (int b = 0; b < horizontal.phases; ++b) {
        TiledPhase phase = {Phase(vertical, a), Phase(horizontal, b)};
        phase.rows = g.n * phase.vertical.pixels * phase.horizontal.pixels;
        phase.steps = phase.vertical.taps * phase.horizontal.taps * filter_steps;
        phase.first_tile = tiles;
        phase.by_row_tiles = FastDivisor(row_tiles(phase.rows, kCluster * kHeight));
        phase.first_part = sum_parts.first(a, b);
        tiles += row_tiles(phase.rows, kCluster * kHeight) * column_tiles.count() * splits;
        phases[phase_count++] = phase;
      }
    }
  }

  struct Tile {
    int phase, first_row, split;
    GroupRange columns;
  };
  __device__ Tile tile(int index) const {
    int phase = 0;
    while (phase + 1 < phase_count && index >= phases[phase + 1].first_tile) ++phase;
    index -= phases[phase].first_tile;
    const GroupRange columns = column_tiles.take(index);
    const int row = phases[phase].by_row_tiles.take_remainder(index);
    const int first_row = (row * kCluster + rank_of_block<kCluster>()) * kHeight * kRows;
    return {phase, first_row, index, columns};
  }
  __device__ Tile part(const Tile& tile, int half) const {
    return {tile.phase, tile.first_row + half * kRows, tile.split, tile.columns};
  }
  __device__ bool exists(const Tile& tile) const {
    return tile.first_row < phases[tile.phase].rows;
  }
  __device__ int first_step(const Tile& tile, int split) const {
    const int steps = phases[tile.phase].steps;
    return splits == 1 ? split * steps : split_k::first_step(steps, split, splits);
  }
  __device__ int steps(const Tile& tile) const {
    return first_step(tile, tile.split + 1) - first_step(tile, tile.split);
  }
  __device__ StepProducts products(const Tile& tile) const {
    return {filter_steps, last_products, first_step(tile, tile.split) % filter_steps};
  }

  // Of dx, that of a row of the tile.
  struct Pixel {
    int n, h, w;
  };
  __device__ Pixel pixel_of(const Tile& tile, int row) const {
    const TiledPhase& phase = phases[tile.phase];
    int n = tile.first_row + row;
    const int j = horizontal.by_pixels[phase.horizontal.more_pixels].take_remainder(n);
    const int i = vertical.by_pixels[phase.vertical.more_pixels].take_remainder(n);
    return {n, phase.vertical.first + i * g.u, phase.horizontal.first + j * g.v};
  }

  // Channel 0 of a row of the tile, of a tensor laid out as dx; nullptr: there is no such row.
  template <class Out>
  __device__ Out* row_of(Out* tensor, const Tile& tile, int row) const {
    if (tile.first_row + row >= phases[tile.phase].rows) return nullptr;
    const Pixel at = pixel_of(tile, row);
    return tensor + ((int64_t{at.n} * g.h + at.h) * g.w + at.w) * g.c;
  }

  class Copies {
   public:
    __device__ Copies(const InputGradientTiles& view, const TensorMaps& maps, const Tile& tile)
        : view_(view),
          phase_(view.phases[tile.phase]),
          maps_(maps),
          map_(tile.phase),
          first_filter_(tile.columns.group * view.g.group_k),
          first_column_(tile.columns.first - tile.columns.group * view.g.group_c) {
      n_ = tile.first_row;
      j_ = view.horizontal.by_pixels[phase_.horizontal.more_pixels].take_remainder(n_) +
           last_tap(phase_.horizontal, view.horizontal);
      i_ = view.vertical.by_pixels[phase_.vertical.more_pixels].take_remainder(n_) +
           last_tap(phase_.vertical, view.vertical);
      if (const int step = view.first_step(tile, tile.split); step > 0) begin_at(step);
    }

    __device__ void issue(unsigned char* a, unsigned char* b, Mbarrier& full) {
      const Phase &down = phase_.vertical, &along = phase_.horizontal;
      copy_im2col(a, maps_.a[map_], full, first_filter_ + k_, j_, i_, n_,
                  (along.taps - 1 - s_) * view_.horizontal.tap_offset,
                  (down.taps - 1 - r_) * view_.vertical.tap_offset);
      const int r = down.first_tap + r_ * view_.vertical.tap_step;
      const int s = along.first_tap + s_ * view_.horizontal.tap_step;
      copy_filters(b, full, r * view_.g.s + s);
      k_ += kDepth<T>;
      if (k_ < view_.g.group_k) return;
      k_ = 0;
      if (++s_ < along.taps) return;
      s_ = 0;
      ++r_;
    }

   private:
    __device__ void begin_at(int step) {
      const int tap = step / view_.filter_steps;
      k_ = (step - tap * view_.filter_steps) * kDepth<T>;
      r_ = tap / phase_.horizontal.taps;
      s_ = tap - r_ * phase_.horizontal.taps;
    }

    __device__ void copy_filters(unsigned char* b, Mbarrier& full, int tap) const {
      const int filter = first_filter_ + k_, share = first_of_share<InputGradientTiles>();
      if constexpr (kB == Stored::kLineByLine) {
        copy_box_to_all<kCluster>(b, maps_.b, full, filter, tap, first_column_ + share);
      } else {
#pragma unroll
        for (int block = 0; block < held_columns(kColumns) / kBlockLines; ++block) {
          copy_box_to_all<kCluster>(b + block * kBlockBytes, maps_.b, full,
                                    first_column_ + block * kBlockLines, tap, filter + share);
        }
      }
    }

    const InputGradientTiles& view_;
    const TiledPhase& phase_;
    const TensorMaps& maps_;
    int map_, first_filter_, first_column_;  // the column of those of the group
    int n_, i_, j_;                          // the tile's first base position
    int r_ = 0, s_ = 0, k_ = 0;  // the step's tap, of those of the phase, and filters of the group
  };
};

static_assert(kHasPartialSteps<InputGradientTiles<BFloat16, 64>>);

// The base positions on dy of a phase: its pixels, under the last tap.
inline BasePositions base_positions(const Phase& phase, const PhasedAxis& axis) {
  return {last_tap(phase, axis), 1, phase.pixels, axis.output};
}

inline bool fits_copies(const PhasedAxis& axis) {
  for (int index = 0; index < axis.phases; ++index) {
    const Phase phase(axis, index);
    if (phase.taps > 0 && !fits_corners(base_positions(phase, axis))) return false;
  }
  return true;
}

inline Support supports_phases(const Problem& problem) {
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

// The filters of a run, transposed where wgmma takes them no other way.
template <class T>
struct GradientFilters {
  TensorMapLayout layout;
  Transposition transposition;
  std::size_t bytes = 0;  // of workspace

  // Copied by `rows` of 128 bytes.
  GradientFilters(Conv2dGeometry g, int rows) {
    if constexpr (!kTransposesFilters<T>) {
      layout = filter_map(kDTypeOf<T>, g, rows);
      return;
    }
    const int64_t taps = g.r * g.s;
    bytes = static_cast<std::size_t>(g.k * taps * g.group_c) * sizeof(T);
    transposition = {.matrices = taps,  // w[K,R,S,C/G] to [C/G,R,S,K]
                     .rows = static_cast<int>(g.k),
                     .columns = static_cast<int>(g.group_c),
                     .from = {g.group_c, taps * g.group_c},
                     .to = {g.k, taps * g.k}};
    std::swap(g.group_c, g.k);
    layout = filter_map(kDTypeOf<T>, g, rows);
  }

  TensorMap bind(const Args& args, void* workspace, Stream& stream) const {
    const T* filters = args.in<T>(1);
    if constexpr (kTransposesFilters<T>) {
      T* transposed = static_cast<T*>(workspace);
      launch_transpose(stream, "conv2d_input_gradient_transpose_filters", filters, transposed,
                       transposition);
      filters = transposed;
    }
    return tensor_map(stream, layout, filters);
  }
};

// The maps of dy, one a phase, and of the filters.
template <class T>
struct InputGradientMaps {
  std::array<TensorMapLayout, kMostPhases> dy;
  std::array<bool, kMostPhases> used = {};
  GradientFilters<T> filters;

  // Of the tiles' phases.
  template <class Tiles>
  InputGradientMaps(const Tiles& tiles, const Conv2dGeometry& g) : filters(g, Tiles::kShare) {
    for (int i = 0; i < tiles.phase_count; ++i) {
      const TiledPhase& phase = tiles.phases[i];
      const auto at = static_cast<std::size_t>(i);
      if (phase.steps == 0) continue;
      used[at] = true;
      dy[at] =
          im2col_map(kDTypeOf<T>, g.n, g.k, base_positions(phase.vertical, tiles.vertical),
                     base_positions(phase.horizontal, tiles.horizontal), Tiles::kHeight * kRows);
    }
  }

  // `workspace`: of filters.bytes.
  TensorMaps bind(const Args& args, void* workspace, Stream& stream) const {
    TensorMaps maps;
    for (std::size_t i = 0; i < kMostPhases; ++i) {
      if (used[i]) maps.a[i] = tensor_map(stream, dy[i], args.in<T>(0));
    }
    maps.b = filters.bind(args, workspace, stream);
    return maps;
  }
};

}  // namespace voluta::tma_wgmma
