// Barriers of blocks, shared memory, and what waits.

#include "simt_test.h"

#include <cmath>
#include <numeric>

namespace voluta::simt {
namespace {

constexpr int kBlock = 256;

// Shifts a row by one through shared memory, `rounds` times.
__global__ void rotate(float* row, int rounds) {  // [kBlock]
  VOLUTA_SHARED(float[kBlock], tile);
  const int t = static_cast<int>(threadIdx.x);
  for (int round = 0; round < rounds; ++round) {
    tile[t] = row[t];
    __syncthreads();
    row[t] = tile[(t + 1) % kBlock];
    __syncthreads();
  }
}

TEST(SimtBarrier, OrdersSharedMemory) {
  for (const uint64_t seed : kSeeds) {
    std::vector<float> row(kBlock), expected(kBlock);
    std::iota(row.begin(), row.end(), 0.0f);
    for (int i = 0; i < kBlock; ++i) expected[i] = static_cast<float>((i + 5) % kBlock);
    run({.block = {kBlock, 1, 1}}, seed, rotate, row.data(), 5);
    EXPECT_EQ(row, expected) << "seed " << seed;
  }
}

// One sum a block: a tree in shared memory.
__global__ void tree_sum(const float* in, float* out) {  // [blocks, kBlock] -> [blocks]
  VOLUTA_DYNAMIC_SHARED(float, partial);
  const unsigned t = threadIdx.x;
  partial[t] = in[blockIdx.x * blockDim.x + t];
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (t < half) partial[t] += partial[t + half];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = partial[0];
}

TEST(SimtBarrier, ReducesABlockInDynamicSharedMemory) {
  constexpr int kBlocks = 40;
  std::vector<float> in(kBlocks * kBlock);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i % 17);
  for (const uint64_t seed : kSeeds) {
    std::vector<float> out(kBlocks);
    run({.grid = {kBlocks, 1, 1}, .block = {kBlock, 1, 1}, .shared_bytes = kBlock * sizeof(float)},
        seed, tree_sum, in.data(), out.data());
    for (int b = 0; b < kBlocks; ++b) {
      const auto first = in.begin() + b * kBlock;
      ASSERT_EQ(out[b], std::accumulate(first, first + kBlock, 0.0f)) << "seed " << seed;
    }
  }
}

__global__ void votes(int* count, int* all, int* any) {
  const int t = static_cast<int>(threadIdx.x);
  if (t % 5 == 4) return;  // threads that exit count as arrived
  count[t] = __syncthreads_count(t % 2);
  all[t] = __syncthreads_and(t < 100) * 2 + __syncthreads_and(t < 50);
  any[t] = __syncthreads_or(t == 3) * 2 + __syncthreads_or(t == 4);
}

TEST(SimtBarrier, VotesAmongLiveThreads) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> count(100), all(100), any(100);
    run({.block = {100, 1, 1}}, seed, votes, count.data(), all.data(), any.data());
    for (int t = 0; t < 100; ++t) {
      const bool live = t % 5 != 4;
      EXPECT_EQ(count[t], live ? 40 : 0);
      EXPECT_EQ(all[t], live ? 2 : 0);
      EXPECT_EQ(any[t], live ? 2 : 0);
    }
  }
}

// Warp 0 makes, the others use; both meet at barriers 1 (full) and 2 (empty), as producer and
// consumers in warp-specialised kernels do.
__global__ void produce_consume(int* out, int rounds) {
  VOLUTA_SHARED(int[32], buffer);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = lane_index();
  const int all = static_cast<int>(blockDim.x);
  for (int round = 0; round < rounds; ++round) {
    if (warp == 0) {
      if (round > 0) named_barrier(2, all, Site::current());
      buffer[lane] = round * 100 + lane;
      named_barrier_arrive(1, all, Site::current());
    } else {
      named_barrier(1, all, Site::current());
      out[(warp - 1) * 32 + lane] += buffer[31 - lane];
      if (round + 1 < rounds) named_barrier_arrive(2, all, Site::current());
    }
  }
}

TEST(SimtBarrier, NamedBarriersLinkWarps) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> out(64);
    run({.block = {96, 1, 1}}, seed, produce_consume, out.data(), 3);
    for (int i = 0; i < 64; ++i) EXPECT_EQ(out[i], 300 + 3 * (31 - i % 32)) << "seed " << seed;
  }
}

__global__ void wait_for_flag(int* flag, int* seen) {
  VOLUTA_SHARED(int, value);
  if (threadIdx.x == 0) {
    wait_until(
        "the flag", [flag] { return *flag == 1; }, Site::current());
    order_acquire(flag);
    seen[0] = value;
  } else if (threadIdx.x == 63) {
    value = 5;
    order_release(flag);
    atomicExch(flag, 1);
  }
}

TEST(SimtBarrier, AThreadWaitsForACondition) {
  for (const uint64_t seed : kSeeds) {
    int flag = 0, seen = 0;
    run({.block = {64, 1, 1}}, seed, wait_for_flag, &flag, &seen);
    EXPECT_EQ(seen, 5);
  }
}

__global__ void spin(int* flag, int* rounds) {
  if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) {
      ++*rounds;
      __nanosleep(20);
    }
  } else {
    atomicExch(flag, 1);
  }
}

TEST(SimtBarrier, APollingLoopThatSleepsComesToAnEnd) {
  int flag = 0, rounds = 0;
  run({.block = {2, 1, 1}}, 0, spin, &flag, &rounds);
  EXPECT_EQ(rounds, 1);
}

// ---- shared memory

template <int kWidth>
__device__ float* scratch() {
  VOLUTA_SHARED(float[kWidth], buffer);
  return buffer;
}

__global__ void distinct_variables(int* failures) {
  VOLUTA_SHARED(double, a);
  VOLUTA_SHARED(float4[3], b);
  VOLUTA_DYNAMIC_SHARED(unsigned char, c);
  if (threadIdx.x == 0) {
    float* d = scratch<4>();
    float* e = scratch<8>();
    const bool aligned = reinterpret_cast<uintptr_t>(c) % 1024 == 0 &&
                         reinterpret_cast<uintptr_t>(b) % alignof(float4) == 0;
    const bool poisoned = std::isnan(a) && std::isnan(b[2].w) && std::isnan(e[7]);
    a = 1, b[0].x = 2, c[0] = 3, d[0] = 4, e[0] = 5;
    const bool kept = a == 1 && b[0].x == 2 && c[0] == 3 && d[0] == 4 && e[0] == 5;
    const bool same = scratch<4>() == d && d != e;
    const bool known = __isShared(&a) && __isShared(c + 99) && !__isShared(failures);
    *failures += !aligned + !poisoned + !kept + !same + !known;
  }
}

TEST(SimtShared, EachDeclarationIsAVariablePoisonedForEachBlock) {
  int failures = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    run({.block = {32, 1, 1}, .shared_bytes = 100}, 0, distinct_variables, &failures);
  }
  EXPECT_EQ(failures, 0);
}

__global__ void large_static() {
  VOLUTA_SHARED(char[100 * 1024], large);
  large[0] = 0;
}

TEST(SimtShared, HasTheSizeOfAnSm) {
  EXPECT_EQ(error_of([] { run({.shared_bytes = 127 * 1024}, 0, large_static); }), "");
  const std::string error =
      error_of([] { run({.shared_bytes = 127 * 1024 + 1}, 0, large_static); });
  EXPECT_TRUE(contains(error, "shared variable 'large' (102400 bytes)"));
  EXPECT_TRUE(contains(error, "kernel 'test_kernel', block (0, 0, 0), thread (0, 0, 0)"));
}

}  // namespace
}  // namespace voluta::simt
