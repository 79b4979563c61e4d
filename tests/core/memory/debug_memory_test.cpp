#include <gmock/gmock.h>
#include <voluta/core/memory/block_pool.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/core/memory/pinned_pool.h>
#include <voluta/tests/core/device/every_device.h>
#include <voluta/tests/core/memory/manual_runtime.h>

#include <cstdlib>

namespace voluta {
namespace {

using testing::Each;
using testing::HasSubstr;

class DebugMemoryTest : public EveryDevice {
 protected:
  // Under AddressSanitizer the host may not touch guards at all: that is reported at its line.
  bool fenced() const { return fences_work() && stream_.runtime().name() != "cuda"; }

  std::vector<unsigned char> read(const void* from, std::size_t bytes) {
    std::vector<unsigned char> found(bytes);
    stream_.copy(found.data(), from, bytes, CopyKind::kDeviceToHost);
    stream_.synchronize();
    return found;
  }
  void overwrite(const Block& block, std::ptrdiff_t offset, std::size_t bytes) {
    stream_.fill(block.as<char>() + offset, 0x11, bytes);
  }

  CachingPool pool_{device_, {.debug = true}};
  Stream stream_{device_};
};

TEST_P(DebugMemoryTest, NewMemoryIsPoisonedEveryTime) {
  for (int round = 0; round < 2; ++round) {
    const Block block = pool_.allocate(1001, stream_, "x");
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data()) % 256, 0u);
    EXPECT_THAT(read(block.data(), 1001), Each(0xFF));
    stream_.fill(block.data(), 0, 1001);
  }
}

TEST_P(DebugMemoryTest, WritingAllOfABlockIsFine) {
  for (std::size_t bytes : {0u, 1u, 7u, 8u, 511u, 512u, 513u, 1u << 20}) {
    Block block = pool_.allocate(bytes, stream_, "x");
    stream_.fill(block.data(), 0, bytes);
    pool_.check();
    block.reset();
  }
}

TEST_P(DebugMemoryTest, WritesBehindTheEndAreFound) {
  if (fenced()) GTEST_SKIP() << "AddressSanitizer ends the program first";
  Block block = pool_.allocate(1000, stream_, "conv1.weight");
  overwrite(block, 1000, 3);
  const std::string text = error_of(ErrorKind::kFailed, [&] { block.reset(); });
  EXPECT_EQ(text, "memory on " + to_string(device_) +
                      ": 3 bytes behind the end of block 'conv1.weight' (1000 bytes) were "
                      "overwritten, at offsets 1000 to 1002");
  EXPECT_FALSE(block);
  EXPECT_EQ(pool_.stats().blocks, 0u);
}

TEST_P(DebugMemoryTest, WritesBeforeTheStartAreFound) {
  if (fenced()) GTEST_SKIP() << "AddressSanitizer ends the program first";
  Block block = pool_.allocate(1000, stream_, "conv1.weight");
  overwrite(block, -256, 1);
  overwrite(block, -1, 1);
  const std::string text = error_of(ErrorKind::kFailed, [&] { block.reset(); });
  EXPECT_THAT(text, HasSubstr("2 bytes before the start of block 'conv1.weight'"));
  EXPECT_THAT(text, HasSubstr("at offsets -256 to -1"));
}

TEST_P(DebugMemoryTest, ADestructorLeavesTheErrorToTheNextCall) {
  if (fenced()) GTEST_SKIP() << "AddressSanitizer ends the program first";
  overwrite(pool_.allocate(100, stream_, "lost"), 100, 1);
  const std::string text =
      error_of(ErrorKind::kFailed, [&] { pool_.allocate(100, stream_, "next"); });
  EXPECT_THAT(text, HasSubstr("'lost'"));
  EXPECT_TRUE(pool_.allocate(100, stream_, "next")) << "said once";
}

TEST_P(DebugMemoryTest, CheckLooksAtLiveBlocks) {
  if (fenced()) GTEST_SKIP() << "AddressSanitizer ends the program first";
  Block whole = pool_.allocate(100, stream_, "whole");
  Block broken = pool_.allocate(100, stream_, "broken");
  pool_.check();
  overwrite(broken, 101, 1);
  EXPECT_THAT(error_of(ErrorKind::kFailed, [&] { pool_.check(); }), HasSubstr("'broken'"));
  EXPECT_THROW(broken.reset(), Error);
}

TEST_P(DebugMemoryTest, FreedMemoryIsOutOfReach) {
  if (!fenced()) GTEST_SKIP() << "needs AddressSanitizer and memory of the host";
  Block block = pool_.allocate(1000, stream_, "x");
  volatile char* stale = block.as<char>();
  EXPECT_DEATH(stale[1000] = 1, "use-after-poison") << "a guard";
  stale[999] = 1;
  block.reset();
  EXPECT_DEATH(stale[0] = 1, "use-after-poison");
  const Block again = pool_.allocate(1000, stream_, "x");
  ASSERT_EQ(again.data(), const_cast<char*>(stale));
  stale[0] = 1;
}

VOLUTA_ON_EVERY_DEVICE(DebugMemoryTest);

// A device that the host cannot touch: guards go through fill and copy.
TEST(DebugMemory, GuardsWorkThroughTheRuntimeAlone) {
  ManualRuntime manual("cuda");
  const ScopedRuntime scope(DeviceType::kCpu, manual);
  Stream stream{Device{}};
  CachingPool pool(Device{}, {.debug = true});
  Block block = pool.allocate(300, stream, "x");
  EXPECT_THAT(
      std::vector<unsigned char>(block.as<unsigned char>(), block.as<unsigned char>() + 300),
      Each(0xFF));
  block.as<char>()[310] = 5;
  EXPECT_THAT(error_of(ErrorKind::kFailed, [&] { block.reset(); }),
              HasSubstr("offsets 310 to 310"));
}

TEST(DebugMemory, PinnedMemoryIsGuardedToo) {
  if (fences_work()) GTEST_SKIP() << "AddressSanitizer ends the program first";
  Stream stream{Device{}};
  PinnedPool pool(Device{}, {.debug = true});
  PinnedBlock block = pool.allocate(64, stream, "staging");
  EXPECT_EQ(block.as<unsigned char>()[63], 0xFF);
  block.as<char>()[64] = 1;
  EXPECT_THAT(error_of(ErrorKind::kFailed, [&] { block.reset(); }), HasSubstr("'staging'"));
}

TEST(DebugMemory, TheEnvironmentAsksForIt) {
  const char* before = std::getenv("VOLUTA_DEBUG_MEMORY");
  const std::string kept = before == nullptr ? "" : before;
  for (const auto& [value, expected] : {std::pair{"1", true}, {"0", false}, {"", false}}) {
    setenv("VOLUTA_DEBUG_MEMORY", value, 1);
    EXPECT_EQ(debug_memory_requested(), expected) << value;
    EXPECT_EQ(PoolOptions{}.debug, expected);
  }
  unsetenv("VOLUTA_DEBUG_MEMORY");
  EXPECT_FALSE(debug_memory_requested());
  if (before != nullptr) setenv("VOLUTA_DEBUG_MEMORY", kept.c_str(), 1);
}

}  // namespace
}  // namespace voluta
