// The CPU as a device. Its streams run each call at once, so every wait is already over and an
// event is a point in time.

#include <fmt/format.h>
#include <voluta/core/device/runtime.h>
#include <voluta/core/error.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

namespace voluta {
namespace {

constexpr std::size_t kAlignment = 256;

struct HostStream {};

struct HostEvent {
  std::optional<std::chrono::steady_clock::time_point> time;
};

HostEvent& event_of(EventHandle handle) {
  return *static_cast<HostEvent*>(handle);
}

// The value of a "<key> : <value>" line of a /proc file; empty where there is none.
std::string proc_value(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t start = line.find_first_not_of(" \t", line.find(':') + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return {};
}

// The number in front of "kB", in bytes; 0 where the line is missing.
std::size_t meminfo_bytes(std::string_view key) {
  return std::strtoull(proc_value("/proc/meminfo", key).c_str(), nullptr, 10) * 1024;
}

[[noreturn]] void no_cuda_here(const char* what) {
  fail(ErrorKind::kInvalidArgument,
       fmt::format("the CPU device has no {}; use a CUDA device, or an engine for the CPU", what));
}

class HostRuntime final : public Runtime {
 public:
  std::string_view name() const override { return "cpu"; }
  int device_count() override { return 1; }
  std::string unavailable_reason() override { return {}; }

  DeviceProperties properties(int) override {
    DeviceProperties result;
    result.name = proc_value("/proc/cpuinfo", "model name");
    if (result.name.empty()) result.name = "CPU";
    result.memory_bytes = meminfo_bytes("MemTotal");
    result.multiprocessors = static_cast<int>(std::thread::hardware_concurrency());
    return result;
  }

  MemoryInfo memory_info(int) override {
    return {.free_bytes = meminfo_bytes("MemAvailable"), .total_bytes = meminfo_bytes("MemTotal")};
  }
  void make_current(int) override {}

  // Linux promises more memory than it has and kills the process that takes it at its word, so a
  // request beyond what is available is refused here, where it can still be reported.
  void* allocate(int device, std::size_t bytes) override {
    const std::size_t available = memory_info(device).free_bytes;
    if (available > 0 && bytes > available) return nullptr;
    return aligned(bytes);
  }
  void deallocate(int, void* pointer) noexcept override { std::free(pointer); }
  void* allocate_pinned(std::size_t bytes) override { return aligned(bytes); }
  void deallocate_pinned(void* pointer) noexcept override { std::free(pointer); }

  StreamHandle create_stream(int) override { return new HostStream; }
  void destroy_stream(int, StreamHandle stream) noexcept override {
    delete static_cast<HostStream*>(stream);
  }
  void synchronize(int, StreamHandle) override {}

  EventHandle create_event(int) override { return new HostEvent; }
  void destroy_event(int, EventHandle event) noexcept override {
    delete static_cast<HostEvent*>(event);
  }
  void record(int, EventHandle event, StreamHandle) override {
    event_of(event).time = std::chrono::steady_clock::now();
  }
  void wait(int, StreamHandle, EventHandle) override {}
  bool query(int, EventHandle) override { return true; }
  void synchronize_event(int, EventHandle) override {}
  float elapsed_ms(int, EventHandle start, EventHandle stop) override {
    const auto from = event_of(start).time, to = event_of(stop).time;
    if (!from || !to) invalid("elapsed time of an event that was never recorded");
    return std::chrono::duration<float, std::milli>(*to - *from).count();
  }

  void copy(int, void* to, const void* from, std::size_t bytes, CopyKind, StreamHandle) override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }
  void fill(int, void* to, int byte, std::size_t bytes, StreamHandle) override {
    if (bytes > 0) std::memset(to, byte, bytes);
  }
  void launch(int, const LaunchShape&, const KernelCall& call, StreamHandle) override {
    no_cuda_here(fmt::format("kernel launches (kernel '{}')", call.name).c_str());
  }

  TensorMap encode_tensor_map(const TensorMapLayout&) override { no_cuda_here("tensor maps"); }

  bool supports_graphs() const override { return false; }
  void begin_capture(int, StreamHandle) override { no_cuda_here("graphs"); }
  GraphHandle end_capture(int, StreamHandle) override { no_cuda_here("graphs"); }
  void run_graph(int, GraphHandle, StreamHandle) override { no_cuda_here("graphs"); }
  void destroy_graph(int, GraphHandle) noexcept override {}

 private:
  // nullptr where there is no memory.
  static void* aligned(std::size_t bytes) {
    const std::size_t rounded = (bytes / kAlignment + 1) * kAlignment;
    return rounded < bytes ? nullptr : std::aligned_alloc(kAlignment, rounded);
  }
};

}  // namespace

Runtime& host_runtime() {
  static HostRuntime instance;
  return instance;
}

}  // namespace voluta
