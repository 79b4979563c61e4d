// Kernels with one fault each, which the emulator or a sanitizer must find.

#include "simt_test.h"

#include <cmath>
#include <numeric>

namespace voluta::simt {
namespace {

// ---- synchronisation that no thread can satisfy: found in every build

std::string line(int number) {
  return "planted_faults_test.cpp:" + std::to_string(number);
}

constexpr int kDivergent = __LINE__ + 3;
__global__ void divergent_barrier() {
  if (threadIdx.x < 5) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST(SimtFaults, ADivergentBarrierNamesBothLinesAndThreads) {
  for (const uint64_t seed : kSeeds) {
    const std::string error = error_of([&] {
      run({.block = {64, 1, 1}}, seed, divergent_barrier);
    });
    EXPECT_TRUE(
        contains(error, "kernel 'test_kernel', block (0, 0, 0): divergent barrier: thread ("));
    EXPECT_TRUE(contains(error, line(kDivergent)));
    EXPECT_TRUE(contains(error, line(kDivergent + 2)));
  }
}

constexpr int kShuffle = __LINE__ + 3;
__global__ void exited_lane(int* out) {
  if (threadIdx.x == 9) return;
  out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
}

TEST(SimtFaults, AWarpOperationThatWaitsForAnExitedLaneIsADeadlock) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> out(32);
    const std::string error = error_of([&] {
      run({.block = {32, 1, 1}}, seed, exited_lane, out.data());
    });
    EXPECT_TRUE(contains(error, "deadlock: 31 threads wait and none can go on (1 have exited)"));
    EXPECT_TRUE(contains(error, "thread (0, 0, 0) in __shfl_xor_sync (mask 0xffffffff) at "));
    EXPECT_TRUE(contains(error, line(kShuffle))) << error;
    EXPECT_TRUE(contains(error, ", for lane 9: thread (9, 0, 0), which has exited"));
  }
}

__global__ void lane_at_barrier() {
  if (threadIdx.x != 40) __syncwarp();
  __syncthreads();
}

TEST(SimtFaults, AWarpOperationAgainstABarrierIsADeadlock) {
  for (const uint64_t seed : kSeeds) {
    const std::string error = error_of([&] { run({.block = {64, 1, 1}}, seed, lane_at_barrier); });
    EXPECT_TRUE(contains(error, "deadlock"));
    EXPECT_TRUE(contains(error, "for lane 8: thread (40, 0, 0) in __syncthreads at "));
  }
}

__global__ void different_operations() {
  if (threadIdx.x < 16) {
    __ballot_sync(0xffffffffu, 1);
  } else {
    __shfl_sync(0xffffffffu, 1, 0);
  }
}

__global__ void foreign_mask() {
  __syncwarp(0x0000ffffu);
}

TEST(SimtFaults, MasksAndOperationsMustAgree) {
  const std::string mixed = error_of([] { run({.block = {32, 1, 1}}, 0, different_operations); });
  EXPECT_TRUE(contains(mixed, "__ballot_sync"));
  EXPECT_TRUE(contains(mixed, "__shfl_sync"));
  const std::string foreign = error_of([] { run({.block = {32, 1, 1}}, 0, foreign_mask); });
  EXPECT_TRUE(contains(foreign, "thread (16, 0, 0)"));
  EXPECT_TRUE(contains(foreign, "by lane 16, which its mask 0x0000ffff leaves out"));
}

__global__ void wait_for_ever() {
  wait_until(
      "mbarrier.try_wait", [] { return false; }, Site::current());
}

TEST(SimtFaults, AConditionThatNeverHoldsIsADeadlock) {
  const std::string error = error_of([] { run({.block = {3, 1, 1}}, 0, wait_for_ever); });
  EXPECT_TRUE(contains(error, "deadlock: 3 threads wait"));
  EXPECT_TRUE(contains(error, "mbarrier.try_wait at "));
}

#if !defined(__SANITIZE_THREAD__)  // the counter is a race

// A failing kernel leaves no fiber, no stack object and no damage behind.
struct Counted {
  int* live;
  explicit Counted(int* counter) : live(counter) { ++*live; }
  ~Counted() { --*live; }
};

__global__ void fail_late(int* live) {
  const Counted counted(live);
  __syncthreads();
  if (threadIdx.x == 17) fail(ErrorKind::kFailed, "planted");
  __syncthreads();
}

TEST(SimtFaults, AFailureUnwindsTheOtherThreads) {
  int live = 0;
  for (int repeat = 0; repeat < 100; ++repeat) {
    const std::string error = error_of([&] {
      run({.block = {64, 1, 1}}, repeat, fail_late, &live);
    });
    EXPECT_TRUE(contains(error, "thread (17, 0, 0): planted"));
  }
  EXPECT_EQ(live, 0);
}

#endif

// ---- uninitialised shared memory

__global__ void forgets_to_store(float* out) {
  VOLUTA_SHARED(float[32], tile);
  if (threadIdx.x != 11) tile[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x];
}

TEST(SimtFaults, UninitialisedSharedMemoryIsNaN) {
  std::vector<float> out(4 * 32);
  for (int repeat = 0; repeat < 4; ++repeat) {
    run({.block = {32, 1, 1}}, 0, forgets_to_store, out.data() + repeat * 32);
  }
  for (int i = 0; i < 128; ++i) EXPECT_EQ(std::isnan(out[i]), i % 32 == 11);
}

// ---- stores out of bounds

__global__ void store_past_shared(int index) {
  VOLUTA_SHARED(float[32], tile);
  volatile float* past = tile;
  if (threadIdx.x == 0) past[index] = 1;
}

#if defined(__SANITIZE_ADDRESS__)
TEST(SimtFaultsDeathTest, AddressSanitizerFindsASharedStoreOutOfBounds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run({.block = {32, 1, 1}}, 0, store_past_shared, 32),
               "use-after-poison.*WRITE of size 4.*store_past_shared.*planted_faults_test");
}

TEST(SimtFaultsDeathTest, AddressSanitizerFindsAGlobalStoreOutOfBounds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::vector<int> counts(100);
        run_grid({.grid = {2, 1, 1}, .block = {64, 1, 1}}, "store",
                 [&] { counts.data()[blockIdx.x * blockDim.x + threadIdx.x] = 1; }, {});
      },
      "heap-buffer-overflow.*WRITE of size 4");
}
#else
TEST(SimtFaults, AGuardFindsASharedStoreOutOfBounds) {
  const std::string after = error_of([] { run({.block = {32, 1, 1}}, 0, store_past_shared, 32); });
  EXPECT_TRUE(contains(after, "kernel 'test_kernel', block (0, 0, 0)"));
  EXPECT_TRUE(contains(after, "outside shared variable 'tile' (128 bytes): the guard after it"));
  const std::string before = error_of([] { run({.block = {32, 1, 1}}, 0, store_past_shared, -1); });
  EXPECT_TRUE(contains(before, "the guard before it"));
}
#endif

// ---- races

__global__ void missing_barrier(float* row) {  // [256]
  VOLUTA_SHARED(float[256], tile);
  const int t = static_cast<int>(threadIdx.x);
  tile[t] = row[t];
  row[t] = tile[(t + 1) % 256];
}

__global__ void missing_trailing_barrier(float* row) {  // [256]
  VOLUTA_SHARED(float[256], tile);
  const int t = static_cast<int>(threadIdx.x);
  for (int round = 0; round < 2; ++round) {
    tile[t] = row[t];
    __syncthreads();
    row[t] = tile[(t + 1) % 256];
  }
}

__global__ void blocks_race(int* cell) {
  if (threadIdx.x == 0) *cell = static_cast<int>(blockIdx.x);
}

#if defined(__SANITIZE_THREAD__)
__global__ void shuffle_is_no_barrier(int* row) {  // [32]
  VOLUTA_SHARED(int[32], tile);
  const int t = static_cast<int>(threadIdx.x);
  tile[t] = row[t];
  const int zero = __shfl_sync(0xffffffffu, 0, 0);
  row[t] = tile[t ^ 1] + zero;
}

template <class T, class Kernel>
void run_racy(unsigned blocks, unsigned threads, Kernel kernel) {
  std::vector<T> row(256);
  run({.grid = {blocks, 1, 1}, .block = {threads, 1, 1}}, 0, kernel, row.data());
  std::exit(0);  // ThreadSanitizer turns this into its own exit code where it has reported
}

template <class T, class Kernel>
void expect_race(const char* name, unsigned blocks, unsigned threads, Kernel kernel) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT((run_racy<T>(blocks, threads, kernel)),
              [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; },
              std::string("data race.*") + name + ".*planted_faults_test");
}

TEST(SimtFaultsDeathTest, ThreadSanitizerFindsAMissingBarrier) {
  expect_race<float>("missing_barrier", 1, 256, missing_barrier);
}
TEST(SimtFaultsDeathTest, ThreadSanitizerFindsAMissingTrailingBarrier) {
  expect_race<float>("missing_trailing_barrier", 1, 256, missing_trailing_barrier);
}
TEST(SimtFaultsDeathTest, ThreadSanitizerKnowsThatAShuffleOrdersNoMemory) {
  expect_race<int>("shuffle_is_no_barrier", 1, 32, shuffle_is_no_barrier);
}
TEST(SimtFaultsDeathTest, ThreadSanitizerFindsARaceBetweenBlocks) {
  expect_race<int>("blocks_race", 4, 32, blocks_race);
}
#else
template <class T, class Kernel>
int wrong_seeds(int threads, int shift, Kernel kernel) {
  int wrong = 0;
  for (const uint64_t seed : kSeeds) {
    std::vector<T> row(threads), expected(threads);
    std::iota(row.begin(), row.end(), T{0});
    for (int t = 0; t < threads; ++t) expected[t] = static_cast<T>((t + shift) % threads);
    run({.block = {static_cast<unsigned>(threads), 1, 1}}, seed, kernel, row.data());
    wrong += row != expected;
  }
  return wrong;
}

TEST(SimtFaults, SeedsShowAMissingBarrier) {
  EXPECT_GT(wrong_seeds<float>(256, 1, missing_barrier), 0);
  EXPECT_GT(wrong_seeds<float>(256, 2, missing_trailing_barrier), 0);
}

TEST(SimtFaults, TheLastBlockInASeededOrderWins) {
  bool differs = false;
  for (const uint64_t seed : kSeeds) {
    int cell = -1;
    run_grid({.grid = {50, 1, 1}}, "race", [&] { blocks_race(&cell); }, {.seed = seed});
    differs = differs || cell != 49;
  }
  EXPECT_TRUE(differs);
}
#endif

}  // namespace
}  // namespace voluta::simt
