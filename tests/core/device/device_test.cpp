#include <gmock/gmock.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/tests/core/device/every_device.h>

namespace voluta {
namespace {

using testing::HasSubstr;

bool in_simt() {
  return linked_cuda_runtime().name() == "simt";
}

TEST(Device, CpuIsAlwaysThere) {
  EXPECT_EQ(parse_device("cpu"), (Device{DeviceType::kCpu, 0}));
  EXPECT_EQ(parse_device("cpu:0"), (Device{DeviceType::kCpu, 0}));
  EXPECT_EQ(to_string(Device{}), "cpu");
  EXPECT_EQ(available_devices().front(), Device{});
}

TEST(Device, BadNamesAreUsageErrors) {
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cpu: 1", "CPU",
                           "simt:99999999999", "cuda:1:2", ":0"}) {
    const std::string text = error_of(ErrorKind::kInvalidArgument, [&] { parse_device(name); });
    EXPECT_THAT(text, HasSubstr("names no device")) << name;
  }
}

TEST(Device, OtherBinarysNameIsRefused) {
  const char* other = in_simt() ? "cuda" : "simt:0";
  const std::string text = error_of(ErrorKind::kNoDevice, [&] { parse_device(other); });
  EXPECT_THAT(text, HasSubstr("is not in this binary"));
}

TEST(Device, IndexBeyondTheLastDeviceIsRefused) {
  EXPECT_THAT(error_of(ErrorKind::kNoDevice, [] { parse_device("cpu:1"); }),
              HasSubstr("the last one is cpu"));
  error_of(ErrorKind::kNoDevice, [] { parse_device(in_simt() ? "simt:99" : "cuda:99"); });
}

TEST(Device, CudaIsEitherUsableOrExplained) {
  const int count = runtime(DeviceType::kCuda).device_count();
  EXPECT_EQ(available_devices().size(), static_cast<std::size_t>(1 + count));
  EXPECT_EQ(cuda_unavailable_reason().empty(), count > 0);
  const std::string name = in_simt() ? "simt" : "cuda";
  if (count > 0) {
    EXPECT_EQ(parse_device(name), (Device{DeviceType::kCuda, 0}));
    EXPECT_EQ(to_string(default_device()), name + ":0");
  } else {
    EXPECT_THAT(error_of(ErrorKind::kNoDevice, [&] { parse_device(name); }),
                HasSubstr(cuda_unavailable_reason()));
    EXPECT_EQ(default_device(), Device{});
  }
}

TEST(Device, PropertiesOfTheCpu) {
  const DeviceProperties cpu = properties(Device{});
  EXPECT_FALSE(cpu.name.empty());
  EXPECT_GT(cpu.memory_bytes, std::size_t{1} << 20);
  EXPECT_GT(cpu.multiprocessors, 0);
  error_of(ErrorKind::kNoDevice, [] { properties({DeviceType::kCpu, 3}); });
}

TEST(Device, ScopedRuntimeReplacesAndRestores) {
  Runtime& before = runtime(DeviceType::kCpu);
  FaultInjector outer(before), inner(before);
  {
    const ScopedRuntime first(DeviceType::kCpu, outer);
    EXPECT_EQ(&runtime(DeviceType::kCpu), &outer);
    {
      const ScopedRuntime second(DeviceType::kCpu, inner);
      EXPECT_EQ(&runtime(DeviceType::kCpu), &inner);
    }
    EXPECT_EQ(&runtime(DeviceType::kCpu), &outer);
  }
  EXPECT_EQ(&runtime(DeviceType::kCpu), &before);
}

}  // namespace
}  // namespace voluta
