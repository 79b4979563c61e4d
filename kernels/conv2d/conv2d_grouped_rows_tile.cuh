#pragma once

// How a warp of "grouped_rows_mma" multiplies: the tiles of the kernels of conv2d_grouped_rows_mma.cuh, what
// lies in their shared memory, and the products of the windows there with the filters.
//
// A warp multiplies 64 pixels by the 8 columns of a fragment, or by all fragments of a group, over the depth
// r, s, c' of that group alone:
//
//     pieces of a window                            a step of 16 of depth
//     r 0 | s 0 | s 1 | s 2 |                       octets: 2 pieces of 8 channels, each a row of ldmatrix
//     r 1 | s 0 | s 1 | s 2 |                       quads:  4 pieces of 4 channels, 8 bytes a lane
//     r 2 | s 0 | s 1 | s 2 |
//
// Where a group has 4 output channels, a fragment has two groups' filters. It is multiplied with the windows
// of either, and a lane keeps the sums of its own columns' group: those of the other are not wanted, but
// never added to anything. No element is multiplied with a zero that is not the picture's padding.

#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/mma_tile.cuh>
#include <voluta/kernels/conv2d/conv2d_rows_ring.cuh>

#include <algorithm>

namespace voluta::grouped_rows_mma {

using mma_product::WarpProduct;

constexpr int kFilterPad = 8;   // elements: the 8 filters x 4 pairs that lanes read lie in 32 banks
constexpr int kStepDepth = 16;  // of an mma

// Tiles of kColumns outputs of groups of kGroupK channels, whose input comes in whole octets of 8 channels
// or in quads of 4.
template <int kGroupK_, int kColumns_, bool kOctets_>
struct Shape {
  static constexpr int kGroupK = kGroupK_, kPiece = kOctets_ ? 8 : 4;
  static constexpr bool kOctets = kOctets_;
  static constexpr int kRows = 128, kColumns = kColumns_;
  static constexpr int kWarpRows = 64, kWarpColumns = kColumns / 2;
  static constexpr int kSharedBytes = kRows * kColumns * 2;
  static constexpr int kBlocks = kColumns == 32 ? 3 : 2;  // on a multiprocessor, without a spill
  static constexpr int kStepPieces = kStepDepth / kPiece;
  static constexpr int kSharing = kGroupK < 8 ? 8 / kGroupK : 1;  // groups that share a fragment
  // Fragments of a group in a warp.
  static constexpr int kJoint = kGroupK < 8 ? 1 : std::min(kGroupK, kWarpColumns) / 8;
};

// A piece of the depth: where it lies from the first of a window, in bytes, and from the first of a filter,
// in elements; negative: it is there to fill a step, with zeros on both sides.
struct Piece {
  int window, filter;
};

// Places in shared memory, in bytes, and the extents behind them. Each row of the filter begins with a step
// of its own where that takes no more steps: no two lanes then meet in a bank.
struct Layout {
  int run, depth;  // of a row of a filter; of the whole
  int filters_at, pieces_at, first_at, zeros_at, ring_at, bytes;
  RowsRing ring;

  // `bytes` are those without the ring.
  template <class Shape>
  static Layout without_ring(const Conv2dGeometry& g, Shape) {
    const auto whole_steps = [](int64_t depth) {
      return (depth + kStepDepth - 1) / kStepDepth * kStepDepth;
    };
    const int64_t exact = g.s * g.group_c, padded = whole_steps(exact);
    const bool own_steps = g.r * padded <= whole_steps(g.r * exact);
    Layout at = {};
    at.run = static_cast<int>(own_steps ? padded : exact);
    at.depth = static_cast<int>(whole_steps(int64_t{g.r} * at.run));
    at.filters_at = Shape::kSharedBytes;
    at.pieces_at = at.filters_at + Shape::kColumns * (at.depth + kFilterPad) * 2;
    at.first_at = at.pieces_at + at.depth / Shape::kPiece * static_cast<int>(sizeof(Piece));
    at.zeros_at = at.first_at + Shape::kRows * static_cast<int>(sizeof(int));
    at.ring_at = at.zeros_at + RowsRing::kChunkBytes;
    at.ring_at = (at.ring_at + 15) / 16 * 16;
    at.bytes = at.ring_at;
    return at;
  }
};

// The block's shared memory.
struct Memory {
  unsigned char *outputs, *filters, *zeros, *ring;  // filters [kColumns, depth + 8]
  Piece* pieces;                                    // [depth / kPiece]
  int* first;                                       // [128], bytes from `ring`

  __device__ Memory(unsigned char* shared, const Layout& at)
      : outputs(shared),
        filters(shared + at.filters_at),
        zeros(shared + at.zeros_at),
        ring(shared + at.ring_at),
        pieces(reinterpret_cast<Piece*>(shared + at.pieces_at)),
        first(reinterpret_cast<int*>(shared + at.first_at)) {}
};

// The windows of a fragment's pixels, of which a lane reads its share.
template <class Shape>
struct Windows {
  const unsigned char* first[Shape::kOctets ? 1 : 2];

  __device__ Windows(const Memory& memory, int first_row) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    if constexpr (Shape::kOctets) {
      first[0] = memory.ring + memory.first[first_row + lane % 16];
    } else {
      first[0] = memory.ring + memory.first[first_row + lane / 4];
      first[1] = memory.ring + memory.first[first_row + lane / 4 + 8];
    }
  }

  // Which piece of a step a lane reads.
  __device__ static int lane_piece() {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    return Shape::kOctets ? lane / 16 : lane % 4;
  }

  // Operand A: of the lane's piece at `offset`, negative: zeros.
  __device__ void load(const Memory& memory, int offset, uint32_t (&a)[4]) const {
    if constexpr (Shape::kOctets) {
      load_matrices(a, offset < 0 ? memory.zeros : first[0] + offset);
    } else {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const auto* from = offset < 0 ? memory.zeros : first[half] + offset;
        const auto quad = *reinterpret_cast<const PackedPairs<2>*>(from);
        a[half] = quad.pair[0];
        a[half + 2] = quad.pair[1];
      }
    }
  }
};

// The sums of `kJoint` fragments from `column` of the slab on, `fragment` of the warp's.
template <class T, class Shape, int kFragment, class Product>
__device__ void multiply_group(const Memory& memory, const Layout& at, int group_c, int column,
                               const Windows<Shape> (&windows)[Product::kRowFragments],
                               Product& product) {
  const int lane = static_cast<int>(threadIdx.x) % 32, t = lane % 4;
  const int pitch = (at.depth + kFilterPad) / 2;  // words
  const int group = column / Shape::kGroupK * group_c * 2;
  const auto* filter =
      reinterpret_cast<const uint32_t*>(memory.filters) + (column + lane / 4) * pitch + t;
  const Piece* piece = memory.pieces + Windows<Shape>::lane_piece();
  float sums[Shape::kSharing][Product::kRowFragments][Shape::kJoint][4] = {};
  for (int step = 0; step < at.depth / kStepDepth; ++step) {
    const int window = piece[step * Shape::kStepPieces].window;
    uint32_t b[Shape::kJoint][2];
#pragma unroll
    for (int j = 0; j < Shape::kJoint; ++j) {
      b[j][0] = filter[j * 8 * pitch + step * 8];
      b[j][1] = filter[j * 8 * pitch + step * 8 + 4];
    }
#pragma unroll
    for (int i = 0; i < Product::kRowFragments; ++i) {
#pragma unroll
      for (int of = 0; of < Shape::kSharing; ++of) {
        uint32_t a[4];
        windows[i].load(memory, window < 0 ? window : window + group + of * group_c * 2, a);
#pragma unroll
        for (int j = 0; j < Shape::kJoint; ++j) mma_product::multiply<T>(sums[of][i][j], a, b[j]);
      }
    }
  }
  const int own = Shape::kSharing > 1 ? 2 * t / Shape::kGroupK : 0;
#pragma unroll
  for (int i = 0; i < Product::kRowFragments; ++i) {
#pragma unroll
    for (int j = 0; j < Shape::kJoint; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float sum = sums[0][i][j][e];
#pragma unroll
        for (int of = 1; of < Shape::kSharing; ++of) sum = own == of ? sums[of][i][j][e] : sum;
        product.sum[i][kFragment + j][e] = sum;
      }
    }
  }
}

// `columns` of the slab exist.
template <class T, class Shape, class Product>
__device__ void multiply_windows(const Memory& memory, const Layout& at, int group_c, int columns,
                                 Product& product) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int row = warp / 2 * Shape::kWarpRows, column = warp % 2 * Shape::kWarpColumns;
  const Windows<Shape> windows[] = {
      {memory, row}, {memory, row + 16}, {memory, row + 32}, {memory, row + 48}};
  auto part = [&]<int kFragment>() {
    if (column + kFragment * 8 >= columns) return;
    multiply_group<T, Shape, kFragment>(memory, at, group_c, column + kFragment * 8, windows,
                                        product);
  };
  part.template operator()<0>();
  if constexpr (Shape::kJoint < Product::kColumnFragments) part.template operator()<1>();
}

}  // namespace voluta::grouped_rows_mma
