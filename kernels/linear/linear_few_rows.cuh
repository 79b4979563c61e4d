#pragma once

// What the engines "few_rows" share: products of at most 16 rows with all the weights of a layer
// (skinny GEMM; of one row, GEMV). The weights are the traffic: each is read once, in 16-byte loads
// that follow one another across a warp, and multiplied by all rows in registers.
//
// Note [When few rows pay]
// Counted for an H200: memory brings 4.8 TB/s, and 132 SMs x 128 lanes x 1.7 GHz issue 28.7 T
// instructions a second, 6 in the time of a byte. A weight of b bytes takes i instructions: a multiply-add
// a row, and in 16 bits what unpacks it and its operands. So it takes max(b, i / 6) byte times. Tensor
// cores multiply in no time, and where their tiles are few for a chip they share the depth
// (kernels/conv2d/conv2d_split_k.h), at the price of a second kernel: b. So few rows pay where i <= 6 b: in
// f32 always; in 16 bits up to 9 rows (of the input gradient 8).
// (f32 without tf32 has no tensor cores; its tiles multiply 32 rows at the least, whatever N is.)

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/linear/linear_engines.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/pack.cuh>
#include <voluta/kernels/common/partial_sums.cuh>

#include <algorithm>
#include <utility>

namespace voluta::linear::few_rows {

constexpr int kMaxRows = 16, kWarps = 8, kBlock = 32 * kWarps;
// Two on each of 132 SMs, at once. A long sum is split where there are fewer (split-K), by the extents
// alone, so that its order is the same on every chip.
constexpr int64_t kBlocksOfAChip = 264;

// Weights a lane loads at once where rows of them are whole chunks: 16 bytes, or what 64 registers hold
// the sums of, one a weight and row.
template <class T, int kRows>
inline constexpr int kChunk = std::min(kVector<T>, 64 / kRows);

// f<kRows>() with the least width that holds the rows.
template <class F>
decltype(auto) dispatch_rows(int64_t rows, F&& f) {
  if (rows <= 1) return f.template operator()<1>();
  if (rows <= 2) return f.template operator()<2>();
  if (rows <= 4) return f.template operator()<4>();
  if (rows <= 8) return f.template operator()<8>();
  return f.template operator()<kMaxRows>();
}

// Parts that a sum of `steps` is split into: what fills the chip, a step each at the least.
inline int count_splits(int64_t blocks, int64_t steps) {
  return static_cast<int>(
      std::clamp<int64_t>(kBlocksOfAChip / blocks, 1, std::max<int64_t>(steps, 1)));
}

// The part of [0, extent) that is block row blockIdx.y's: whole units of kUnit, but for the last.
struct Range {
  unsigned begin, end;
};
template <unsigned kUnit>
__device__ inline Range own_range(unsigned extent) {
  const uint64_t units = (extent + kUnit - 1) / kUnit, part = blockIdx.y;
  return {static_cast<unsigned>(units * part / gridDim.y * kUnit),
          min(static_cast<unsigned>(units * (part + 1) / gridDim.y * kUnit), extent)};
}

// Of Linear and of LinearInputGradient alike: their first input has the rows.
inline Support supports(const Problem& problem) {
  if (problem.inputs[0].shape[0] > kMaxRows) return Support::no("more than 16 rows");
  return supports_int32(problem);
}

// Whether a kernel that takes so many instructions a weight pays. See Note [When few rows pay].
inline bool pays_at(int64_t instructions, const Problem& problem) {
  constexpr int64_t kInstructionsAByte = 6;
  return instructions <=
         kInstructionsAByte * static_cast<int64_t>(size_of(problem.inputs[1].dtype));
}

}  // namespace voluta::linear::few_rows
