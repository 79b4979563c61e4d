#include <fmt/format.h>
#include <voluta/core/device/cuda_unavailable.h>

namespace voluta {
namespace {

// Values of cudaError_t.
constexpr int kSuccess = 0, kInsufficientDriver = 35, kNoDevice = 100, kDevicesUnavailable = 46,
              kSystemDriverMismatch = 803, kCompatNotSupported = 804, kUnknown = 999;

std::string advice(int error, int driver_version, int runtime_version) {
  switch (error) {
    case kSuccess:
    case kNoDevice:
      return "no CUDA GPU is visible; check nvidia-smi and CUDA_VISIBLE_DEVICES";
    case kInsufficientDriver:
      // The runtime says "insufficient" for an absent driver as well.
      if (driver_version == 0) return "no NVIDIA driver was found";
      return fmt::format("the NVIDIA driver is too old: it offers CUDA {}, this build needs {}",
                         cuda_version_text(driver_version), cuda_version_text(runtime_version));
    case kDevicesUnavailable:
      return "every GPU is busy or in exclusive use by another process";
    case kSystemDriverMismatch:
      return "the NVIDIA kernel module and libcuda are of different versions; reboot or reinstall "
             "the driver";
    case kCompatNotSupported:
      return "CUDA's forward compatibility package does not support this GPU; update the driver";
    case kUnknown:
      return "the NVIDIA driver failed to start; check nvidia-smi and the kernel log";
    default:
      return "CUDA could not be started";
  }
}

}  // namespace

std::string cuda_version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string explain_cuda_unavailable(int error, std::string_view text, int driver_version,
                                     int runtime_version) {
  const std::string cause = advice(error, driver_version, runtime_version);
  if (error == kSuccess) return cause;
  return fmt::format("{} (cudaGetDeviceCount: {}, error {})", cause, text, error);
}

}  // namespace voluta
