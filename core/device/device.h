#pragma once

// Where a plan runs. `cuda` devices come from the CUDA runtime in `voluta`, and from simt/ (CUDA
// code run on the CPU) in `voluta-simt`, where they are called `simt`.

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace voluta {

enum class DeviceType { kCpu, kCuda };

struct Device {
  DeviceType type = DeviceType::kCpu;
  int index = 0;
  auto operator<=>(const Device&) const = default;
};

struct DeviceProperties {
  std::string name;    // "NVIDIA H200", the CPU's model name, "SIMT emulation on <CPU>"
  std::string driver;  // driver version; empty for the CPU
  std::size_t memory_bytes = 0;
  int multiprocessors = 0;  // cores for a CPU
  int compute_major = 0, compute_minor = 0;
};

std::string to_string(Device device);  // "cpu", "cuda:0", "simt:0"

// "cpu", "cuda", "cuda:1"; "simt" in voluta-simt. Throws invalid() for a bad name and kNoDevice,
// with the reason, for a device that is not there.
Device parse_device(std::string_view text);

// The first CUDA device where there is one, else the CPU.
Device default_device();

std::vector<Device> available_devices();

// Why no CUDA device can be used ("no NVIDIA driver was found ..."); empty where one can.
std::string cuda_unavailable_reason();

DeviceProperties properties(Device device);

// Asked of the driver once, for what runs before every launch.
int compute_capability(Device device);  // 10 * major + minor; 0 for the CPU
int multiprocessors(Device device);

}  // namespace voluta
