#include <gmock/gmock.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/core/memory/pinned_pool.h>
#include <voluta/tests/core/device/every_device.h>

namespace voluta {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

class PinnedPoolTest : public EveryDevice {
 protected:
  FaultInjector faults_{runtime(device_.type)};
  ScopedRuntime scope_{device_.type, faults_};
  PinnedPool pool_{device_, {.debug = false}};
  Stream stream_{device_};
};

TEST_P(PinnedPoolTest, StagesCopies) {
  CachingPool device_pool(device_);
  const Block memory = device_pool.allocate(4096, stream_, "x");
  PinnedBlock sent = pool_.allocate(4096, stream_, "send");
  const PinnedBlock received = pool_.allocate(4096, stream_, "receive");
  std::fill_n(sent.as<char>(), 4096, 'v');
  stream_.copy(memory.data(), sent.data(), 4096, CopyKind::kHostToDevice);
  sent.reset();  // the copy may still be on its way
  std::fill_n(pool_.allocate(4096, stream_, "other").as<char>(), 4096, 'w');
  stream_.copy(received.data(), memory.data(), 4096, CopyKind::kDeviceToHost);
  stream_.synchronize();
  EXPECT_THAT(std::string(received.as<char>(), 4096), testing::Each('v'));
}

TEST_P(PinnedPoolTest, IsCachedAndTrimmed) {
  void* address = pool_.allocate(3 * kMiB, stream_, "a").data();
  stream_.synchronize();
  EXPECT_EQ(pool_.allocate(3 * kMiB, stream_, "b").data(), address);
  EXPECT_EQ(faults_.calls(CallKind::kAllocatePinned), 1u);
  EXPECT_EQ(pool_.stats().reserved_bytes, 4 * kMiB);
  stream_.synchronize();
  pool_.trim();
  EXPECT_EQ(pool_.stats().reserved_bytes, 0u);
  EXPECT_EQ(faults_.live().pinned, 0u);
}

TEST_P(PinnedPoolTest, ExhaustionNamesTheHost) {
  pool_.set_limit(4 * kMiB);
  const PinnedBlock held = pool_.allocate(3 * kMiB, stream_, "prefetch");
  const std::string text =
      error_of(ErrorKind::kOutOfMemory, [&] { pool_.allocate(2 * kMiB, stream_, "prefetch"); });
  EXPECT_THAT(text, testing::HasSubstr("out of memory on the host (pinned)"));
  EXPECT_THAT(text, testing::HasSubstr("prefetch fewer batches"));
}

TEST_P(PinnedPoolTest, ATransientRefusalIsSurvived) {
  faults_.inject({.kind = CallKind::kAllocatePinned, .error = ErrorKind::kOutOfMemory});
  EXPECT_TRUE(pool_.allocate(100, stream_, "x"));
}

VOLUTA_ON_EVERY_DEVICE(PinnedPoolTest);

}  // namespace
}  // namespace voluta
