// conv2d_filter_gradient, algorithms "implicit_gemm_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data,
// tf32 products): the unrolled input transposed, times dy. Both operands lie in memory pixel by pixel;
// wgmma takes 16 bits so, and f32 is transposed in shared memory (conv2d_tma_wgmma_transpose.cuh). The
// sum over N*P*Q is long and the result small, so the depth is cut into parts (split_k::parts); a second kernel
// adds them in the order of their number and rounds. A single part is rounded and stored as the result.
//   dw[k,r,s,c] = sum_{n,p,q} x[n, p*u-top+r*l, q*v-left+s*m, c] * dy[n,p,q,k]
//                 of xhat for x where there is a prologue: conv2d_tma_wgmma_prologue.cuh
//   rows taps (r, s), in each the channels of the group by 64; columns K, group by group; depth N*P*Q by 64,
//          of f32 by 32
//
//                      filters k
//                 +----------------+
//   tap 0, c 0-63 |  warpgroup 0   |    a tile: two blocks of 64 channels, each gathered by a copy of its own,
//     c 64-127    |  warpgroup 1   |    by as many filters as there are, 256 at most. Two blocks of a cluster
//   tap 1, c 0-63 +----------------+    share dy, half of a step's pixels each
//
//   grid   a block an SM, in clusters of two where cluster_blocks() says so; block, tiles, smem: conv2d_tma_wgmma.cuh
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   workspace parts f32 [splits, K, R*S*C/G]; none of a single one
//   limits C and K multiples of 8, of f32 of 4, in several groups those of each of 64; see
//          tma_wgmma::within_limits. A prologue of 16 bits, in front of 1 x 1 filters without padding, its
//          normaliser at a multiple of 16 bytes
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_groups.cuh>

namespace voluta {
namespace {

using namespace tma_wgmma;

// 64 rows of the result: channels first_c, ... of the group, of one tap.
struct RowBlock {
  int tap_h, tap_w;     // r*l, s*m
  int first_c, offset;  // offset of dw[k,r,s,first_c] among the R*S*C/G of a filter
};

// 64 lines of an operand, by 128 bytes a copy.
template <class T>
constexpr int kCopies = kBlockLines / kRowElements<T>;
template <class T>
constexpr int kCopyBytes = kBlockBytes / kCopies<T>;

template <class T, int kColumns_, bool kPrologue_, int kCluster_>
struct FilterGradientView {
  using Element = T;
  static constexpr int kColumns = kColumns_, kCluster = kCluster_;
  static constexpr bool kPrologue = kPrologue_;
  static_assert(sizeof(T) == 2 || !kPrologue);
  static constexpr Stored kA = Stored::kDepthByDepth, kB = Stored::kDepthByDepth;
  static constexpr int kShare = kDepth<T> / kCluster;  // pixels
  static constexpr int kRowBlocks = kRows / kBlockLines;

  float* parts;           // [splits, K, R*S*C/G]; a single one of f32 is dw
  T* dw;                  // [K, R*S*C/G], in place of a single part of 16 bits; else nullptr
  Normaliser normaliser;  // with a prologue
  Conv2dKernelGeometry g;
  GroupTiles<kColumns> column_tiles;
  FastDivisor by_row_tiles, by_blocks, by_s, by_q, by_p;
  int row_blocks, filter_length;  // of a group; R*S*C/G
  int depth_steps, steps_per_split, tiles;

  // Tiles of one split follow each other: they share the pixels.
  struct Tile {
    int split, first_block;
    GroupRange columns;
    __device__ int first_channel(const Conv2dKernelGeometry& g) const {
      return columns.group * g.group_c;
    }
  };
  __device__ Tile tile(int index) const {
    const int row = by_row_tiles.take_remainder(index);
    const GroupRange columns = column_tiles.take(index);
    return {index, (row * kCluster + rank_of_block<kCluster>()) * kRowBlocks, columns};
  }
  __device__ bool exists(const Tile& tile) const { return tile.first_block < row_blocks; }
  int splits() const { return (depth_steps + steps_per_split - 1) / steps_per_split; }
  bool is_whole() const { return splits() == 1; }
  void store_to(T* result, float* workspace) {
    parts = workspace;
    if (!is_whole()) return;
    if constexpr (std::is_same_v<T, float>) {
      parts = result;
    } else {
      dw = result;
    }
  }
  __device__ int steps(const Tile& tile) const {
    return min(steps_per_split, depth_steps - tile.split * steps_per_split);
  }

  __device__ RowBlock row_block(int block) const {
    int r = block;
    const int c = by_blocks.take_remainder(r) * kBlockLines, s = by_s.take_remainder(r);
    return {r * g.l, s * g.m, c, (r * g.s + s) * g.group_c + c};
  }

  __device__ void normalise(const Tile& tile, int step, unsigned char* a, unsigned char*) const {
    const int pixel = (tile.split * steps_per_split + step) * kDepth<T>;
    const int rows = min(kDepth<T>, g.n * g.p * g.q - pixel);
#pragma unroll
    for (int i = 0; i < kRowBlocks; ++i) {
      if (tile.first_block + i >= row_blocks) break;
      normalise_rows<T>(normaliser, a + i * kBlockBytes, rows,
                        tile.first_channel(g) + row_block(tile.first_block + i).first_c,
                        kConsumers * kWarpgroup);
    }
  }

  class Copies {
   public:
    __device__ Copies(const FilterGradientView& view, const TensorMaps& maps, const Tile& tile)
        : view_(view),
          maps_(maps),
          tile_(tile),
          pixel_(tile.split * view.steps_per_split * kDepth<T>) {
#pragma unroll
      for (int i = 0; i < kRowBlocks; ++i) blocks_[i] = view.row_block(tile.first_block + i);
    }

    __device__ void issue(unsigned char* a, unsigned char* b, Mbarrier& full) {
      int n = pixel_;
      const int w = view_.by_q.take_remainder(n) * view_.g.v - view_.g.left;
      const int h = view_.by_p.take_remainder(n) * view_.g.u - view_.g.top;
#pragma unroll
      for (int i = 0; i < kRowBlocks; ++i) {
        // Past the last block: its channels are past C, and zeros.
        const RowBlock& block = blocks_[i];
        const bool present = tile_.first_block + i < view_.row_blocks;
        const int first_c = present ? tile_.first_channel(view_.g) + block.first_c : view_.g.c;
#pragma unroll
        for (int j = 0; j < kCopies<T>; ++j) {
          copy_im2col(a + i * kBlockBytes + j * kCopyBytes<T>, maps_.a[0], full,
                      first_c + j * kRowElements<T>, w, h, n, present ? block.tap_w : 0,
                      present ? block.tap_h : 0);
        }
      }
#pragma unroll
      for (int i = 0; i < held_columns(kColumns) / kRowElements<T>; ++i) {
        copy_box_to_all<kCluster>(b + i * kCopyBytes<T>, maps_.b, full,
                                  tile_.columns.first + i * kRowElements<T>,
                                  pixel_ + first_of_share<FilterGradientView>(), 0);
      }
      pixel_ += kDepth<T>;
    }

   private:
    const FilterGradientView& view_;
    const TensorMaps& maps_;
    Tile tile_;
    int pixel_;  // the step's first, of N*P*Q
    RowBlock blocks_[kRowBlocks];
  };

  template <int kSums>
  __device__ void store(const Tile& tile, int warp_rows, const float (&sums)[kSums],
                        unsigned char* staging) const {
    const int index = tile.first_block + warp_rows / kBlockLines;
    if (index >= row_blocks) return;
    const RowBlock block = row_block(index);
    if constexpr (sizeof(T) == 2) {
      if (dw != nullptr) return store_whole(tile, block, warp_rows % kBlockLines, sums, staging);
    }
    store_part(tile, block, warp_rows % kBlockLines, sums);
  }

 private:
  // A single part, rounded; `first` is the warp's first row of the block.
  template <int kSums>
  __device__ void store_whole(const Tile& tile, const RowBlock& block, int first,
                              const float (&sums)[kSums], unsigned char* staging) const {
    const int rows = g.group_c - block.first_c - first;
    if (rows <= 0) return;
    T* to = dw + int64_t{tile.columns.first} * filter_length + block.offset + first;
    int columns = tile.columns.end - tile.columns.first;
#pragma unroll
    for (int i = 0; i < kSums; i += kBlockLines / 2) {
      if (columns <= 0) break;
      store_columns(staging, to, filter_length, columns, rows, sums, i);
      to += int64_t{kBlockLines} * filter_length;
      columns -= kBlockLines;
    }
  }

  // Straight from the registers: of a filter eight lanes write 32 neighbouring bytes.
  template <int kSums>
  __device__ void store_part(const Tile& tile, const RowBlock& block, int first,
                             const float (&sums)[kSums]) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first + lane / 4 + half * 8;
      if (block.first_c + row >= g.group_c) continue;
      const int first_k = tile.columns.first + lane % 4 * 2;
      float* to =
          parts + (int64_t{tile.split} * g.k + first_k) * filter_length + block.offset + row;
#pragma unroll
      for (int j = 0; j < kSums / 4; ++j, to += 8 * filter_length) {
        if (first_k + 8 * j >= tile.columns.end) break;
        to[0] = sums[4 * j + 2 * half];
        to[filter_length] = sums[4 * j + 2 * half + 1];
      }
    }
  }
};

// 64 channels, or what is left of a group, of each tap.
int blocks_per_tap(const Conv2dGeometry& g) {
  return static_cast<int>((g.group_c + kBlockLines - 1) / kBlockLines);
}
int row_blocks(const Conv2dGeometry& g) {
  return static_cast<int>(g.r * g.s) * blocks_per_tap(g);
}

int64_t depth_steps(const Conv2dGeometry& g, int64_t depth) {
  return (g.n * g.p * g.q + depth - 1) / depth;
}

// Tiles and parts by counting, from the problem alone: results do not depend on the device.
split_k::Cut cut_of(const Problem& problem, const Conv2dGeometry& g) {
  const split_k::Product product = {
      .rows = int64_t{row_blocks(g)} * kBlockLines,
      .columns = g.group_k,
      .count = g.groups,
      .steps = depth_steps(g, steps_of(problem).elements),
      .whole_bytes = static_cast<int64_t>(size_of(problem.outputs[0].dtype))};
  return split_k::parts(product, low_gradient_tiles(problem));
}

// Parts make as many tiles as fit into rounds of a chip, which may leave some SMs without one: from three quarters
// on clusters share dy.
constexpr int kLeastTilesOfParts = 99;

template <class View>
View view_of(const Conv2dGeometry& g, int parts) {
  using T = typename View::Element;
  View view = {};
  view.g = kernel_geometry(g);
  view.row_blocks = row_blocks(g);
  view.filter_length = static_cast<int>(g.r * g.s * g.group_c);
  view.column_tiles = {g.groups, g.group_k};
  const int rows = row_tiles(int64_t{view.row_blocks} * kBlockLines, View::kCluster);
  view.by_row_tiles = FastDivisor(rows);
  view.by_blocks = FastDivisor(blocks_per_tap(g));
  view.by_s = FastDivisor(g.s);
  view.by_q = FastDivisor(g.q);
  view.by_p = FastDivisor(g.p);
  view.depth_steps = static_cast<int>(depth_steps(g, kDepth<T>));
  view.steps_per_split = (view.depth_steps + parts - 1) / parts;
  view.tiles = rows * view.column_tiles.count() * view.splits();
  return view;
}

template <class View>
Execution prepare_tiles(const Problem& problem, const Conv2dGeometry& g, int parts) {
  using T = typename View::Element;
  const View view = view_of<View>(g, parts);
  const TensorMapLayout x = im2col_map(kDTypeOf<T>, g.n, g.c, {-g.top, g.u, g.p, g.h},
                                       {-g.left, g.v, g.q, g.w}, kDepth<T>);
  const TensorMapLayout dy = matrix_map(kDTypeOf<T>, g.n * g.p * g.q, g.k, View::kShare);
  const int64_t elements = g.k * view.filter_length;
  const int64_t added = view.is_whole() ? 0 : view.splits();
  const auto parts_bytes = static_cast<std::size_t>(elements * added) * sizeof(float);
  return {parts_bytes, [view, dy, x, elements, prologue = PrologueBinder(problem)](const Args& args,
                                                                                   Stream& stream) {
            View bound = view;
            bound.normaliser = prologue.bind(args);
            bound.store_to(args.out<T>(0), static_cast<float*>(args.workspace));
            TensorMaps maps;
            maps.a[0] = tensor_map(stream, x, args.in<T>(0));
            maps.b = tensor_map(stream, dy, args.in<T>(1));
            launch_tiles(stream, "conv2d_filter_gradient_implicit_gemm_tma_wgmma", maps, bound);
            if (bound.is_whole()) return;
            launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", bound.parts,
                                    args.out<T>(0), elements, bound.splits());
          }};
}

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const split_k::Cut cut = cut_of(problem, g);
  return dispatch_tiles<false, 64, 96, 128, 160, 192, 256>(
      problem, cut.tile, [&]<class T, int kColumns, int kHeight>() {
        return dispatch_prologue<T, kColumns, kHeight>(problem, [&]<bool kPrologue>() {
          return dispatch_cluster<kColumns, kHeight>(
              [&](int cluster) {
                return row_tiles(int64_t{row_blocks(g)} * kBlockLines, cluster) *
                       GroupTiles<kColumns>(g.groups, g.group_k).count() * cut.splits;
              },
              [&]<int kCluster>() {
                using View = FilterGradientView<T, kColumns, kPrologue, kCluster>;
                return prepare_tiles<View>(problem, g, cut.splits);
              },
              kLeastTilesOfParts);
        });
      });
}

}  // namespace

const Engine kConv2dFilterGradientImplicitGemmTmaWgmma =
    tma_wgmma::half_engine<tma_wgmma::within_limits_of_pixels>(prepare);
const Engine kConv2dFilterGradientImplicitGemmTmaWgmmaTf32 =
    tma_wgmma::tf32_engine<tma_wgmma::within_limits_of_pixels>(prepare);

}  // namespace voluta
