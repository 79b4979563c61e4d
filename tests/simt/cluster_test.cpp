// Clusters: blocks that run at the same time, copies to all of them, arrivals at each other's
// mbarriers, and the faults that these must show.

#include "simt_test.h"

#include <voluta/simt/tensor_map.h>
#include <voluta/kernels/common/tensor_copy.cuh>

#include <algorithm>

namespace voluta::simt {
namespace {

LaunchShape clusters(unsigned count, unsigned size, unsigned threads) {
  return {.grid = {count * size, 1, 1}, .block = {threads, 1, 1}, .cluster = size};
}

// Blocks write their ranks, meet, and read those of their neighbours.
__global__ void exchange(int* ranks, int* sums) {
  const int size = 4, rank = cluster_rank();
  const int block = static_cast<int>(blockIdx.x), first = block - rank;
  if (threadIdx.x == 0) ranks[block] = rank;
  sync_cluster();
  if (threadIdx.x == 33) {
    int sum = 0;
    for (int i = 0; i < size; ++i) sum = 10 * sum + ranks[first + i] + 1;
    sums[block] = sum;
  }
  sync_cluster();
  if (threadIdx.x == 0) ranks[block] = -1;
}

TEST(Clusters, TheirBarrierOrdersAllTheirThreads) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> ranks(12, -7), sums(12);
    run(clusters(3, 4, 64), seed, exchange, ranks.data(), sums.data());
    EXPECT_EQ(ranks, std::vector<int>(12, -1));
    EXPECT_EQ(sums, std::vector<int>(12, 1234));
  }
}

__global__ void leave_early(int* met) {
  if (cluster_rank() == 1 || threadIdx.x % 3 == 0) return;
  sync_cluster();
  met[threadIdx.x] = 1;
}

TEST(Clusters, ThreadsThatHaveExitedCountAsArrived) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> met(64);
    run(clusters(1, 2, 64), seed, leave_early, met.data());
    EXPECT_EQ(std::ranges::count(met, 1), 42);
  }
}

__global__ void wait_for_nobody() {
  if (cluster_rank() == 1) {
    __syncwarp();
    VOLUTA_SHARED(Mbarrier, barrier);
    init_barrier(barrier, 1);
    wait_for_phase(barrier, 0);
  }
  sync_cluster();
}

TEST(Clusters, ADeadlockNamesTheWaitsOfAllBlocks) {
  for (const uint64_t seed : kSeeds) {
    const std::string error = error_of([&] { run(clusters(1, 2, 32), seed, wait_for_nobody); });
    EXPECT_TRUE(contains(error, "block (0, 0, 0): deadlock: 32 threads wait and none can go on"));
    EXPECT_TRUE(contains(error, "in barrier.cluster at "));
    EXPECT_TRUE(contains(error, "; block 1 of the cluster: deadlock: 32 threads wait"));
    EXPECT_TRUE(contains(error, "in mbarrier.try_wait at "));
  }
}

__global__ void nothing() {}

TEST(Clusters, DivideTheGrid) {
  LaunchShape shape = clusters(2, 2, 32);
  EXPECT_EQ(error_of([&] { run(shape, 0, nothing); }), "");
  shape.grid[0] = 5;
  EXPECT_TRUE(contains(error_of([&] { run(shape, 0, nothing); }), "divides grid.x"));
  EXPECT_TRUE(contains(error_of([&] { run(clusters(1, 16, 32), 0, nothing); }), "at most 8"));
  shape.cluster = 0;
  EXPECT_TRUE(contains(error_of([&] { run(shape, 0, nothing); }), "at most 8"));
}

// A ring of two stages through which two blocks send each other halves of a tile.
enum class Fault {
  kNone,
  kNoFirstMeeting,
  kNoLastMeeting,
  kReleasedAtHome,     // empty stages are told to the own block alone
  kCountedAtHome,      // the other block's consumer is told, not counted
  kHalfTheBytes,       // expects its own half
  kNobodyInitialises,  // the mbarriers
};

constexpr int kHalfRows = 8, kHalfBytes = kHalfRows * kSwizzledRowBytes;

struct Ring {
  Mbarrier full[2], empty[2];
};

__global__ void ring_of_two(const TensorMap map, int rounds, Fault fault, int* sums) {
  VOLUTA_DYNAMIC_SHARED(unsigned char, tiles);
  VOLUTA_SHARED(Ring, ring);
  const int rank = cluster_rank();
  if (threadIdx.x == 0 && fault != Fault::kNobodyInitialises) {
    for (int i = 0; i < 2; ++i) {
      init_barrier(ring.full[i], 1);
      init_barrier(ring.empty[i], fault == Fault::kCountedAtHome ? 1 : 2);
    }
    publish_barriers();
  }
  __syncthreads();
  if (fault != Fault::kNoFirstMeeting) sync_cluster();
  PipelineStage<2> stage;
  int sum = 0;
  for (int round = 0; round < rounds; ++round, stage.advance()) {
    unsigned char* tile = tiles + stage.index * 2 * kHalfBytes;
    Mbarrier &full = ring.full[stage.index], &empty = ring.empty[stage.index];
    if (threadIdx.x == 32) {
      wait_for_phase(empty, stage.parity ^ 1);
      arrive_and_expect(full, (fault == Fault::kHalfTheBytes ? 1 : 2) * kHalfBytes);
      multicast_box(tile + rank * kHalfBytes, map, full, 3, 0, (2 * round + rank) * kHalfRows, 0);
    } else if (threadIdx.x < 2) {
      wait_for_phase(full, stage.parity);
      for (int again = 0; again < 2; ++again) {
        for (int half = 0; half < 2; ++half) {
          sum += *reinterpret_cast<const uint16_t*>(tile + half * kHalfBytes);
        }
        yield(Site::current());
      }
      __syncwarp(3);
      if (fault != Fault::kReleasedAtHome) {
        arrive_at(empty, static_cast<int>(threadIdx.x));
      } else if (threadIdx.x == 0) {
        arrive(empty), arrive(empty);
      }
    }
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
  if (fault != Fault::kNoLastMeeting) sync_cluster();
}

constexpr int kRounds = 6, kRows = 2 * kHalfRows * kRounds;

// Row i is full of i + 1.
std::vector<int> run_ring(Fault fault, uint64_t seed) {
  std::vector<uint16_t> matrix(kRows * 64);
  for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] = static_cast<uint16_t>(i / 64 + 1);
  TensorMapLayout layout{.address = matrix.data(), .dtype = DType::bf16, .rank = 3};
  layout.extents = {64, kRows, 1, 0};
  layout.stride_bytes = {2, 128, 128 * kRows, 0};
  layout.box = {64, kHalfRows, 1, 0};
  LaunchShape shape = clusters(2, 2, 64);
  shape.shared_bytes = 4 * kHalfBytes;
  std::vector<int> sums(4);
  run(shape, seed, ring_of_two, pack_tensor_map(layout), kRounds, fault, sums.data());
  return sums;
}

std::vector<int> right_sums() {
  int sum = 0;
  for (int half = 0; half < 2 * kRounds; ++half) sum += 2 * (half * kHalfRows + 1);
  return std::vector<int>(4, sum);
}

TEST(Clusters, CopiesReachAllBlocks) {
  for (const uint64_t seed : kSeeds) EXPECT_EQ(run_ring(Fault::kNone, seed), right_sums());
}

// What shows, over some seeds, of a fault: errors, one a line, and "wrong" for a wrong result.
std::string symptoms(Fault fault) {
  std::string all;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    std::vector<int> sums;
    const std::string error = error_of([&] { sums = run_ring(fault, seed); });
    all += !error.empty() ? error + "\n" : sums != right_sums() ? "wrong\n" : "";
  }
  return all;
}

TEST(Clusters, ABlockThatReachesTheOtherTooEarlyOrTooLateIsAnError) {
  EXPECT_TRUE(contains(symptoms(Fault::kNoFirstMeeting), "has not come to yet"));
  EXPECT_TRUE(contains(symptoms(Fault::kNoLastMeeting), "a block that has exited"));
  EXPECT_TRUE(contains(symptoms(Fault::kNobodyInitialises), "not initialised"));
}

#if !defined(__SANITIZE_THREAD__)
TEST(Clusters, AStageFilledBeforeBothHaveReleasedItShows) {
  EXPECT_TRUE(contains(symptoms(Fault::kReleasedAtHome), "wrong"));
  EXPECT_NE(symptoms(Fault::kCountedAtHome), "");
  EXPECT_NE(symptoms(Fault::kHalfTheBytes), "");
}
#endif

}  // namespace
}  // namespace voluta::simt
