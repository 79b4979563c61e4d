// conv2d_filter_gradient, algorithms "implicit_gemm_tma_wgmma" (bf16, f16) and "..._tf32" (f32 data,
// tf32 products): dy transposed times the unrolled input. Both operands lie in memory pixel by pixel;
// wgmma takes 16 bits so, and f32 is transposed in shared memory (conv2d_tma_wgmma_transpose.cuh). The
// sum over N*P*Q is long and the result small, so the depth is cut into parts (split_k::parts); a second kernel
// adds them in the order of their number and rounds.
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, c]
//                 of xhat for x where there is a prologue: conv2d_tma_wgmma_prologue.cuh
//   rows K, group by group; columns: taps (r, s), in each the channels of the group by 64; depth N*P*Q by 64,
//          of f32 by 32
//   grid   a block an SM; block, tiles, smem: conv2d_tma_wgmma.cuh
//   regs   168 at launch, then 232 for products and 40 for copies; no spills (sm_90a)
//   workspace parts f32 [splits, K, R*S*C/G]
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

// 64 columns of the result: channels first_c, ... of the group, of one tap.
struct ColumnBlock {
  int tap_h, tap_w;     // r*l, s*m
  int first_c, offset;  // offset of dw[k,r,s,first_c] in its row
};

// 64 lines of an operand, by 128 bytes a copy.
template <class T>
constexpr int kCopies = kBlockLines / kRowElements<T>;
template <class T>
constexpr int kCopyBytes = kBlockBytes / kCopies<T>;

template <class T, int kColumns_, bool kPrologue_>
struct FilterGradientView {
  using Element = T;
  static constexpr int kColumns = kColumns_;
  static constexpr bool kPrologue = kPrologue_;
  static constexpr Stored kA = Stored::kDepthByDepth, kB = Stored::kDepthByDepth;
  static constexpr int kColumnBlocks = kColumns / kBlockLines;

  float* parts;           // [splits, K, R*S*C/G]
  Normaliser normaliser;  // with a prologue
  Conv2dKernelGeometry g;
  GroupTiles<kRows> row_tiles;
  FastDivisor by_columns, by_blocks, by_s, by_q, by_p;
  int column_blocks, row_length;  // of all columns; R*S*C/G
  int depth_steps, steps_per_split, tiles;

  // Tiles of one split follow each other: they share the pixels.
  struct Tile {
    int split, first_block;
    GroupRange rows;
    __device__ int first_channel(const Conv2dKernelGeometry& g) const {
      return rows.group * g.group_c;
    }
  };
  __device__ Tile tile(int index) const {
    const int column = by_columns.take_remainder(index);
    const GroupRange rows = row_tiles.take(index);
    return {index, column * kColumnBlocks, rows};
  }
  __device__ int steps(const Tile& tile) const {
    return min(steps_per_split, depth_steps - tile.split * steps_per_split);
  }

  __device__ ColumnBlock column_block(int block) const {
    int r = block;
    const int c = by_blocks.take_remainder(r) * kBlockLines, s = by_s.take_remainder(r);
    return {r * g.l, s * g.m, c, (r * g.s + s) * g.group_c + c};
  }

  __device__ void normalise(const Tile& tile, int step, unsigned char*, unsigned char* b) const {
    const int pixel = (tile.split * steps_per_split + step) * kDepth<T>;
    const int rows = min(kDepth<T>, g.n * g.p * g.q - pixel);
#pragma unroll
    for (int i = 0; i < kColumnBlocks; ++i) {
      if (tile.first_block + i >= column_blocks) break;
      normalise_rows<T>(normaliser, b + i * kBlockBytes, rows,
                        tile.first_channel(g) + column_block(tile.first_block + i).first_c,
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
      for (int i = 0; i < kColumnBlocks; ++i) blocks_[i] = view.column_block(tile.first_block + i);
    }

    __device__ void issue(unsigned char* a, unsigned char* b, Mbarrier& full) {
#pragma unroll
      for (int i = 0; i < kConsumers * kCopies<T>; ++i) {
        copy_box(a + i * kCopyBytes<T>, maps_.a[0], full, tile_.rows.first + i * kRowElements<T>,
                 pixel_);
      }
      int n = pixel_;
      const int w = view_.by_q.take_remainder(n) * view_.g.v - view_.g.left;
      const int h = view_.by_p.take_remainder(n) * view_.g.u - view_.g.top;
#pragma unroll
      for (int i = 0; i < kColumnBlocks; ++i) {
        // Past the last block: its channels are past C, and zeros.
        const ColumnBlock& block = blocks_[i];
        const bool present = tile_.first_block + i < view_.column_blocks;
        const int first_c = present ? tile_.first_channel(view_.g) + block.first_c : view_.g.c;
#pragma unroll
        for (int j = 0; j < kCopies<T>; ++j) {
          copy_im2col(b + i * kBlockBytes + j * kCopyBytes<T>, maps_.b, full,
                      first_c + j * kRowElements<T>, w, h, n, present ? block.tap_w : 0,
                      present ? block.tap_h : 0);
        }
      }
      pixel_ += kDepth<T>;
    }

   private:
    const FilterGradientView& view_;
    const TensorMaps& maps_;
    Tile tile_;
    int pixel_;  // the step's first, of N*P*Q
    ColumnBlock blocks_[kColumnBlocks];
  };

  // Straight from the registers: four lanes write 32 neighbouring bytes.
  template <int kSums>
  __device__ void store(const Tile& tile, int warp_rows, const float (&sums)[kSums],
                        unsigned char*) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < kColumnBlocks; ++i) {
      if (tile.first_block + i >= column_blocks) continue;
      const ColumnBlock block = column_block(tile.first_block + i);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int k = tile.rows.first + warp_rows + lane / 4 + half * 8;
        if (k >= tile.rows.end) continue;
        float* row = parts + (int64_t{tile.split} * g.k + k) * row_length + block.offset;
#pragma unroll
        for (int j = 0; j < kBlockLines / 8; ++j) {
          const int column = 8 * j + lane % 4 * 2;
          if (block.first_c + column >= g.group_c) continue;
          const float* from = &sums[i * (kBlockLines / 2) + 4 * j + 2 * half];
          *reinterpret_cast<float2*>(row + column) = make_float2(from[0], from[1]);
        }
      }
    }
  }
};

// 64 channels, or what is left of a group, of each tap.
int blocks_per_tap(const Conv2dGeometry& g) {
  return static_cast<int>((g.group_c + kBlockLines - 1) / kBlockLines);
}

// Tiles and parts by counting, from the problem alone: results do not depend on the device.
split_k::Cut cut_of(const Problem& problem, const Conv2dGeometry& g) {
  const int64_t depth = steps_of(problem).elements;
  const split_k::Product product = {.rows = g.group_k,
                                    .columns = g.r * g.s * blocks_per_tap(g) * kBlockLines,
                                    .count = g.groups,
                                    .steps = (g.n * g.p * g.q + depth - 1) / depth};
  return split_k::parts(product, filter_gradient_tiles(problem));
}

template <class T, int kColumns, bool kPrologue>
Execution prepare_tiles(const Problem& problem, const Conv2dGeometry& g, int parts) {
  FilterGradientView<T, kColumns, kPrologue> view = {};
  view.g = kernel_geometry(g);
  view.column_blocks = static_cast<int>(g.r * g.s) * blocks_per_tap(g);
  view.row_length = static_cast<int>(g.r * g.s * g.group_c);
  const int columns = (view.column_blocks + view.kColumnBlocks - 1) / view.kColumnBlocks;
  view.row_tiles = {g.groups, g.group_k};
  view.by_columns = FastDivisor(columns);
  view.by_blocks = FastDivisor(blocks_per_tap(g));
  view.by_s = FastDivisor(g.s);
  view.by_q = FastDivisor(g.q);
  view.by_p = FastDivisor(g.p);
  view.depth_steps = static_cast<int>((g.n * g.p * g.q + kDepth<T> - 1) / kDepth<T>);
  view.steps_per_split = (view.depth_steps + parts - 1) / parts;
  const int splits = (view.depth_steps + view.steps_per_split - 1) / view.steps_per_split;
  view.tiles = columns * view.row_tiles.count() * splits;
  const TensorMapLayout dy = matrix_map(kDTypeOf<T>, g.n * g.p * g.q, g.k, kDepth<T>);
  const TensorMapLayout x = im2col_map(kDTypeOf<T>, g.n, g.c, {-g.top, g.u, g.p, g.h},
                                       {-g.left, g.v, g.q, g.w}, kDepth<T>);
  const int64_t elements = g.k * view.row_length;
  const auto parts_bytes = static_cast<std::size_t>(elements * splits) * sizeof(float);
  return {parts_bytes, [view, dy, x, elements, splits, prologue = PrologueBinder(problem)](
                           const Args& args, Stream& stream) {
            FilterGradientView<T, kColumns, kPrologue> bound = view;
            bound.normaliser = prologue.bind(args);
            bound.parts = static_cast<float*>(args.workspace);
            TensorMaps maps;
            maps.a[0] = tensor_map(stream, dy, args.in<T>(1));
            maps.b = tensor_map(stream, x, args.in<T>(0));
            launch_tiles(stream, "conv2d_filter_gradient_implicit_gemm_tma_wgmma", maps, bound);
            launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", bound.parts,
                                    args.out<T>(0), elements, splits);
          }};
}

Execution prepare(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const split_k::Cut cut = cut_of(problem, g);
  return dispatch_tiles<64, 128, 192, 256>(problem, cut.tile.columns, [&]<class T, int kColumns>() {
    return dispatch_prologue<T, kColumns>(problem, [&]<bool kPrologue>() {
      return prepare_tiles<T, kColumns, kPrologue>(problem, g, cut.splits);
    });
  });
}

}  // namespace

const Engine kConv2dFilterGradientImplicitGemmTmaWgmma =
    tma_wgmma::half_engine<tma_wgmma::within_limits_of_pixels>(prepare);
const Engine kConv2dFilterGradientImplicitGemmTmaWgmmaTf32 =
    tma_wgmma::tf32_engine<tma_wgmma::within_limits_of_pixels>(prepare);

}  // namespace voluta
