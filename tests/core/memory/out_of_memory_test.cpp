#include <gmock/gmock.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/tests/core/device/every_device.h>

namespace voluta {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kMiB = std::size_t{1} << 20;

class OutOfMemoryTest : public EveryDevice {
 protected:
  OutOfMemoryTest() { faults_.limit_memory(64 * kMiB); }
  Block allocate(std::size_t bytes, std::string_view tag) {
    return pool_.allocate(bytes, stream_, tag);
  }

  FaultInjector faults_{runtime(device_.type)};
  ScopedRuntime scope_{device_.type, faults_};
  CachingPool pool_{device_, {.debug = false}};
  Stream stream_{device_};
};

TEST_P(OutOfMemoryTest, TheReportSaysWhatWhereAndWho) {
  const Block weights = allocate(30 * kMiB, "weights"), more = allocate(2 * kMiB, "weights");
  const Block arena = allocate(20 * kMiB, "arena");
  const Block a = allocate(2 * kMiB, "a"), b = allocate(2 * kMiB, "b");
  const std::string text =
      error_of(ErrorKind::kOutOfMemory, [&] { allocate(10 * kMiB, "evaluation arena"); });
  EXPECT_EQ(text,
            "out of memory on " + to_string(device_) +
                ": 'evaluation arena' asks for 10.00 MiB (10485760 bytes); 8.00 MiB of 64.00 MiB "
                "are free there; this pool has 56.00 MiB in use; held by 'weights' 32.00 MiB, "
                "'arena' 20.00 MiB, 'a' 2.00 MiB and 1 more 2.00 MiB; use a smaller batch size, or "
                "end other programs on the device");
}

TEST_P(OutOfMemoryTest, ThePlannersAdviceEndsTheReport) {
  const Block weights = allocate(30 * kMiB, "weights");
  pool_.set_advice([this](std::size_t available) {
    EXPECT_EQ(pool_.available_bytes(), available) << "the pool may be asked meanwhile";
    return "a batch of " + std::to_string(available / kMiB) + " would fit";
  });
  const std::string text = error_of(ErrorKind::kOutOfMemory, [&] { allocate(40 * kMiB, "arena"); });
  EXPECT_THAT(text, EndsWith("; a batch of 34 would fit"));
  EXPECT_THAT(text, Not(HasSubstr("smaller batch")));
}

TEST_P(OutOfMemoryTest, TheCacheIsFreedAndTheRequestTriedAgain) {
  allocate(30 * kMiB, "old").reset();
  allocate(20 * kMiB, "old").reset();
  const Block block = allocate(60 * kMiB, "new");
  EXPECT_EQ(block.bytes(), 60 * kMiB);
  EXPECT_EQ(faults_.live().allocations, 1u) << "both old segments went back";
}

TEST_P(OutOfMemoryTest, ATransientRefusalIsSurvived) {
  faults_.inject({.kind = CallKind::kAllocate, .error = ErrorKind::kOutOfMemory});
  EXPECT_TRUE(allocate(kMiB, "x"));
  EXPECT_TRUE(faults_.fired());
}

TEST_P(OutOfMemoryTest, FragmentsAreReported) {
  pool_.set_limit(8 * kMiB);
  Block a = allocate(3 * kMiB, "a"), b = allocate(kMiB, "b");  // one segment of 4 MiB
  Block c = allocate(3 * kMiB, "c"), d = allocate(kMiB, "d");
  a.reset();
  c.reset();
  const std::string text = error_of(ErrorKind::kOutOfMemory, [&] { allocate(4 * kMiB, "e"); });
  EXPECT_THAT(text, HasSubstr("2.00 MiB in use and 6.00 MiB free in pieces of at most 3.00 MiB"));
  EXPECT_THAT(text, EndsWith("raise the memory limit"));
  EXPECT_EQ(pool_.stats().fragmentation(), 0.5);
}

TEST_P(OutOfMemoryTest, APoolGoesOnAfterwards) {
  Block held = allocate(60 * kMiB, "held");
  error_of(ErrorKind::kOutOfMemory, [&] { allocate(10 * kMiB, "x"); });
  EXPECT_EQ(pool_.stats().blocks, 1u);
  held.reset();
  EXPECT_TRUE(allocate(10 * kMiB, "x"));
}

TEST_P(OutOfMemoryTest, TheReportDoesNotNeedTheDevicesAnswer) {
  faults_.limit_memory(kMiB);
  faults_.inject({.kind = CallKind::kInfo});
  const std::string text = error_of(ErrorKind::kOutOfMemory, [&] { allocate(kMiB, "x"); });
  EXPECT_THAT(text, Not(HasSubstr("free there")));
  EXPECT_THAT(text, HasSubstr("'x' asks for 1.00 MiB"));
}

TEST_P(OutOfMemoryTest, AvailableBytesCountTheCache) {
  EXPECT_EQ(pool_.available_bytes(), 64 * kMiB);
  Block block = allocate(10 * kMiB, "x");
  EXPECT_EQ(pool_.available_bytes(), 54 * kMiB);
  block.reset();
  EXPECT_EQ(pool_.available_bytes(), 64 * kMiB);
  pool_.set_limit(20 * kMiB);
  EXPECT_EQ(pool_.available_bytes(), 20 * kMiB);
}

VOLUTA_ON_EVERY_DEVICE(OutOfMemoryTest);

}  // namespace
}  // namespace voluta
