#pragma once

// Split-K: where a product of matrices has few tiles and much depth, each tile's depth is cut into
// parts that different blocks compute, in f32, and a second kernel adds them in the order of their
// number. A picture of 7 x 7 pixels and 512 filters are 8 tiles of 128 x 64 on a chip of 132 SMs.
//
//                 depth                       parts            results
//          +-------+-------+-------+
//   rows   |   0   |   1   |   2   |   ->   p0, p1, p2   ->   e(p0 + p1 + p2)
//          +-------+-------+-------+
//
// Whether that is faster is counted here, in cycles of an SM of an H200, from the extents alone: plans
// do not depend on the chip, and two runs agree bit for bit. The counts are compared with each
// other and taken for no time. None of the rates was measured.

#include <voluta/core/macros.h>
#include <voluta/kernels/common/tile_size.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>

#include <cstdint>
#include <span>

namespace voluta::split_k {

// A tile that a kernel has.
struct TileCost {
  TileSize tile;
  // Of a step of depth: of shared memory or of arithmetic, whichever takes longer.
  double step_cycles;
};

// Matrices of one size, e.g. a convolution's groups.
struct Product {
  int64_t rows, columns, count, steps;  // steps of depth
  int64_t whole_bytes = 4;  // of an element that is stored without parts; one of a part is f32
};

// How a kernel goes through the depth, taps and in each the channels: so many elements a step. By tap: a
// step has channels of one tap alone.
struct Steps {
  int elements;
  bool by_tap;
};

// The products of a problem. The phases of a strided input gradient (conv2d_phases.cuh) differ in depth;
// counted is what they have on average.
Product forward_product(const Problem& problem, const Steps& steps);
Product input_gradient_product(const Problem& problem, const Steps& steps);

// How a product is computed: in such tiles, the depth of each in `splits` parts.
struct Cut {
  TileSize tile;
  int splits = 1;
  double cycles = 0;
};

// Of a product in such tiles, the depth of each in so many parts, and of another kernel that moves so many
// bytes.
double cycles(const Product& product, const TileCost& tile, int64_t splits);
double kernel_cycles(double bytes);

// With one part a tile, and with several; the latter needs kLeastSteps * 2 steps.
Cut whole(const Product& product, std::span<const TileCost> tiles);
Cut split(const Product& product, std::span<const TileCost> tiles);
// With one part or more, kMostSumParts of kLeastSumSteps steps at most: the long sums of filter gradients. The fewest
// parts that take hardly more cycles than the best number, as parts take memory.
Cut parts(const Product& product, std::span<const TileCost> tiles);
// The fewer cycles of both whole() and split().
double least_cycles(const Product& product, std::span<const TileCost> tiles);

// Steps of a part at least: fewer do not hide the way of the first one.
inline constexpr int64_t kLeastSteps = 4;
inline constexpr int64_t kLeastSumSteps = 8, kMostSumParts = 264;

// What an engine that splits says of a product, and whether it beats the same kernel without parts
// clearly.
Support supports(const Product& product);
bool pays(const Product& product, std::span<const TileCost> tiles);

// What an engine that splits is: its products, how its kernel goes through them, the tiles that has.
template <Product (*kProduct)(const Problem&, const Steps&), Steps (*kSteps)(const Problem&),
          std::span<const TileCost> (*kTiles)(const Problem&)>
struct Splitting {
  static Product product(const Problem& problem) { return kProduct(problem, kSteps(problem)); }
  static Cut cut(const Problem& problem) { return split(product(problem), kTiles(problem)); }
  static bool pays(const Problem& problem) {
    return split_k::pays(product(problem), kTiles(problem));
  }
  // kLimits: of its kernel.
  template <Support (*kLimits)(const Problem&)>
  static Support supports(const Problem& problem) {
    if (Support limits = kLimits(problem); !limits.ok) return limits;
    return split_k::supports(product(problem));
  }
  static constexpr Engine paying(Engine engine) {
    engine.pays = pays;
    return engine;
  }
};

// The first of `steps` steps that part `part` of `splits` computes; that of the next one ends it.
VOLUTA_HOST_DEVICE inline int first_step(int steps, int part, int splits) {
  return static_cast<int>(int64_t{steps} * part / splits);
}

}  // namespace voluta::split_k
