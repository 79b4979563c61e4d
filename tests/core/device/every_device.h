#pragma once

// Device tests run on the CPU and on the first CUDA device of the binary: the emulated one in
// core_simt_tests, a GPU in core_tests where there is one.

#include <gtest/gtest.h>
#include <voluta/core/device/runtime.h>
#include <voluta/core/error.h>

#include <algorithm>
#include <ostream>

namespace voluta {

// How GoogleTest writes a device.
inline void PrintTo(Device device, std::ostream* out) {
  *out << to_string(device);
}

inline std::vector<Device> every_device() {
  std::vector<Device> devices{{DeviceType::kCpu, 0}};
  if (linked_cuda_runtime().device_count() > 0) devices.push_back({DeviceType::kCuda, 0});
  return devices;
}

class EveryDevice : public testing::TestWithParam<Device> {
 protected:
  const Device device_ = GetParam();
};

inline std::string device_test_name(const testing::TestParamInfo<Device>& info) {
  std::string name = to_string(info.param);
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
}

#define VOLUTA_ON_EVERY_DEVICE(suite)                                            \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(::voluta::every_device()), \
                           ::voluta::device_test_name)

// Expects an Error of this kind and returns its message.
template <class Action>
std::string error_of(ErrorKind kind, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "one line, please";
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return {};
}

}  // namespace voluta
