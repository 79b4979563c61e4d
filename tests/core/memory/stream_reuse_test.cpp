// Which stream may have freed memory, and when.

#include <gtest/gtest.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/core/memory/pinned_pool.h>
#include <voluta/tests/core/memory/manual_runtime.h>

namespace voluta {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kBytes = 4 * kMiB;

class StreamReuse : public testing::Test {
 protected:
  static void finish(Stream& stream) { ManualRuntime::finish(stream.handle()); }

  // The address of a block of `bytes` that goes back at once.
  void* touch(Stream& stream, std::size_t bytes = kBytes) {
    return pool_.allocate(bytes, stream, "touch").data();
  }

  ManualRuntime manual_;
  ScopedRuntime scope_{DeviceType::kCpu, manual_};
  Stream first_{Device{}}, second_{Device{}}, third_{Device{}};
  CachingPool pool_{Device{}, {.debug = false}};
};

TEST_F(StreamReuse, TheSameStreamDoesNotWait) {
  void* address = touch(first_);
  EXPECT_EQ(touch(first_), address);
}

TEST_F(StreamReuse, AnotherStreamWaitsForTheEvent) {
  void* address = touch(first_);
  EXPECT_NE(touch(second_), address);
  finish(first_);
  EXPECT_EQ(pool_.allocate(kBytes, third_, "x").data(), address);
}

TEST_F(StreamReuse, WorkAfterTheFreeDoesNotDelayOthers) {
  void* address = touch(first_);
  finish(first_);
  touch(first_, 100);  // later work that is not over
  EXPECT_EQ(touch(second_), address);
}

TEST_F(StreamReuse, ARecordedUseHoldsEvenTheOwnStreamBack) {
  Block block = pool_.allocate(kBytes, first_, "shared");
  void* address = block.data();
  block.record_use(second_);
  block.record_use(second_);
  block.record_use(first_);  // its own stream: nothing new
  block.reset();
  EXPECT_EQ(pool_.stats().pending_bytes, kBytes);
  EXPECT_NE(touch(first_), address);
  finish(second_);
  const Block one = pool_.allocate(kBytes, first_, "x"), two = pool_.allocate(kBytes, first_, "y");
  EXPECT_TRUE(one.data() == address || two.data() == address);
  EXPECT_EQ(pool_.stats().pending_bytes, 0u);
}

TEST_F(StreamReuse, TrimKeepsWhatIsStillInUse) {
  touch(first_);
  pool_.trim();
  EXPECT_EQ(pool_.stats().segments, 1u);
  finish(first_);
  pool_.trim();
  EXPECT_EQ(pool_.stats().segments, 0u);
}

TEST_F(StreamReuse, NeighboursOfTwoStreamsMergeWhenBothAreOver) {
  Block head = pool_.allocate(900 << 10, first_, "head");
  Block tail = pool_.allocate(900 << 10, second_, "tail");
  ASSERT_EQ(pool_.stats().segments, 1u);
  head.reset();
  tail.reset();
  EXPECT_LT(pool_.stats().largest_free_bytes, 2 * kMiB);
  finish(first_);
  finish(second_);
  pool_.trim();
  EXPECT_EQ(pool_.stats().segments, 0u) << "merged into a whole segment, which went back";
}

TEST_F(StreamReuse, OneStreamMergesWithoutWaiting) {
  Block a = pool_.allocate(kMiB / 2, first_, "a"), b = pool_.allocate(kMiB / 2, first_, "b");
  a.reset();
  b.reset();
  EXPECT_EQ(pool_.stats().largest_free_bytes, 2 * kMiB);
  touch(first_, kMiB - 512);
  EXPECT_EQ(pool_.stats().segments, 1u);
}

TEST_F(StreamReuse, AStreamsEndFreesItsMemoryForAll) {
  auto mortal = std::make_unique<Stream>(Device{});
  void* address = touch(*mortal);
  mortal.reset();
  EXPECT_EQ(touch(second_), address);
}

TEST_F(StreamReuse, AFullPoolWaitsBeforeItGivesUp) {
  pool_.set_limit(kBytes);
  void* address = touch(first_);
  EXPECT_EQ(touch(second_), address) << "waited for the first stream's event";
  Block block = pool_.allocate(kBytes, first_, "shared");
  block.record_use(third_);
  block.reset();
  EXPECT_EQ(touch(second_), address);
}

TEST_F(StreamReuse, ManyFreesKeepFewEvents) {
  FaultInjector calls(manual_);
  const ScopedRuntime scope(DeviceType::kCpu, calls);
  Stream stream{Device{}};
  CachingPool pool(Device{}, {.debug = false});
  for (int i = 0; i < 10'000; ++i) {
    pool.allocate(100, stream, "x").reset();
    if (i % 10 == 0) finish(stream);
  }
  EXPECT_LE(calls.live().events, 200u);
}

TEST_F(StreamReuse, PinnedMemoryWaitsOnItsOwnStreamToo) {
  PinnedPool pinned(Device{}, {.debug = false});
  PinnedBlock block = pinned.allocate(kBytes, first_, "staging");
  void* address = block.data();
  block.reset();
  EXPECT_NE(pinned.allocate(kBytes, first_, "staging").data(), address)
      << "the host would overwrite what a copy still reads";
  finish(first_);
  const PinnedBlock one = pinned.allocate(kBytes, first_, "a");
  const PinnedBlock two = pinned.allocate(kBytes, first_, "b");
  EXPECT_TRUE(one.data() == address || two.data() == address);
  EXPECT_EQ(pinned.stats().segments, 2u);
}

}  // namespace
}  // namespace voluta
