#include <gmock/gmock.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/device/stream.h>
#include <voluta/tests/core/device/every_device.h>

namespace voluta {
namespace {

using testing::HasSubstr;

class FaultInjectorTest : public EveryDevice {
 protected:
  FaultInjector faults_{runtime(device_.type)};
  ScopedRuntime scope_{device_.type, faults_};
};

TEST_P(FaultInjectorTest, CountsCallsByKind) {
  {
    Stream stream(device_);
    Event event(device_);
    event.record(stream);
    stream.synchronize();
    stream.synchronize();
  }
  EXPECT_EQ(faults_.calls(CallKind::kCreate), 2u);
  EXPECT_EQ(faults_.calls(CallKind::kRecord), 1u);
  EXPECT_EQ(faults_.calls(CallKind::kSynchronize), 3u) << "the stream's end waits as well";
  EXPECT_EQ(faults_.calls(), 6u);
  EXPECT_EQ(faults_.live(), FaultInjector::Live{});
}

TEST_P(FaultInjectorTest, FailsTheChosenCallOfTheChosenKindOnce) {
  Stream stream(device_);
  Event event(device_);
  faults_.inject({.call = 2, .kind = CallKind::kRecord, .message = "an illegal address"});
  event.record(stream);
  stream.synchronize();
  const std::string text = error_of(ErrorKind::kFailed, [&] { event.record(stream); });
  EXPECT_EQ(text, "record failed: an illegal address");
  EXPECT_TRUE(faults_.fired());
  event.record(stream);
}

TEST_P(FaultInjectorTest, StickyFaultFailsAllLaterCallsButNoRelease) {
  {
    Stream stream(device_);
    Event event(device_);
    faults_.inject({.sticky = true});
    EXPECT_THROW(stream.synchronize(), Error);
    EXPECT_THROW(event.record(stream), Error);
    EXPECT_THROW(event.finished(), Error);
  }
  EXPECT_EQ(faults_.live(), FaultInjector::Live{});
  faults_.clear();
  Stream works(device_);
}

TEST_P(FaultInjectorTest, ExhaustedMemoryIsNullAndOtherFailuresThrow) {
  faults_.inject({.kind = CallKind::kAllocate, .error = ErrorKind::kOutOfMemory});
  EXPECT_EQ(faults_.allocate(device_.index, 64), nullptr);
  faults_.inject({.kind = CallKind::kAllocate, .error = ErrorKind::kFailed});
  EXPECT_THROW(faults_.allocate(device_.index, 64), Error);
}

TEST_P(FaultInjectorTest, PlaysASmallDevice) {
  faults_.limit_memory(1000);
  void* pointer = faults_.allocate(device_.index, 600);
  ASSERT_NE(pointer, nullptr);
  EXPECT_EQ(faults_.allocate(device_.index, 600), nullptr);
  EXPECT_EQ(faults_.memory_info(device_.index).free_bytes, 400u);
  EXPECT_EQ(faults_.memory_info(device_.index).total_bytes, 1000u);
  EXPECT_EQ(faults_.live().allocated_bytes, 600u);
  faults_.deallocate(device_.index, pointer);
  EXPECT_EQ(faults_.live(), FaultInjector::Live{});
}

TEST_P(FaultInjectorTest, NamesTheKernelThatFails) {
  Stream stream(device_);
  faults_.inject({.kind = CallKind::kLaunch, .message = "misaligned address"});
  const KernelCall call{
      .name = "conv2d_direct", .symbol = nullptr, .arguments = nullptr, .body = {}};
  const auto launch = [&] { faults_.launch(device_.index, {}, call, stream.handle()); };
  EXPECT_THAT(error_of(ErrorKind::kFailed, launch),
              HasSubstr("misaligned address; kernel 'conv2d_direct'"));
}

VOLUTA_ON_EVERY_DEVICE(FaultInjectorTest);

}  // namespace
}  // namespace voluta
