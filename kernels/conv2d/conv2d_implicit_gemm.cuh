#pragma once

// The tiled f32 matrix product that the three "implicit_gemm" kernels of this room share:
// "implicit" because the matrices A and B are never stored; a View (kernels/common/product_view.cuh) says
// where their elements lie in the tensors of a convolution.
//   out[row, column] = sum_depth A[row, depth] * B[depth, column]     for each group
//   grid   conv2d_product_grid.cuh     block 256
//   smem   2 stages x (16 x (128 + 4) + 16 x (kColumns + 4)) x 4 bytes: 33 KiB for 128 columns
//   maps   128 columns: 16 x 16 threads; thread (i,j) owns the 8 x 8 outputs where its rows
//          4i..4i+3, 64+4i..64+4i+3 cross its columns 4j..4j+3, 64+4j..64+4j+3:
//                  columns 0       64      127
//              rows 0   | (i,j) : (i,j) |    A warp reads 2 x 16 bytes of A (broadcast) and
//                  64   | (i,j) : (i,j) |    16 x 16 bytes of B: free of bank conflicts.
//          64 columns: 8 x 4 outputs a thread;  32 columns: 32 x 8 threads, 4 x 4 outputs each
// While a stage is multiplied, the next one travels from global memory through registers. The order
// of additions depends on the problem alone, never on the device: two runs agree bit for bit.

#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/column_sums.cuh>
#include <voluta/kernels/common/product_view.cuh>
#include <voluta/kernels/common/prologue.cuh>
#include <voluta/kernels/conv2d/conv2d_product_grid.cuh>

#include <algorithm>

namespace voluta::implicit_gemm {

constexpr int kThreads = 256;
constexpr int kTileRows = 128;
constexpr int kTileDepth = kStep<float>;
constexpr int kPad = 4;  // floats a shared row: keeps float4 alignment, spreads transposed stores

// What a step of depth costs an SM: 128 multiply-adds a cycle, and threads with fewer outputs read shared
// memory more often for each.
inline constexpr split_k::TileCost kTiles[] = {
    {{kTileRows, 128}, 2048}, {{kTileRows, 64}, 1200}, {{kTileRows, 32}, 800}};

// Where the depth is split anyway: no wider than needed.
inline TileSize tile_size(int64_t columns) {
  return {kTileRows, columns > 64 ? 128 : columns > 32 ? 64 : 32};
}

// How many parts of its depth the filter gradient is split into: enough blocks to fill any GPU a few times over,
// as long as a block still has depth to amortise its prologue. A function of the problem alone, so that results
// do not depend on the device.
inline int64_t filter_gradient_splits(const Conv2dGeometry& g) {
  constexpr int64_t kWantedBlocks = 512, kLeastDepth = 256;
  const int64_t depth = g.n * g.p * g.q, columns = g.r * g.s * g.group_c;
  const int64_t blocks = make_grid(tile_size(columns), g.group_k, columns, g.groups).blocks();
  return std::clamp<int64_t>(kWantedBlocks / blocks, 1, std::max<int64_t>(depth / kLeastDepth, 1));
}

// Which elements of a kLines x kTileDepth tile this thread moves. Neighbouring threads move what
// lies side by side in global memory.
template <int kLines, bool kDepthFastest>
struct TileMap {
  static constexpr int kLoads = kLines * kTileDepth / kThreads;
  static constexpr int kHeldLines = kDepthFastest ? kLoads : 1;  // distinct lines of a thread

  __device__ static int line(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return kDepthFastest ? thread / kTileDepth + i * (kThreads / kTileDepth) : thread % kLines;
  }
  __device__ static int depth(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return kDepthFastest ? thread % kTileDepth : thread / kLines + i * (kThreads / kLines);
  }
};

// One operand's way from global memory through registers to a shared tile.
template <class View, class Operand, int kLines>
class TileLoader {
  using Map = TileMap<kLines, Operand::kDepthFastest>;
  using Place = typename View::Place;

 public:
  using Tile = float[kTileDepth][kLines + kPad];

  // Past the last line the first one is read again: what becomes of it is not stored.
  __device__ TileLoader(const View& view, const Place& place, int first_line, int line_count) {
#pragma unroll
    for (int i = 0; i < Map::kHeldLines; ++i) {
      const int index = first_line + Map::line(i);
      lines_[i] = Operand::line(view, place, index < line_count ? index : 0);
    }
  }

  __device__ void fetch(const View& view, const Place& place, int first_depth) {
#pragma unroll
    for (int i = 0; i < Map::kLoads; ++i) {
      const int held = Operand::kDepthFastest ? i : 0, depth = first_depth + Map::depth(i);
      staged_[i] = depth < place.depth_end
                       ? load(view, place, lines_[held], view.decode(place, depth))
                       : 0.0f;
    }
  }

  __device__ void store(Tile& tile) const {
#pragma unroll
    for (int i = 0; i < Map::kLoads; ++i) tile[Map::depth(i)][Map::line(i)] = staged_[i];
  }

 private:
  __device__ static float load(const View& view, const Place& place,
                               const typename Operand::Line& line,
                               const typename View::Depth& depth) {
    const int at = Operand::offset(view, place, line, depth);
    if (at < 0) return 0.0f;
    const float value = Operand::data(view, place)[at];
    if constexpr (!IsNormalised<Operand>)
      return value;
    else
      return view.normaliser(view.normaliser.channel(Operand::channel(view, place, line, depth)),
                             value);
  }

  typename Operand::Line lines_[Map::kHeldLines];
  float staged_[Map::kLoads];
};

// The first `count` of 4 neighbours of a row, or all 4 in one instruction where `vector` says that they are
// 16 aligned bytes.
__device__ inline void load_quad(const float* from, bool vector, int count, float (&to)[4]) {
  if (vector) {
    const float4 quad = *reinterpret_cast<const float4*>(from);
    to[0] = quad.x, to[1] = quad.y, to[2] = quad.z, to[3] = quad.w;
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    if (e < count) to[e] = load_read_only(from + e);
  }
}
__device__ inline void store_quad(float* to, bool vector, int count, const float (&from)[4]) {
  if (vector) {
    *reinterpret_cast<float4*>(to) = make_float4(from[0], from[1], from[2], from[3]);
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    if (e < count) to[e] = from[e];
  }
}

// The outputs of one thread: kQuadRows x kQuadColumns quads of 4 x 4.
template <int kColumns>
struct Outputs {
  static constexpr int kQuadRows = kColumns >= 64 ? 2 : 1;
  static constexpr int kQuadColumns = kColumns >= 128 ? 2 : 1;
  static constexpr int kThreadColumns = kColumns / (4 * kQuadColumns);
  static constexpr int kThreadRows = kThreads / kThreadColumns;
  static_assert(kThreadRows * 4 * kQuadRows == kTileRows);

  // Row and column in the tile of element i of this thread, i < 4 * kQuadRows or kQuadColumns.
  __device__ static int row(int i) {
    const int thread = static_cast<int>(threadIdx.x) / kThreadColumns;
    return i / 4 * (4 * kThreadRows) + thread * 4 + i % 4;
  }
  __device__ static int column(int i) {
    const int thread = static_cast<int>(threadIdx.x) % kThreadColumns;
    return i / 4 * (4 * kThreadColumns) + thread * 4 + i % 4;
  }

  float sum[4 * kQuadRows][4 * kQuadColumns];

  // Adds the product of two shared tiles.
  template <class TileA, class TileB>
  __device__ void accumulate(const TileA& a, const TileB& b) {
#pragma unroll
    for (int depth = 0; depth < kTileDepth; ++depth) {
      float rows[kQuadRows][4], columns[kQuadColumns][4];
#pragma unroll
      for (int i = 0; i < 4 * kQuadRows; i += 4) load_quad(&a[depth][row(i)], true, 4, rows[i / 4]);
#pragma unroll
      for (int j = 0; j < 4 * kQuadColumns; j += 4)
        load_quad(&b[depth][column(j)], true, 4, columns[j / 4]);
#pragma unroll
      for (int i = 0; i < 4 * kQuadRows; ++i) {
#pragma unroll
        for (int j = 0; j < 4 * kQuadColumns; ++j) {
          sum[i][j] = fmaf(rows[i / 4][i % 4], columns[j / 4][j % 4], sum[i][j]);
        }
      }
    }
  }
};

// The same as columns for write_column_moments() and write_column_sums(), of whose rows the first
// `rows` exist.
template <int kColumns>
struct OutputColumns {
  using Held = Outputs<kColumns>;
  static constexpr int kSlots = 4 * Held::kQuadColumns;

  const Held& held;
  int rows, part;

  __device__ OutputColumns(const Held& outputs, int tile_rows)
      : held(outputs), rows(tile_rows), part(static_cast<int>(threadIdx.x) / 32) {}

  __device__ static int column(int slot) { return Held::column(slot); }

  template <class G>
  __device__ float sum(int slot, G g) const {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 4 * Held::kQuadRows; ++i) {
      if (Held::row(i) < rows) sum += g(held.sum[i][slot]);
    }
    return sum;
  }

  template <class G>
  __device__ void each(int slot, G g) const {
#pragma unroll
    for (int i = 0; i < 4 * Held::kQuadRows; ++i) {
      if (Held::row(i) < rows) g(Held::row(i), held.sum[i][slot]);
    }
  }

  // The rows of threads that a warp has above each other.
  template <class F>
  __device__ static void combine(float (&values)[kSlots], F f) {
#pragma unroll
    for (int slot = 0; slot < kSlots; ++slot) {
#pragma unroll
      for (int lane = Held::kThreadColumns; lane < 32; lane *= 2) {
        values[slot] += __shfl_xor_sync(kWholeWarp, values[slot], lane);
      }
      if (static_cast<int>(threadIdx.x) % 32 < Held::kThreadColumns) f(column(slot), values[slot]);
    }
  }
};

// Finishes what a thread holds and writes it, 16 bytes at once where rows allow that.
template <class View, int kColumns>
__device__ void store_outputs(const View& view, const typename View::Place& place,
                              Outputs<kColumns>& out) {
  using Own = Outputs<kColumns>;
#pragma unroll
  for (int i = 0; i < 4 * Own::kQuadRows; ++i) {
    const int row = place.first_row + Own::row(i);
    if (row >= place.rows) continue;
    float* const to = view.output(place, row);
    const float *z = nullptr, *kept = nullptr;
    if constexpr (HasResidual<View>) z = view.residual(place, row);
    if constexpr (HasGate<View>) kept = view.kept(place, row);
#pragma unroll
    for (int j = 0; j < 4 * Own::kQuadColumns; j += 4) {
      const int column = place.first_column + Own::column(j);
      const int count = place.columns - column;
      if (count <= 0) continue;
      float quad[4] = {}, x[4] = {};
      if (z != nullptr) load_quad(z + column, view.vector_store, count, quad);
      if (kept != nullptr) load_quad(kept + column, view.vector_store, count, x);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float& sum = out.sum[i][j + e];
        sum = finish_sum(view, place, min(column + e, place.columns - 1), sum, quad[e]);
        if constexpr (HasGate<View>) {
          if (kept != nullptr) sum = view.gate(x[e], sum);
        }
        quad[e] = sum;
      }
      store_quad(to + column, view.vector_store, count, quad);
    }
  }
}

// Writes a tile's sums for a batch norm in front, whose input is read where dx was stored.
template <class View, int kColumns>
__device__ void write_sums(const View& view, const typename View::Place& place,
                           const Outputs<kColumns>& out,
                           MomentScratch<kThreads / 32, kColumns>& scratch) {
  const MomentTarget target = view.sum_target(place);
  const OutputColumns<kColumns> own(out, target.rows);
  float sums[own.kSlots] = {}, products[own.kSlots] = {};
#pragma unroll
  for (int slot = 0; slot < own.kSlots; ++slot) {
    const int column = place.first_column + own.column(slot);
    if (column >= place.columns) continue;
    const auto channel = view.norm.channel(view.channel(place, column));
    own.each(slot, [&](int row, float dx) {
      const float z = load_read_only(view.z(place, place.first_row + row) + column);
      view.norm.add(channel, z, dx, sums[slot], products[slot]);
    });
  }
  write_column_sums(scratch, own, sums, products, target, static_cast<int>(threadIdx.x), kThreads,
                    [] { __syncthreads(); });
}

// An SM: what the registers leave room for, without a spill. Lines that are more than an offset take some.
template <class View, int kColumns>
constexpr int kMinBlocks = kColumns == 128                                ? 1
                           : kColumns == 64                               ? 2
                           : sizeof(typename View::A::Line) > sizeof(int) ? 2
                                                                          : 3;

template <class View, int kColumns>
__global__ void __launch_bounds__(kThreads, kMinBlocks<View, kColumns>) multiply(View view) {
  using LoaderA = TileLoader<View, typename View::A, kTileRows>;
  using LoaderB = TileLoader<View, typename View::B, kColumns>;
  VOLUTA_SHARED(float[2][kTileDepth][kTileRows + kPad], tiles_a);
  VOLUTA_SHARED(float[2][kTileDepth][kColumns + kPad], tiles_b);

  const auto place = view.template place<kTileRows, kColumns>(static_cast<int>(blockIdx.x));
  if (place.first_row >= place.rows) return;
  LoaderA a(view, place, place.first_row, place.rows);
  LoaderB b(view, place, place.first_column, place.columns);
  Outputs<kColumns> out = {};
  a.fetch(view, place, place.depth_begin);
  b.fetch(view, place, place.depth_begin);
  a.store(tiles_a[0]);
  b.store(tiles_b[0]);
  __syncthreads();

  int stage = 0;
  for (int depth = place.depth_begin; depth < place.depth_end; depth += kTileDepth, stage ^= 1) {
    const bool more = depth + kTileDepth < place.depth_end;
    if (more) {
      a.fetch(view, place, depth + kTileDepth);
      b.fetch(view, place, depth + kTileDepth);
    }
    out.accumulate(tiles_a[stage], tiles_b[stage]);
    if (more) {  // the other stage was last read before the previous barrier
      a.store(tiles_a[stage ^ 1]);
      b.store(tiles_b[stage ^ 1]);
    }
    __syncthreads();
  }

  store_outputs(view, place, out);
  using Scratch = MomentScratch<kThreads / 32, kColumns>;
  static_assert(sizeof(Scratch) <= sizeof(tiles_a));
  auto& scratch = *reinterpret_cast<Scratch*>(tiles_a);
  if constexpr (HasMoments<View>) {
    if (view.moments == nullptr) return;
    const MomentTarget target = view.moment_target(place);
    write_column_moments(scratch, OutputColumns<kColumns>(out, target.rows), target,
                         static_cast<int>(threadIdx.x), kThreads, [] { __syncthreads(); });
  } else if constexpr (HasSums<View>) {
    if (view.norm.z != nullptr) write_sums(view, place, out, scratch);
  }
}

template <class View>
void launch_multiply(Stream& stream, const char* name, const View& view, TileSize tile) {
  const LaunchShape shape = {.grid = {static_cast<unsigned>(view.grid.blocks()), 1, 1},
                             .block = {kThreads, 1, 1}};
  switch (tile.columns) {
    case 128:
      return launch(stream, name, shape, multiply<View, 128>, view);
    case 64:
      return launch(stream, name, shape, multiply<View, 64>, view);
    default:
      return launch(stream, name, shape, multiply<View, 32>, view);
  }
}

// The limits of the kernels of this room, and that the three extents of the product fit an int.
inline Support supports(const Problem& problem) {
  const Support support = supports_conv2d_kernel(problem);
  return support.ok ? supports_conv2d_product(problem) : support;
}

// Whether a problem has a prologue as a constant: f.operator()<kPrologue>().
template <class F>
Execution dispatch_prologue(const Problem& problem, F&& f) {
  return conv2d_normaliser(problem) == 0 ? f.template operator()<false>()
                                         : f.template operator()<true>();
}

}  // namespace voluta::implicit_gemm
