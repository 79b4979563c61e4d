// wgmma against plain loops, in all ways in which its operands may be stored, and the faults that its
// model must show.

#include "simt_test.h"

#include <voluta/core/dtype.h>
#include <voluta/kernels/common/wgmma.cuh>

#include <cmath>
#include <random>

namespace voluta::simt {
namespace {

constexpr int kRows = 64, kBytes = kSwizzledRowBytes;

// Element [line, k] of an operand in shared memory, by the picture of core/device/tensor_map.h: rows
// of 128 bytes, chunk j of row r at j ^ (r % 8). Line by line: a row is a line. Depth by depth: a
// row is 64 lines at one k; blocks of 64 lines follow each other, `depth` rows each.
template <class T>
std::size_t place(int line, int k, int depth, bool depth_by_depth) {
  constexpr int kPerRow = kBytes / static_cast<int>(sizeof(T)),
                kPerChunk = 16 / static_cast<int>(sizeof(T));
  const int row = depth_by_depth ? line / kPerRow * depth + k : line;
  const int in_row = depth_by_depth ? line % kPerRow : k;
  const int chunk = in_row / kPerChunk ^ row % 8;
  return static_cast<std::size_t>(row * kPerRow + chunk * kPerChunk + in_row % kPerChunk);
}

enum class Fault { kNone, kReadBeforeWait, kOverwriteBeforeWait };

// d = a b over `depth`, then d += a b again; a [64, depth], b [depth, kColumns], prepared as images.
template <class T, Stored kA, Stored kB, int kColumns>
__global__ void product(const T* a_image, int a_count, const T* b_image, int b_count, int depth,
                        Fault fault, float* d) {
  VOLUTA_DYNAMIC_SHARED(T, memory);
  T* b = memory +
         (a_count * static_cast<int>(sizeof(T)) + 1023) / 1024 * 1024 / static_cast<int>(sizeof(T));
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < a_count; i += 128) memory[i] = a_image[i];
  for (int i = thread; i < b_count; i += 128) b[i] = b_image[i];
  __syncthreads();
  constexpr int kStepDepth = kWgmmaStepBytes / static_cast<int>(sizeof(T));
  const int step_a = kA == Stored::kLineByLine ? kWgmmaStepBytes : kStepDepth * kBytes;
  const int step_b = kB == Stored::kLineByLine ? kWgmmaStepBytes : kStepDepth * kBytes;
  const uint64_t first_a = operand_descriptor<kA>(memory, depth * kBytes);
  const uint64_t first_b = operand_descriptor<kB>(b, depth * kBytes);
  float sums[kColumns / 2];
  for (int pass = 0; pass < 2; ++pass) {
    fence_products();
    for (int i = 0; i < depth / kStepDepth; ++i) {
      multiply<T, kA, kB, kColumns>(sums, advanced(first_a, i * step_a),
                                    advanced(first_b, i * step_b), pass > 0 || i > 0);
    }
    commit_products();
  }
  if (fault == Fault::kOverwriteBeforeWait) {
    for (int i = thread; i < a_count; i += 128) memory[i] = T(1.0f);
  }
  if (fault != Fault::kReadBeforeWait) wait_products<0>(sums);
  const int warp = thread / 32, lane = thread % 32;
  for (int j = 0; j < kColumns / 8; ++j) {
    for (int i = 0; i < 4; ++i) {
      const int row = 16 * warp + lane / 4 + i / 2 * 8, column = 8 * j + lane % 4 * 2 + i % 2;
      d[row * kColumns + column] = sums[4 * j + i];
    }
  }
  wait_products<0>(sums);
}

float as_float(Tf32 value) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value.value) & ~0x1fffu);
}
template <class T>
float as_float(T value) {
  return static_cast<float>(value);
}

// A small integer. Of tf32 with noise in the 13 bits that must not count.
template <class T, class Random>
T operand(Random& random) {
  std::uniform_int_distribution<int> small(-7, 7);
  const auto value = static_cast<float>(small(random));
  if constexpr (std::is_same_v<T, Tf32>) {
    const auto noise = static_cast<uint32_t>(random()) & 0x1fffu;
    return {std::bit_cast<float>(std::bit_cast<uint32_t>(value) | noise)};
  } else {
    return T(value);
  }
}

template <class T, Stored kA, Stored kB, int kColumns>
bool is_right(uint64_t seed, Fault fault = Fault::kNone) {
  const int depth = kBytes / static_cast<int>(sizeof(T));  // one row along k
  const int lines = kB == Stored::kDepthByDepth ? (kColumns + 63) / 64 * 64 : kColumns;
  std::mt19937 random(static_cast<unsigned>(seed));
  const bool a_by_depth = kA == Stored::kDepthByDepth, b_by_depth = kB == Stored::kDepthByDepth;
  std::vector<T> a(static_cast<std::size_t>(kRows * depth)),
      b(static_cast<std::size_t>(lines * depth));
  for (T& value : a) value = operand<T>(random);
  for (T& value : b) value = operand<T>(random);
  std::vector<float> d(kRows * kColumns, std::nanf(""));
  const std::size_t bytes = (a.size() + b.size()) * sizeof(T) + 2048;
  run({.grid = {1, 1, 1}, .block = {128, 1, 1}, .shared_bytes = bytes}, seed,
      product<T, kA, kB, kColumns>, a.data(), static_cast<int>(a.size()), b.data(),
      static_cast<int>(b.size()), depth, fault, d.data());
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      float want = 0;
      for (int k = 0; k < depth; ++k) {
        want += 2 * as_float(a[place<T>(row, k, depth, a_by_depth)]) *
                as_float(b[place<T>(column, k, depth, b_by_depth)]);
      }
      if (!(d[static_cast<std::size_t>(row * kColumns + column)] == want)) return false;
    }
  }
  return true;
}

constexpr Stored kLine = Stored::kLineByLine, kDeep = Stored::kDepthByDepth;

TEST(Wgmma, MultipliesOperandsHoweverTheyAreStored) {
  for (const uint64_t seed : kSeeds) {
    EXPECT_TRUE((is_right<BFloat16, kLine, kLine, 64>(seed)));
    EXPECT_TRUE((is_right<BFloat16, kLine, kDeep, 128>(seed)));
    EXPECT_TRUE((is_right<Float16, kDeep, kLine, 128>(seed)));
    EXPECT_TRUE((is_right<Float16, kDeep, kDeep, 256>(seed)));
    EXPECT_TRUE((is_right<BFloat16, kLine, kLine, 96>(seed)));
    EXPECT_TRUE((is_right<Float16, kLine, kDeep, 160>(seed)));
    EXPECT_TRUE((is_right<BFloat16, kDeep, kDeep, 192>(seed)));
    EXPECT_TRUE((is_right<Tf32, kLine, kLine, 64>(seed)));
    EXPECT_TRUE((is_right<Tf32, kLine, kLine, 128>(seed)));
    EXPECT_TRUE((is_right<Tf32, kLine, kLine, 256>(seed)));
  }
}

#if !defined(__SANITIZE_THREAD__)
TEST(Wgmma, SumsReadBeforeTheWaitAreNotYetThere) {
  EXPECT_FALSE((is_right<BFloat16, kLine, kLine, 64>(0, Fault::kReadBeforeWait)));
}

TEST(Wgmma, OperandsOverwrittenBeforeTheWaitSpoilTheResult) {
  EXPECT_FALSE((is_right<BFloat16, kLine, kLine, 64>(0, Fault::kOverwriteBeforeWait)));
  EXPECT_FALSE((is_right<Tf32, kLine, kLine, 64>(0, Fault::kOverwriteBeforeWait)));
}
#endif

__global__ void disagree(float* d) {
  VOLUTA_DYNAMIC_SHARED(BFloat16, memory);
  float sums[32] = {};
  const uint64_t operand = operand_descriptor<kLine>(memory);
  multiply<BFloat16, kLine, kLine, 64>(sums, operand, advanced(operand, threadIdx.x == 5 ? 32 : 0),
                                       false);
  commit_products();
  wait_products<0>(sums);
  *d = sums[0];
}

__global__ void transpose_tf32(float* d) {
  VOLUTA_DYNAMIC_SHARED(Tf32, memory);
  float sums[32] = {};
  const uint64_t a = operand_descriptor<kLine>(memory), b = operand_descriptor<kDeep>(memory);
  multiply_async({WgmmaType::kTf32, 64, false, true, a, b, false}, sums, Site::current());
  *d = sums[0];
}

TEST(Wgmma, Tf32IsNotTransposed) {
  float d = 0;
  const LaunchShape shape{.grid = {1, 1, 1}, .block = {128, 1, 1}, .shared_bytes = 16384};
  EXPECT_TRUE(contains(error_of([&] { run(shape, 0, transpose_tf32, &d); }), "line by line"));
}

TEST(Wgmma, LanesMustNameTheSameOperands) {
  float d = 0;
  const LaunchShape shape{.grid = {1, 1, 1}, .block = {128, 1, 1}, .shared_bytes = 16384};
  EXPECT_TRUE(contains(error_of([&] { run(shape, 0, disagree, &d); }), "disagree"));
}

}  // namespace
}  // namespace voluta::simt
