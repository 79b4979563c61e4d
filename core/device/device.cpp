#include <fmt/format.h>
#include <voluta/core/device/runtime.h>
#include <voluta/core/error.h>

#include <atomic>
#include <charconv>
#include <map>
#include <mutex>

namespace voluta {
namespace {

std::atomic<Runtime*>& replacement(DeviceType type) {
  static std::atomic<Runtime*> replacements[2]{};
  return replacements[static_cast<int>(type)];
}

bool is_simt() {
  return linked_cuda_runtime().name() == "simt";
}

// What CUDA devices are called in this binary.
std::string_view cuda_name() {
  return is_simt() ? "simt" : "cuda";
}

[[noreturn]] void bad_name(std::string_view text) {
  invalid(fmt::format("'{}' names no device; write cpu, {} or {}:<index>", text, cuda_name(),
                      cuda_name()));
}

// "cuda:1" -> {"cuda", 1}; without a colon the index is 0.
std::pair<std::string_view, int> split_name(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {text, 0};
  const std::string_view digits = text.substr(colon + 1);
  const char* end = digits.data() + digits.size();
  int index = -1;
  const auto [stop, error] = std::from_chars(digits.data(), end, index);
  if (error != std::errc{} || stop != end || index < 0) bad_name(text);
  return {text.substr(0, colon), index};
}

void require_here(std::string_view name, std::string_view text) {
  if (name == cuda_name()) return;
  fail(ErrorKind::kNoDevice,
       is_simt() ? fmt::format("device '{}' is not in this binary: it runs CUDA code on the CPU, "
                               "and that device is called 'simt'; use voluta for a GPU",
                               text)
                 : fmt::format("device '{}' is not in this binary: voluta-simt has it; here write "
                               "cpu or cuda",
                               text));
}

void require_present(Device device, std::string_view text) {
  const int count = runtime(device.type).device_count();
  if (device.index < count) return;
  if (count == 0) {
    fail(ErrorKind::kNoDevice,
         fmt::format("device '{}' cannot be used: {}", text, cuda_unavailable_reason()));
  }
  fail(ErrorKind::kNoDevice, fmt::format("device '{}' is not there: the last one is {}", text,
                                         to_string({device.type, count - 1})));
}

const DeviceProperties& known_properties(Device device) {
  static std::mutex mutex;
  static std::map<Device, DeviceProperties> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(device);
  return found != known.end() ? found->second
                              : known.emplace(device, properties(device)).first->second;
}

}  // namespace

std::string to_string(Device device) {
  if (device.type == DeviceType::kCpu) return "cpu";
  return fmt::format("{}:{}", cuda_name(), device.index);
}

Device parse_device(std::string_view text) {
  const auto [name, index] = split_name(text);
  Device device{DeviceType::kCpu, index};
  if (name == "cuda" || name == "simt") {
    require_here(name, text);
    device.type = DeviceType::kCuda;
  } else if (name != "cpu") {
    bad_name(text);
  }
  require_present(device, text);
  return device;
}

Device default_device() {
  return {runtime(DeviceType::kCuda).device_count() > 0 ? DeviceType::kCuda : DeviceType::kCpu, 0};
}

std::vector<Device> available_devices() {
  std::vector<Device> devices{{DeviceType::kCpu, 0}};
  const int count = runtime(DeviceType::kCuda).device_count();
  for (int index = 0; index < count; ++index) devices.push_back({DeviceType::kCuda, index});
  return devices;
}

std::string cuda_unavailable_reason() {
  return runtime(DeviceType::kCuda).unavailable_reason();
}

DeviceProperties properties(Device device) {
  require_present(device, to_string(device));
  return runtime(device.type).properties(device.index);
}

int compute_capability(Device device) {
  if (device.type == DeviceType::kCpu) return 0;
  const DeviceProperties& p = known_properties(device);
  return 10 * p.compute_major + p.compute_minor;
}

int multiprocessors(Device device) {
  return known_properties(device).multiprocessors;
}

Runtime& runtime(DeviceType type) {
  if (Runtime* replaced = replacement(type).load()) return *replaced;
  return type == DeviceType::kCpu ? host_runtime() : linked_cuda_runtime();
}

ScopedRuntime::ScopedRuntime(DeviceType type, Runtime& replacement_runtime)
    : type_(type), previous_(replacement(type).exchange(&replacement_runtime)) {}

ScopedRuntime::~ScopedRuntime() {
  replacement(type_).store(previous_);
}

}  // namespace voluta
