// Warp operations: shuffles with sub-widths, votes, reductions, masks, partial warps.

#include "simt_test.h"

#include <bit>
#include <cmath>

namespace voluta::simt {
namespace {

constexpr unsigned kAll = 0xffffffffu;

struct Shuffles {
  int index[32], up[32], down[32], exclusive[32];
};

__global__ void shuffle_all(Shuffles* out, int source, unsigned delta, int mask, int width) {
  const int t = static_cast<int>(threadIdx.x);
  out->index[t] = __shfl_sync(kAll, t, source, width);
  out->up[t] = __shfl_up_sync(kAll, t, delta, width);
  out->down[t] = __shfl_down_sync(kAll, t, delta, width);
  out->exclusive[t] = __shfl_xor_sync(kAll, t, mask, width);
}

// PTX ISA, shfl.sync, written out: segment masks, bound, and j outside it means the own lane.
int ptx_source(char mode, int lane, int b, int width) {
  const int segment = 32 - width;  // the upper bits of c
  const int bound = (lane & segment) | (31 & ~segment);
  const int least = lane & segment;
  int j = 0;
  bool valid = false;
  switch (mode) {
    case 'u':
      j = lane - b;
      valid = j >= least;
      break;
    case 'd':
      j = lane + b;
      valid = j <= bound;
      break;
    case 'x':
      j = lane ^ b;
      valid = j <= bound;
      break;
    default:
      j = least | (b & ~segment & 31);
      valid = j <= bound;
  }
  return valid ? j : lane;
}

TEST(SimtWarp, ShufflesFollowPtxForEveryWidth) {
  for (const int width : {1, 2, 4, 8, 16, 32}) {
    for (int b = 0; b < 32; ++b) {
      Shuffles out;
      run({.block = {32, 1, 1}}, 0, shuffle_all, &out, b, static_cast<unsigned>(b), b, width);
      for (int lane = 0; lane < 32; ++lane) {
        ASSERT_EQ(out.index[lane], ptx_source('i', lane, b, width)) << width << " " << b;
        ASSERT_EQ(out.up[lane], ptx_source('u', lane, b, width)) << width << " " << b;
        ASSERT_EQ(out.down[lane], ptx_source('d', lane, b, width)) << width << " " << b;
        ASSERT_EQ(out.exclusive[lane], ptx_source('x', lane, b, width)) << width << " " << b;
      }
    }
  }
  Shuffles out;
  run({.block = {32, 1, 1}}, 0, shuffle_all, &out, 3, 1u, 1, 16);
  EXPECT_EQ(out.index[20], 19);  // lane 20 of width 16 reads the third lane of its own half
}

template <class T>
__global__ void broadcast(T* out) {
  out[threadIdx.x] = __shfl_sync(kAll, static_cast<T>(out[threadIdx.x]), 7);
}

template <class T>
void expect_broadcast(T seventh) {
  std::vector<T> values(32);
  values[7] = seventh;
  run({.block = {32, 1, 1}}, 1, broadcast<T>, values.data());
  EXPECT_EQ(values, std::vector<T>(32, seventh));
}

TEST(SimtWarp, ShufflesTheTypesOfCuda) {
  expect_broadcast<int>(-3);
  expect_broadcast<unsigned>(0xdeadbeefu);
  expect_broadcast<long long>(-(1ll << 40));
  expect_broadcast<unsigned long long>(1ull << 63);
  expect_broadcast<float>(1.5f);
  expect_broadcast<double>(0.1);
}

// A sum over blocks of several warps: shuffles, then the first warp alone.
__global__ void block_sum(const int* in, int* out) {
  VOLUTA_SHARED(int[32], partial);
  const int t = static_cast<int>(threadIdx.x);
  int sum = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(kAll, sum, step);
  if (t % 32 == 0) partial[t / 32] = sum;
  __syncthreads();
  if (t >= 32) return;
  sum = t < static_cast<int>(blockDim.x) / 32 ? partial[t] : 0;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(kAll, sum, step);
  if (t == 0) atomicAdd(out, sum);
}

TEST(SimtWarp, ReducesABlockWhoseOtherWarpsHaveExited) {
  std::vector<int> in(50 * 256);
  int expected = 0;
  for (std::size_t i = 0; i < in.size(); ++i) expected += in[i] = static_cast<int>(i % 101) - 30;
  for (const uint64_t seed : kSeeds) {
    int out = 0;
    run({.grid = {50, 1, 1}, .block = {256, 1, 1}}, seed, block_sum, in.data(), &out);
    EXPECT_EQ(out, expected) << "seed " << seed;
  }
}

struct Votes {
  unsigned ballot[32], match[32], all_match[32], add[32], low[32], high[32];
  int any[32], all[32], lowest[32], predicate[32];
};

__global__ void vote_all(Votes* out) {
  const int t = static_cast<int>(threadIdx.x);
  const auto u = static_cast<unsigned>(t);
  out->ballot[t] = __ballot_sync(kAll, t % 3 == 0);
  out->any[t] = __any_sync(kAll, t == 31) * 2 + __any_sync(kAll, 0);
  out->all[t] = __all_sync(kAll, 1) * 2 + __all_sync(kAll, t != 5);
  out->match[t] = __match_any_sync(kAll, t / 8);
  out->all_match[t] = __match_all_sync(kAll, 4, &out->predicate[t]);
  out->add[t] = __reduce_add_sync(kAll, u);
  out->low[t] = __reduce_min_sync(kAll, u + 5);
  out->high[t] = __reduce_max_sync(kAll, u);
  out->lowest[t] = __reduce_min_sync(kAll, 3 - t);
}

TEST(SimtWarp, VotesReducesAndMatches) {
  for (const uint64_t seed : kSeeds) {
    Votes out;
    run({.block = {32, 1, 1}}, seed, vote_all, &out);
    for (int t = 0; t < 32; ++t) {
      EXPECT_EQ(out.ballot[t], 0x49249249u);
      EXPECT_EQ(out.any[t], 2);
      EXPECT_EQ(out.all[t], 2);
      EXPECT_EQ(out.match[t], 0xffu << t / 8 * 8);
      EXPECT_EQ(out.all_match[t], kAll);
      EXPECT_EQ(out.predicate[t], 1);
      EXPECT_EQ(out.add[t], 496u);
      EXPECT_EQ(out.low[t], 5u);
      EXPECT_EQ(out.high[t], 31u);
      EXPECT_EQ(out.lowest[t], -28);
    }
  }
}

// Both halves of a branch use their own mask; quarters meet in different orders.
__global__ void divergent_masks(int* out) {
  const int t = static_cast<int>(threadIdx.x);
  int value;
  if (t % 2 == 0) {
    value = __shfl_sync(0x55555555u, t, 4) + __reduce_add_sync(0x55555555u, 1);
  } else {
    value = __shfl_sync(0xaaaaaaaau, t, 9) * 10;
    __syncwarp(0xaaaaaaaau);
  }
  __syncwarp();
  out[t] = value + __popc(__activemask());
}

TEST(SimtWarp, DisjointMasksAreIndependent) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> out(64);
    run({.block = {64, 1, 1}}, seed, divergent_masks, out.data());
    for (int t = 0; t < 64; ++t) {
      const int first = t / 32 * 32;
      const int value = t % 2 == 0 ? first + 4 + 16 : (first + 9) * 10;
      EXPECT_GE(out[t], value + 1);  // at least the own lane is active
      EXPECT_LE(out[t], value + 32);
    }
  }
}

__global__ void partial_warp(unsigned* ballots, float* beyond) {
  const int t = static_cast<int>(threadIdx.x);
  ballots[t] = __ballot_sync(kAll, 1);
  beyond[t] = __shfl_sync(kAll, 1.0f, 31);
}

TEST(SimtWarp, LanesThatDoNotExistAreNotWaitedForAndYieldNaN) {
  std::vector<unsigned> ballots(40);
  std::vector<float> beyond(40);
  run({.block = {40, 1, 1}}, 0, partial_warp, ballots.data(), beyond.data());
  for (int t = 0; t < 40; ++t) {
    EXPECT_EQ(ballots[t], t < 32 ? kAll : 0xffu);
    EXPECT_EQ(std::isnan(beyond[t]), t >= 32);
  }
}

// Neighbours exchange through shared memory with nothing but __syncwarp between them.
__global__ void exchange(int* out) {
  VOLUTA_SHARED(int[128], slots);
  const int t = static_cast<int>(threadIdx.x);
  for (int round = 0; round < 4; ++round) {
    slots[t] = t + round;
    __syncwarp();
    out[t] += slots[t ^ 1];
    __syncwarp();
  }
}

TEST(SimtWarp, SyncwarpOrdersSharedMemory) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> out(128);
    run({.block = {128, 1, 1}}, seed, exchange, out.data());
    for (int t = 0; t < 128; ++t) EXPECT_EQ(out[t], 4 * (t ^ 1) + 6);
  }
}

}  // namespace
}  // namespace voluta::simt
