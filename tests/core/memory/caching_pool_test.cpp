#include <gmock/gmock.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/tests/core/device/every_device.h>

#include <thread>

namespace voluta {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

class CachingPoolTest : public EveryDevice {
 protected:
  Block allocate(std::size_t bytes) { return pool_.allocate(bytes, stream_, "test"); }

  FaultInjector device_calls_{runtime(device_.type)};
  ScopedRuntime scope_{device_.type, device_calls_};
  CachingPool pool_{device_, {.debug = false}};
  Stream stream_{device_};
};

TEST_P(CachingPoolTest, LendsAlignedMemoryThatWorks) {
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{511}, std::size_t{513}, kMiB - 1, kMiB, 3 * kMiB + 5}) {
    const Block block = allocate(bytes);
    EXPECT_EQ(block.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data()) % 256, 0u);
    stream_.fill(block.data(), 1, bytes);
  }
  stream_.synchronize();
}

TEST_P(CachingPoolTest, EmptyRequestsGetAPlaceOfTheirOwn) {
  const Block first = allocate(0), second = allocate(0);
  EXPECT_NE(first.data(), nullptr);
  EXPECT_NE(first.data(), second.data());
  EXPECT_EQ(first.bytes(), 0u);
}

TEST_P(CachingPoolTest, SameStreamGetsTheMemoryBackAtOnce) {
  Block block = allocate(5 * kMiB);
  void* address = block.data();
  block.reset();
  EXPECT_FALSE(block);
  const Block again = allocate(5 * kMiB);
  EXPECT_EQ(again.data(), address);
  EXPECT_EQ(device_calls_.calls(CallKind::kAllocate), 1u);
}

TEST_P(CachingPoolTest, SmallRequestsShareASegment) {
  std::vector<Block> blocks;
  for (int i = 0; i < 64; ++i) blocks.push_back(allocate(32 << 10));
  EXPECT_EQ(pool_.stats().segments, 1u);
  EXPECT_EQ(pool_.stats().reserved_bytes, 2 * kMiB);
  blocks.push_back(allocate(1));
  EXPECT_EQ(pool_.stats().segments, 2u);
}

TEST_P(CachingPoolTest, NeighboursMergeInAnyOrder) {
  std::vector<int> order{0, 1, 2};
  do {
    std::vector<Block> parts;
    for (int i = 0; i < 3; ++i) parts.push_back(allocate(600 << 10));
    for (const int i : order) parts[static_cast<std::size_t>(i)].reset();
    EXPECT_EQ(pool_.stats().largest_free_bytes, 2 * kMiB);
    EXPECT_EQ(pool_.stats().fragmentation(), 0.0);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(pool_.stats().segments, 1u);
}

TEST_P(CachingPoolTest, TheBestFitIsTaken) {
  Block large = allocate(8 * kMiB), middle = allocate(4 * kMiB), other = allocate(6 * kMiB);
  void* address = middle.data();
  large.reset();
  middle.reset();
  other.reset();
  EXPECT_EQ(allocate(3 * kMiB).data(), address);
}

TEST_P(CachingPoolTest, SmallRequestsDoNotCutUpLargeSegments) {
  allocate(8 * kMiB).reset();
  const Block small = allocate(100);
  EXPECT_EQ(pool_.stats().largest_free_bytes, 8 * kMiB);
}

TEST_P(CachingPoolTest, CountsWhatItDoes) {
  Block first = allocate(1000), second = allocate(2 * kMiB);
  MemoryStats stats = pool_.stats();
  EXPECT_EQ(stats.requested_bytes, 1000 + 2 * kMiB);
  EXPECT_EQ(stats.allocated_bytes, 1024 + 2 * kMiB);
  EXPECT_EQ(stats.reserved_bytes, 4 * kMiB);
  EXPECT_EQ(stats.free_bytes, 2 * kMiB - 1024);
  EXPECT_EQ(stats.segments, 2u);
  EXPECT_EQ(stats.blocks, 2u);
  first.reset();
  second.reset();
  pool_.trim();
  stats = pool_.stats();
  EXPECT_EQ(stats.blocks, 0u);
  EXPECT_EQ(stats.allocated_bytes, 0u);
  EXPECT_EQ(stats.requested_bytes, 0u);
  EXPECT_EQ(stats.peak_allocated_bytes, 1024 + 2 * kMiB);
  EXPECT_EQ(stats.peak_reserved_bytes, 4 * kMiB);
  EXPECT_EQ(stats.allocations, 2u);
  EXPECT_EQ(stats.frees, 2u);
}

TEST_P(CachingPoolTest, TrimGivesBackWhatNobodyHolds) {
  Block kept = allocate(3 * kMiB);
  allocate(5 * kMiB).reset();
  stream_.synchronize();
  pool_.trim();
  EXPECT_EQ(pool_.stats().reserved_bytes, 4 * kMiB);
  EXPECT_EQ(device_calls_.live().allocations, 1u);
  kept.reset();
  stream_.synchronize();
  pool_.trim();
  EXPECT_EQ(pool_.stats().reserved_bytes, 0u);
  EXPECT_EQ(device_calls_.live().allocations, 0u);
}

TEST_P(CachingPoolTest, BlocksMoveAndOutliveTheirPool) {
  Block outliving;
  {
    CachingPool pool(device_, {.debug = false});
    Block first = pool.allocate(100, stream_, "a");
    Block second = std::move(first);
    EXPECT_FALSE(first);
    EXPECT_EQ(first.data(), nullptr);
    second = pool.allocate(200, stream_, "b");
    EXPECT_EQ(pool.stats().blocks, 1u);
    outliving = std::move(second);
    outliving = std::move(outliving);
  }
  if (outliving) stream_.fill(outliving.data(), 0, outliving.bytes());
  outliving = Block();
  stream_.synchronize();
  EXPECT_EQ(device_calls_.live().allocations, 0u);
}

TEST_P(CachingPoolTest, ALimitIsKept) {
  pool_.set_limit(6 * kMiB);
  Block first = allocate(4 * kMiB);
  EXPECT_EQ(pool_.available_bytes(), 2 * kMiB);
  const std::string text = error_of(ErrorKind::kOutOfMemory, [&] { allocate(3 * kMiB); });
  EXPECT_THAT(text, testing::HasSubstr("a limit of 6.00 MiB"));
  first.reset();
  EXPECT_EQ(allocate(6 * kMiB).bytes(), 6 * kMiB) << "the cache of 4 MiB makes room";
  EXPECT_LE(pool_.stats().peak_reserved_bytes, 6 * kMiB);
}

TEST_P(CachingPoolTest, AbsurdSizesAreOutOfMemory) {
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX - 511, SIZE_MAX / 2}) {
    error_of(ErrorKind::kOutOfMemory, [&] { allocate(bytes); });
  }
  EXPECT_EQ(pool_.stats().reserved_bytes, 0u);
}

TEST_P(CachingPoolTest, ThreadsShareAPool) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread] {
      Stream stream(device_);
      std::vector<Block> blocks;
      for (int i = 0; i < 2000; ++i) {
        blocks.push_back(pool_.allocate(static_cast<std::size_t>(i * 37 % 5000), stream, "t"));
        if (i % 3 == thread % 3)
          blocks.erase(blocks.begin() + i % 7 % static_cast<int>(blocks.size()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const MemoryStats stats = pool_.stats();
  EXPECT_EQ(stats.allocations, 8000u);
  EXPECT_EQ(stats.frees, 8000u);
  EXPECT_EQ(stats.blocks, 0u);
  EXPECT_EQ(stats.free_bytes, stats.reserved_bytes);
  pool_.trim();
  EXPECT_EQ(device_calls_.live().allocations, 0u);
}

VOLUTA_ON_EVERY_DEVICE(CachingPoolTest);

TEST(CachingPool, StreamsOfAnotherDeviceAreRefused) {
  if (every_device().size() < 2) GTEST_SKIP() << "one device only";
  Stream cpu(Device{});
  CachingPool pool({DeviceType::kCuda, 0});
  EXPECT_THAT(error_of(ErrorKind::kInvalidArgument, [&] { pool.allocate(1, cpu, "x"); }),
              testing::HasSubstr("a stream of cpu"));
}

}  // namespace
}  // namespace voluta
