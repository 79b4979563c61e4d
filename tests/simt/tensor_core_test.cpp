// mma.sync, ldmatrix and cvt.rna.tf32 against loops written from the PTX ISA's tables.

#include "simt_test.h"

#include <voluta/core/dtype.h>
#include <voluta/kernels/common/tensor_core.cuh>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

namespace voluta::simt {
namespace {

struct Operands {
  uint32_t a[32][4], b[32][2];
  float c[32][4], d[32][4];
};

enum class Type { kBf16, kF16, kTf32 };

__global__ void multiply(Operands* warp, Type type) {
  const int lane = static_cast<int>(threadIdx.x);
  float d[4];
  for (int i = 0; i < 4; ++i) d[i] = warp->c[lane][i];
  if (type == Type::kBf16) mma_bf16(d, warp->a[lane], warp->b[lane]);
  if (type == Type::kF16) mma_f16(d, warp->a[lane], warp->b[lane]);
  if (type == Type::kTf32) mma_tf32(d, warp->a[lane], warp->b[lane]);
  for (int i = 0; i < 4; ++i) warp->d[lane][i] = d[i];
}

// PTX ISA 9.7.14.5.8, "Matrix Fragments for mma.m16n8k16 with floating point type": a0..a7, b0..b3.
int row_of_a16(int lane, int i) {
  return (i < 2 || (i >= 4 && i < 6)) ? lane >> 2 : (lane >> 2) + 8;
}
int column_of_a16(int lane, int i) {
  return lane % 4 * 2 + (i & 1) + (i < 4 ? 0 : 8);
}
int row_of_b16(int lane, int i) {
  return lane % 4 * 2 + (i & 1) + (i < 2 ? 0 : 8);
}
// ...5.4, "mma.m16n8k8", .tf32: a0..a3, b0, b1.
int row_of_a8(int lane, int i) {
  return i == 0 || i == 2 ? lane >> 2 : (lane >> 2) + 8;
}
int column_of_a8(int lane, int i) {
  return i == 0 || i == 1 ? lane % 4 : lane % 4 + 4;
}
int row_of_b8(int lane, int i) {
  return i == 0 ? lane % 4 : lane % 4 + 4;
}
// Accumulators, the same in both.
int row_of_c(int lane, int i) {
  return i < 2 ? lane >> 2 : (lane >> 2) + 8;
}
int column_of_c(int lane, int i) {
  return lane % 4 * 2 + (i & 1);
}

uint16_t half_bits(Type type, float x) {
  return type == Type::kBf16 ? BFloat16(x).bits : Float16(x).bits;
}

// Random integers in a, b and c, whose product every order of additions finds exactly.
void expect_product(Type type, unsigned seed) {
  const int depth = type == Type::kTf32 ? 8 : 16;
  std::mt19937 random(seed);
  auto integer = [&] { return static_cast<float>(static_cast<int>(random() % 17) - 8); };
  float a[16][16], b[16][8], c[16][8];
  for (auto& row : a) std::ranges::generate(row, integer);
  for (auto& row : b) std::ranges::generate(row, integer);
  for (auto& row : c) std::ranges::generate(row, integer);

  Operands warp;
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      warp.c[lane][i] = c[row_of_c(lane, i)][column_of_c(lane, i)];
    }
    if (type == Type::kTf32) {
      for (int i = 0; i < 4; ++i) {
        warp.a[lane][i] = std::bit_cast<uint32_t>(a[row_of_a8(lane, i)][column_of_a8(lane, i)]);
      }
      for (int i = 0; i < 2; ++i) {
        warp.b[lane][i] = std::bit_cast<uint32_t>(b[row_of_b8(lane, i)][lane >> 2]);
      }
      continue;
    }
    uint16_t halves_a[8], halves_b[4];
    for (int i = 0; i < 8; ++i) {
      halves_a[i] = half_bits(type, a[row_of_a16(lane, i)][column_of_a16(lane, i)]);
    }
    for (int i = 0; i < 4; ++i) halves_b[i] = half_bits(type, b[row_of_b16(lane, i)][lane >> 2]);
    std::memcpy(warp.a[lane], halves_a, sizeof halves_a);
    std::memcpy(warp.b[lane], halves_b, sizeof halves_b);
  }
  run({.block = {32, 1, 1}}, seed, multiply, &warp, type);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int row = row_of_c(lane, i), column = column_of_c(lane, i);
      float want = c[row][column];
      for (int k = 0; k < depth; ++k) want += a[row][k] * b[k][column];
      ASSERT_EQ(warp.d[lane][i], want) << "lane " << lane << ", register " << i;
    }
  }
}

TEST(SimtTensorCore, ProductsFollowTheTablesOfTheIsa) {
  for (const Type type : {Type::kBf16, Type::kF16, Type::kTf32}) {
    for (unsigned seed = 0; seed < 4; ++seed) expect_product(type, seed);
  }
}

TEST(SimtTensorCore, Tf32IgnoresTheLower13Bits) {
  Operands warp = {};
  for (auto& lane : warp.a) std::ranges::fill(lane, 0x3f801fffu);  // 1 + 8191 * 2^-23
  for (auto& lane : warp.b) std::ranges::fill(lane, std::bit_cast<uint32_t>(1.0f));
  run({.block = {32, 1, 1}}, 0, multiply, &warp, Type::kTf32);
  for (auto& lane : warp.d) {
    for (float d : lane) EXPECT_EQ(d, 8.0f);
  }
}

TEST(SimtTensorCore, RoundsToTf32WithTiesAwayFromZero) {
  auto rounded = [](float x) {
    return std::bit_cast<float>(round_to_tf32(std::bit_cast<uint32_t>(x)));
  };
  EXPECT_EQ(rounded(1.0f + 0x1p-10f), 1.0f + 0x1p-10f);
  EXPECT_EQ(rounded(1.0f + 0x1p-11f), 1.0f + 0x1p-10f);
  EXPECT_EQ(rounded(-1.0f - 0x1p-11f), -1.0f - 0x1p-10f);
  EXPECT_EQ(rounded(1.0f + 0x1p-11f - 0x1p-23f), 1.0f);
  EXPECT_EQ(rounded(2.0f - 0x1p-23f), 2.0f);
  EXPECT_EQ(rounded(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(rounded(NAN)));
}

// ---- ldmatrix

struct Rows {
  uint16_t element[32][8];  // of matrix row / 8
  uint32_t plain[32][4], transposed[32][4];
};

__global__ void load_rows(Rows* warp) {
  VOLUTA_SHARED(uint16_t[32][8], tile);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 8; ++i) tile[lane][i] = warp->element[lane][i];
  __syncwarp();
  load_matrices(warp->plain[lane], tile[lane]);
  load_matrices_transposed(warp->transposed[lane], tile[lane]);
}

TEST(SimtTensorCore, LdmatrixFollowsTheIsa) {
  Rows warp;
  for (int row = 0; row < 32; ++row) {
    for (int i = 0; i < 8; ++i) warp.element[row][i] = static_cast<uint16_t>(row * 8 + i);
  }
  for (const uint64_t seed : kSeeds) {
    run({.block = {32, 1, 1}}, seed, load_rows, &warp);
    for (int lane = 0; lane < 32; ++lane) {
      for (int matrix = 0; matrix < 4; ++matrix) {
        // Thread T holds elements 2 (T mod 4) and the next of row T / 4; of a column with .trans.
        const int own = lane / 4, first = lane % 4 * 2, base = matrix * 64;
        const auto plain = static_cast<uint32_t>(base + own * 8 + first);
        const auto transposed = static_cast<uint32_t>(base + first * 8 + own);
        ASSERT_EQ(warp.plain[lane][matrix], plain | (plain + 1) << 16);
        ASSERT_EQ(warp.transposed[lane][matrix], transposed | (transposed + 8) << 16);
      }
    }
  }
}

// ---- stmatrix

__global__ void store_columns(Rows* warp) {
  VOLUTA_SHARED(uint16_t[32][8], tile);
  const int lane = static_cast<int>(threadIdx.x);
  store_matrices_transposed(tile[lane], warp->transposed[lane]);
  __syncwarp();
  for (int i = 0; i < 8; ++i) warp->element[lane][i] = tile[lane][i];
}

TEST(SimtTensorCore, StmatrixFollowsTheIsa) {
  for (const uint64_t seed : kSeeds) {
    Rows warp = {};
    for (int lane = 0; lane < 32; ++lane) {
      for (int matrix = 0; matrix < 4; ++matrix) {
        // Elements 2 (T mod 4) and the next of row T / 4, of matrices numbered row by row.
        const auto first = static_cast<uint32_t>(matrix * 64 + lane / 4 * 8 + lane % 4 * 2);
        warp.transposed[lane][matrix] = first | (first + 1) << 16;
      }
    }
    run({.block = {32, 1, 1}}, seed, store_columns, &warp);
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < 8; ++i) {
        ASSERT_EQ(warp.element[lane][i], lane / 8 * 64 + i * 8 + lane % 8) << lane << ", " << i;
      }
    }
  }
}

// ---- faults

__global__ void half_a_warp(Operands* warp) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16) mma_bf16(warp->d[lane], warp->a[lane], warp->b[lane]);
}

__global__ void whole_block(Operands* warp) {
  const int lane = static_cast<int>(threadIdx.x);
  mma_bf16(warp->d[lane], warp->a[lane], warp->b[lane]);
}

__global__ void unaligned_row(Rows* warp) {
  VOLUTA_SHARED(uint16_t[32 * 8 + 1], tile);
  load_matrices(warp->plain[threadIdx.x], tile + threadIdx.x * 8 + 1);
}

__global__ void global_row(Rows* warp) {
  load_matrices(warp->plain[threadIdx.x], warp->element[0]);
}

__global__ void store_to_unaligned_row(Rows* warp) {
  VOLUTA_SHARED(uint16_t[32 * 8 + 1], tile);
  store_matrices_transposed(tile + threadIdx.x * 8 + 1, warp->transposed[threadIdx.x]);
}

TEST(SimtTensorCore, FaultsAreNamed) {
  Operands warp = {};
  Rows rows = {};
  const std::string half = error_of([&] { run({.block = {32, 1, 1}}, 0, half_a_warp, &warp); });
  EXPECT_TRUE(contains(half, "deadlock"));
  EXPECT_TRUE(contains(half, "mma.sync (bf16) (mask 0xffffffff) at "));
  const std::string partial = error_of([&] { run({.block = {24, 1, 1}}, 0, whole_block, &warp); });
  EXPECT_TRUE(contains(partial, "needs all 32 lanes"));
  for (auto kernel : {unaligned_row, global_row, store_to_unaligned_row}) {
    const std::string error = error_of([&] { run({.block = {32, 1, 1}}, 0, kernel, &rows); });
    EXPECT_TRUE(contains(error, "a row of ldmatrix or stmatrix is 16 bytes of shared memory"));
  }
}

__global__ void forgets_to_sync(Rows* warp) {
  VOLUTA_SHARED(uint16_t[32][8], tile);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 8; ++i) tile[(lane + 1) % 32][i] = warp->element[(lane + 1) % 32][i];
  load_matrices(warp->plain[lane], tile[lane]);
}

#if defined(__SANITIZE_THREAD__)
TEST(SimtTensorCoreDeathTest, ThreadSanitizerFindsAMissingBarrierBeforeLdmatrix) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto racy = [] {
    Rows warp = {};
    run({.block = {32, 1, 1}}, 0, forgets_to_sync, &warp);
    std::exit(0);
  };
  EXPECT_EXIT(
      racy(), [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; },
      "data race");
}
#else
TEST(SimtTensorCore, AMissingBarrierBeforeLdmatrixShows) {
  Rows warp = {};
  run({.block = {32, 1, 1}}, 0, forgets_to_sync, &warp);
  bool poison = false;
  for (auto& lane : warp.plain) poison = poison || std::ranges::count(lane, 0xffffffffu) > 0;
  EXPECT_TRUE(poison);
}
#endif

}  // namespace
}  // namespace voluta::simt
