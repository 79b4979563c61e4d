// cp.async: what arrives when, and faults that must show.

#include "simt_test.h"

#include <voluta/kernels/common/async_copy.cuh>

#include <cmath>
#include <numeric>

namespace voluta::simt {
namespace {

constexpr int kThreads = 64;

template <int kBytes>
__global__ void copy_rows(const unsigned char* from, unsigned char* to, int present) {
  VOLUTA_SHARED(unsigned char[kThreads * kBytes], tile);
  const int t = static_cast<int>(threadIdx.x), other = (t + 1) % kThreads;
  copy_async<kBytes>(tile + t * kBytes, from + t * kBytes, present);
  commit_copies();
  wait_copies<0>();
  __syncthreads();
  for (int i = 0; i < kBytes; ++i) to[other * kBytes + i] = tile[other * kBytes + i];
}

template <int kBytes>
void expect_copied() {
  alignas(16) unsigned char from[kThreads * kBytes], to[kThreads * kBytes];
  std::iota(std::begin(from), std::end(from), static_cast<unsigned char>(1));
  for (const uint64_t seed : kSeeds) {
    for (int present = 0; present <= kBytes; ++present) {
      run({.block = {kThreads, 1, 1}}, seed, copy_rows<kBytes>,
          static_cast<const unsigned char*>(from), static_cast<unsigned char*>(to), present);
      for (int i = 0; i < kThreads * kBytes; ++i) {
        ASSERT_EQ(to[i], i % kBytes < present ? from[i] : 0) << present << " of " << kBytes;
      }
    }
  }
}

TEST(SimtAsyncCopy, CopiesWhatIsPresentAndZerosTheRest) {
  expect_copied<4>();
  expect_copied<8>();
  expect_copied<16>();
}

// Groups of one copy each; looks at all of them after each wait.
__global__ void look_at_groups(const float* from, float* seen) {  // [3], [3][3]
  VOLUTA_SHARED(float[3], tile);
  for (int i = 0; i < 3; ++i) {
    copy_async<4>(tile + i, from + i);
    commit_copies();
  }
  auto look = [&](float* row) {
    for (int i = 0; i < 3; ++i) row[i] = tile[i];
  };
  wait_copies<2>();
  look(seen);
  wait_copies<1>();
  look(seen + 3);
  wait_copies<0>();
  look(seen + 6);
}

TEST(SimtAsyncCopy, AGroupArrivesAtItsWaitAndWithASeedPerhapsBefore) {
  const float from[3] = {1, 2, 3};
  bool early = false;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    float seen[9];
    run({.block = {1, 1, 1}}, seed, look_at_groups, &from[0], &seen[0]);
    for (int wait = 0; wait < 3; ++wait) {
      for (int i = 0; i < 3; ++i) {
        const float value = seen[wait * 3 + i];
        if (i <= wait) {
          EXPECT_EQ(value, from[i]);
        } else if (seed == 0) {
          EXPECT_TRUE(std::isnan(value));
        } else {
          early = early || value == from[i];
        }
      }
    }
  }
  EXPECT_TRUE(early);
}

TEST(SimtAsyncCopy, CopiesOfOneBlockDoNotArriveInTheNext) {
  const float from[3] = {1, 2, 3};
  for (int repeat = 0; repeat < 2; ++repeat) {
    run_grid({.grid = {4, 1, 1}}, "left_open",
             [&] {
               VOLUTA_SHARED(float[3], tile);
               wait_copies<0>();
               EXPECT_TRUE(std::isnan(tile[0]));
               copy_async<4>(tile, from);
               commit_copies();
             },
             {});
  }
}

// ---- faults

__global__ void wrong_side(float* row) {
  VOLUTA_SHARED(float[4], tile);
  copy_async<4>(row, tile);
}
__global__ void unaligned(float* row) {
  VOLUTA_SHARED(float[8], tile);
  copy_async<16>(tile + 1, row);
}
__global__ void too_much(float* row) {
  VOLUTA_SHARED(float[4], tile);
  copy_async<4>(tile, row, 8);
}

TEST(SimtAsyncCopy, MisuseIsNamed) {
  alignas(16) float row[4] = {};
  auto error = [&](void (*kernel)(float*)) {
    return error_of([&] { run({.block = {1, 1, 1}}, 0, kernel, &row[0]); });
  };
  EXPECT_TRUE(contains(error(wrong_side), "copies from global to shared memory"));
  EXPECT_TRUE(contains(error(unaligned), "not a multiple of the bytes copied"));
  EXPECT_TRUE(contains(error(too_much), "reads more bytes than it copies"));
}

enum class Fault { kNone, kMissingWait, kMissingBarrier, kEarlyReuse };

// Rounds of: copy the next row to the other stage, read a neighbour's element of this one.
template <Fault kFault>
__global__ void pipeline(const float* from, float* to) {  // [kRounds][kThreads]
  constexpr int kRounds = 4;
  VOLUTA_SHARED(float[2][kThreads], stages);
  const int t = static_cast<int>(threadIdx.x);
  copy_async<4>(&stages[0][t], from + t);
  commit_copies();
  for (int round = 0; round < kRounds; ++round) {
    auto start_next = [&] {
      if (round + 1 < kRounds) {
        copy_async<4>(&stages[(round + 1) % 2][t], from + (round + 1) * kThreads + t);
      }
      commit_copies();
    };
    if (kFault == Fault::kEarlyReuse) start_next();  // others may still read that stage
    wait_copies<kFault == Fault::kMissingWait || kFault == Fault::kEarlyReuse ? 1 : 0>();
    if (kFault != Fault::kMissingBarrier) __syncthreads();
    if (kFault != Fault::kEarlyReuse) start_next();
    to[round * kThreads + t] = stages[round % 2][(t + 1) % kThreads];
  }
}

#if defined(__SANITIZE_THREAD__)
template <Fault kFault>
void run_pipeline() {
  std::vector<float> from(4 * kThreads), to(4 * kThreads);
  run({.block = {kThreads, 1, 1}}, 0, pipeline<kFault>, static_cast<const float*>(from.data()),
      to.data());
  std::exit(0);  // ThreadSanitizer turns this into its own exit code where it has reported
}

TEST(SimtAsyncCopyDeathTest, ThreadSanitizerFindsAMissingBarrier) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto reported = [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; };
  EXPECT_EXIT(run_pipeline<Fault::kNone>(), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(run_pipeline<Fault::kMissingBarrier>(), reported, "data race");
  EXPECT_EXIT(run_pipeline<Fault::kEarlyReuse>(), reported, "data race");
}
#else
template <Fault kFault>
int wrong_seeds() {
  std::vector<float> from(4 * kThreads), expected(4 * kThreads);
  std::iota(from.begin(), from.end(), 0.0f);
  for (int i = 0; i < 4 * kThreads; ++i) {
    expected[i] = from[i / kThreads * kThreads + (i + 1) % kThreads];
  }
  int wrong = 0;
  for (const uint64_t seed : kSeeds) {
    std::vector<float> to(4 * kThreads);
    run({.block = {kThreads, 1, 1}}, seed, pipeline<kFault>, static_cast<const float*>(from.data()),
        to.data());
    wrong += to != expected;
  }
  return wrong;
}

TEST(SimtAsyncCopy, SeedsShowAMissingWaitAMissingBarrierAndAStageUsedTooEarly) {
  EXPECT_EQ(wrong_seeds<Fault::kNone>(), 0);
  EXPECT_GT(wrong_seeds<Fault::kMissingWait>(), 0);
  EXPECT_GT(wrong_seeds<Fault::kMissingBarrier>(), 0);
  EXPECT_GT(wrong_seeds<Fault::kEarlyReuse>(), 0);
}
#endif

}  // namespace
}  // namespace voluta::simt
