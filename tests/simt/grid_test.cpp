// Indices, shapes and limits of grids.

#include "simt_test.h"

namespace voluta::simt {
namespace {

__global__ void write_indices(unsigned* out) {  // [grid.z, grid.y, grid.x, block z, y, x, 6]
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned volume = blockDim.x * blockDim.y * blockDim.z;
  unsigned* mine = out + 6 * (block * volume + thread);
  mine[0] += blockIdx.x, mine[1] += blockIdx.y, mine[2] += blockIdx.z;
  mine[3] += threadIdx.x, mine[4] += threadIdx.y, mine[5] += threadIdx.z;
}

TEST(SimtGrid, EveryThreadOfEveryBlockRunsOnceWithItsIndices) {
  const LaunchShape shape{.grid = {3, 4, 5}, .block = {7, 3, 2}};
  for (const uint64_t seed : kSeeds) {
    std::vector<unsigned> found(3 * 4 * 5 * 42 * 6), expected;
    run(shape, seed, write_indices, found.data());
    for (unsigned bz = 0; bz < 5; ++bz)
      for (unsigned by = 0; by < 4; ++by)
        for (unsigned bx = 0; bx < 3; ++bx)
          for (unsigned z = 0; z < 2; ++z)
            for (unsigned y = 0; y < 3; ++y)
              for (unsigned x = 0; x < 7; ++x) {
                for (const unsigned v : {bx, by, bz, x, y, z}) expected.push_back(v);
              }
    ASSERT_EQ(found, expected) << "seed " << seed;
  }
}

__global__ void count_blocks(int* counts) {
  if (threadIdx.x == 0) ++counts[blockIdx.x];
}

TEST(SimtGrid, HasMoreThan65535BlocksInX) {
  for (const uint64_t seed : {0, 9}) {
    std::vector<int> counts(70'000);
    run({.grid = {70'000, 1, 1}, .block = {2, 1, 1}}, seed, count_blocks, counts.data());
    EXPECT_EQ(counts, std::vector<int>(70'000, 1));
  }
}

#if !defined(__SANITIZE_THREAD__)  // the order is made visible by a race

// Thread i of a block of one warp writes its place in the order of execution.
__global__ void write_order(int* next, int* order) {
  order[(*next)++] = static_cast<int>(threadIdx.x);
}

std::vector<int> order_of(uint64_t seed) {
  std::vector<int> order(32);
  int next = 0;
  run({.block = {32, 1, 1}}, seed, write_order, &next, order.data());
  return order;
}

TEST(SimtGrid, SeedsGiveOrders) {
  std::vector<int> ascending(32);
  for (int i = 0; i < 32; ++i) ascending[i] = i;
  EXPECT_EQ(order_of(0), ascending);
  EXPECT_NE(order_of(1), ascending);
  EXPECT_NE(order_of(1), order_of(2));
  EXPECT_EQ(order_of(3), order_of(3));
}

#endif

__global__ void nothing() {}

std::string launch_error(const LaunchShape& shape) {
  return error_of([&] { run(shape, 0, nothing); });
}

TEST(SimtGrid, ChecksTheLimitsOfALaunch) {
  EXPECT_EQ(launch_error({.grid = {1, 65'535, 1}}), "");
  EXPECT_EQ(launch_error({.block = {1024, 1, 1}}), "");
  EXPECT_EQ(launch_error({.shared_bytes = 227 * 1024}), "");
  const std::string too_tall = launch_error({.grid = {1, 65'536, 1}});
  EXPECT_TRUE(contains(too_tall, "invalid configuration"));
  EXPECT_TRUE(contains(too_tall, "kernel 'test_kernel', grid 1 x 65536 x 1, block 1 x 1 x 1"));
  EXPECT_TRUE(contains(too_tall, "grid.y is at most 65535"));
  EXPECT_TRUE(contains(launch_error({.grid = {1, 1, 65'536}}), "grid.z"));
  EXPECT_TRUE(contains(launch_error({.grid = {0, 1, 1}}), "nothing to run along x"));
  EXPECT_TRUE(contains(launch_error({.block = {32, 0, 1}}), "nothing to run along y"));
  EXPECT_TRUE(contains(launch_error({.block = {1025, 1, 1}}), "block.x"));
  EXPECT_TRUE(contains(launch_error({.block = {1, 1, 65}}), "block.z"));
  EXPECT_TRUE(contains(launch_error({.block = {32, 33, 1}}), "at most 1024 threads"));
  EXPECT_TRUE(contains(launch_error({.shared_bytes = 227 * 1024 + 1}), "shared memory"));
}

__global__ void throw_in_one(unsigned block, unsigned thread) {
  if (blockIdx.x == block && threadIdx.x == thread) fail(ErrorKind::kVerification, "planted");
  __syncthreads();
}

TEST(SimtGrid, CarriesAnErrorOutOfTheGrid) {
  for (const uint64_t seed : kSeeds) {
    try {
      run({.grid = {64, 1, 1}, .block = {96, 1, 1}}, seed, throw_in_one, 13u, 70u);
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kVerification);
      EXPECT_STREQ(error.what(),
                   "kernel 'test_kernel', block (13, 0, 0), thread (70, 0, 0): planted");
    }
  }
}

__global__ void launch_again() {
  run_grid({}, "inner", [] {}, {});
}

TEST(SimtGrid, RefusesALaunchFromAKernel) {
  EXPECT_TRUE(contains(error_of([] { run({}, 0, launch_again); }), "cannot launch another"));
  EXPECT_TRUE(contains(error_of([] { __syncthreads(); }), "__syncthreads was called outside"));
}

}  // namespace
}  // namespace voluta::simt
