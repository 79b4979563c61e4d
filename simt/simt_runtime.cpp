// CUDA's runtime on the CPU: the seam's calls in terms of devices, streams and grids.

#include <fmt/format.h>
#include <voluta/core/device/runtime.h>
#include <voluta/core/error.h>
#include <voluta/simt/device_state.h>
#include <voluta/simt/environment.h>
#include <voluta/simt/simt.h>
#include <voluta/simt/simt_runtime.h>
#include <voluta/simt/tensor_map.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string_view>

namespace voluta {
namespace {

using simt::DeviceState;
using simt::EventState;
using simt::GraphState;
using simt::Point;
using simt::StreamState;

constexpr uint64_t kMostDevices = 8;
constexpr uint64_t kDefaultMemoryBytes = uint64_t{4} << 30;
// Of grids that are as large as a chip: with fewer, one thread would compute their tiles in order.
constexpr int kLeastMultiprocessors = 4;

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "an unknown CPU";
}

bool sync_requested() {
  const char* value = std::getenv("VOLUTA_SYNC");
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

class SimtRuntime final : public Runtime {
 public:
  SimtRuntime() {
    const uint64_t count = simt::environment_number("VOLUTA_SIMT_DEVICES", 1, 1, kMostDevices);
    const uint64_t bytes =
        simt::environment_number("VOLUTA_SIMT_MEMORY", kDefaultMemoryBytes, 0, UINT64_MAX);
    for (uint64_t i = 0; i < count; ++i) {
      devices_.push_back(std::make_unique<DeviceState>(static_cast<int>(i), bytes));
    }
  }

  std::string_view name() const override { return "simt"; }
  int device_count() override { return static_cast<int>(devices_.size()); }
  std::string unavailable_reason() override { return {}; }

  DeviceProperties properties(int device) override {
    const std::lock_guard lock(mutex_);
    return {.name = "SIMT emulation on " + cpu_model(),
            .driver = "none (emulated)",
            .memory_bytes = at(device).memory.limit_bytes(),
            .multiprocessors = std::max(simt::settings().threads, kLeastMultiprocessors),
            .compute_major = 9,
            .compute_minor = 0};
  }

  MemoryInfo memory_info(int device) override {
    const std::lock_guard lock(mutex_);
    const simt::Memory& memory = at(device).memory;
    const std::size_t limit = memory.limit_bytes();
    return {.free_bytes = limit - std::min(limit, memory.used_bytes()), .total_bytes = limit};
  }
  void make_current(int) override {}

  void* allocate(int device, std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    refuse_in_own_capture("cudaMalloc");
    return healthy(device).memory.allocate(bytes);
  }

  // Waits for the device, as cudaFree does.
  void deallocate(int device, void* pointer) noexcept override {
    const std::lock_guard lock(mutex_);
    if (pointer == nullptr) return;
    DeviceState& state = at(device);
    state.run_all();
    if (!state.memory.deallocate(pointer)) {
      state.fail_with(
          fmt::format("cudaFree of {}, which is no allocation of simt:{}", pointer, device));
    }
  }

  void* allocate_pinned(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    return pinned_.allocate(bytes);
  }

  void deallocate_pinned(void* pointer) noexcept override {
    const std::lock_guard lock(mutex_);
    for (const auto& device : devices_) device->run_all();
    pinned_.deallocate(pointer);
  }

  StreamHandle create_stream(int device) override {
    const std::lock_guard lock(mutex_);
    DeviceState& state = healthy(device);
    return state.streams.emplace_back(std::make_shared<StreamState>(state)).get();
  }

  void destroy_stream(int, StreamHandle handle) noexcept override {
    const std::lock_guard lock(mutex_);
    StreamState& stream = stream_of(handle);
    stream.leave_capture();
    try {
      stream.run_all();
    } catch (const std::exception&) {
      // The device keeps the failure.
    }
    std::erase_if(stream.device.streams, [&](const auto& each) { return each.get() == handle; });
  }

  void synchronize(int device, StreamHandle handle) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    StreamState& stream = stream_of(handle);
    if (stream.capture) simt::refuse_in_capture(*stream.capture, "cudaStreamSynchronize");
    stream.run_all();
    healthy(device);
  }

  EventHandle create_event(int device) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    return new EventState;
  }
  void destroy_event(int, EventHandle event) noexcept override {
    const std::lock_guard lock(mutex_);
    delete static_cast<EventState*>(event);
  }
  void record(int device, EventHandle event, StreamHandle stream) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    event_of(event).point = stream_of(stream).record();
  }
  void wait(int device, StreamHandle stream, EventHandle event) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    if (const auto& point = event_of(event).point) stream_of(stream).wait(point);
  }

  bool query(int device, EventHandle event) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    refuse_in_own_capture("cudaEventQuery");
    Point* point = queued_point(event, "cudaEventQuery");
    if (point == nullptr || point->reached) return true;
    if (const auto stream = point->stream.lock()) stream->run_one();
    return false;
  }

  void synchronize_event(int device, EventHandle event) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    if (Point* point = queued_point(event, "cudaEventSynchronize")) simt::reach(*point);
    healthy(device);
  }

  float elapsed_ms(int device, EventHandle start, EventHandle stop) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    const Point* from = queued_point(start, "cudaEventElapsedTime");
    const Point* to = queued_point(stop, "cudaEventElapsedTime");
    if (from == nullptr || to == nullptr)
      invalid("elapsed time of an event that was never recorded");
    if (!from->reached || !to->reached) {
      fail(ErrorKind::kFailed, "elapsed time of an event whose stream has not got there yet");
    }
    return std::chrono::duration<float, std::milli>(to->time - from->time).count();
  }

  void copy(int device, void* to, const void* from, std::size_t bytes, CopyKind kind,
            StreamHandle handle) override {
    const std::lock_guard lock(mutex_);
    if (bytes == 0) return;
    healthy(device);
    check_copy(to, from, bytes, kind);
    StreamState& stream = stream_of(handle);
    const bool pageable = kind == CopyKind::kHostToDevice && !pinned_.contains(from, bytes);
    // CUDA stages pageable memory before it returns; a captured copy reads it at each replay.
    if (!pageable || stream.capture) {
      submit(stream, [=] { std::memmove(to, from, bytes); });
      return;
    }
    const auto* bytes_of = static_cast<const char*>(from);
    submit(stream, [to, staged = std::vector<char>(bytes_of, bytes_of + bytes)] {
      std::memcpy(to, staged.data(), staged.size());
    });
  }

  void fill(int device, void* to, int byte, std::size_t bytes, StreamHandle stream) override {
    const std::lock_guard lock(mutex_);
    if (bytes == 0) return;
    healthy(device);
    require_device_memory("cudaMemset to", to, bytes);
    submit(stream_of(stream), [=] { std::memset(to, byte, bytes); });
  }

  void launch(int device, const LaunchShape& shape, const KernelCall& call,
              StreamHandle stream) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    simt::check_launch(shape, call.name);
    submit(stream_of(stream), [shape, name = std::string(call.name), body = call.body] {
      simt::run_grid(shape, name.c_str(), body, simt::settings());
    });
  }

  TensorMap encode_tensor_map(const TensorMapLayout& layout) override {
    return simt::pack_tensor_map(layout);
  }

  bool supports_graphs() const override { return !sync_each_call_; }
  void begin_capture(int device, StreamHandle stream) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    stream_of(stream).begin_capture();
    captures_.push_back(stream_of(stream).capture);
  }
  GraphHandle end_capture(int device, StreamHandle stream) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    return new std::shared_ptr<GraphState>(stream_of(stream).end_capture());
  }
  void run_graph(int device, GraphHandle handle, StreamHandle stream) override {
    const std::lock_guard lock(mutex_);
    healthy(device);
    submit(stream_of(stream), [graph = graph_of(handle)] {
      for (const simt::Work& work : graph->work) work();
    });
  }
  void destroy_graph(int, GraphHandle handle) noexcept override {
    const std::lock_guard lock(mutex_);
    delete &graph_of(handle);  // queued runs of it keep what they need
  }

  void reset(int device) {
    const std::lock_guard lock(mutex_);
    at(device).reset();
  }
  std::size_t set_memory_limit(int device, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t previous = at(device).memory.limit_bytes();
    at(device).memory.set_limit_bytes(bytes);
    return previous;
  }

 private:
  static StreamState& stream_of(StreamHandle handle) { return *static_cast<StreamState*>(handle); }
  static EventState& event_of(EventHandle handle) { return *static_cast<EventState*>(handle); }
  static std::shared_ptr<GraphState>& graph_of(GraphHandle handle) {
    return *static_cast<std::shared_ptr<GraphState>*>(handle);
  }

  DeviceState& at(int device) {
    if (device < 0 || device >= device_count()) {
      fail(ErrorKind::kNoDevice,
           fmt::format("device simt:{} is not there: VOLUTA_SIMT_DEVICES asks for {}", device,
                       device_count()));
    }
    return *devices_[device];
  }
  DeviceState& healthy(int device) {
    at(device).require_healthy();
    return at(device);
  }

  void submit(StreamState& stream, simt::Work work) {
    stream.enqueue(std::move(work));
    if (sync_each_call_ && !stream.capture) stream.run_all();
  }

  // nullptr for an event that was never recorded.
  static Point* queued_point(EventHandle event, const char* call) {
    Point* point = event_of(event).point.get();
    if (point != nullptr && point->capture != nullptr) {
      simt::refuse_in_capture(*point->capture, fmt::format("{} of a captured event", call));
    }
    return point;
  }

  // Calls that CUDA forbids to the thread of a capture (cudaStreamCaptureModeThreadLocal).
  void refuse_in_own_capture(const char* call) {
    std::erase_if(captures_, [](const auto& each) {
      const auto capture = each.lock();
      return capture == nullptr || capture->origin->capture != capture;
    });
    for (const auto& each : captures_) {
      const auto capture = each.lock();
      if (capture->thread == std::this_thread::get_id()) simt::refuse_in_capture(*capture, call);
    }
  }

  bool on_device(const void* pointer, std::size_t bytes) const {
    return std::ranges::any_of(
        devices_, [=](const auto& each) { return each->memory.contains(pointer, bytes); });
  }

  // The GPU has no access to pageable host memory; neither have copies and fills here.
  void require_device_memory(const char* what, const void* pointer, std::size_t bytes) const {
    if (on_device(pointer, bytes)) return;
    fail(ErrorKind::kFailed, fmt::format("{} {}: its {} bytes do not lie in one device allocation",
                                         what, pointer, bytes));
  }
  void require_host_memory(const char* what, const void* pointer) const {
    if (!on_device(pointer, 1)) return;
    fail(ErrorKind::kFailed,
         fmt::format("{} {}: that is device memory, and the copy's kind says host", what, pointer));
  }

  void check_copy(const void* to, const void* from, std::size_t bytes, CopyKind kind) const {
    if (kind == CopyKind::kHostToDevice) {
      require_host_memory("copy from", from);
    } else {
      require_device_memory("copy from", from, bytes);
    }
    if (kind == CopyKind::kDeviceToHost) {
      require_host_memory("copy to", to);
    } else {
      require_device_memory("copy to", to, bytes);
    }
  }

  // Held while work runs, so devices take turns; recursive, because work may own buffers and
  // events that call back here when it is destroyed.
  std::recursive_mutex mutex_;
  simt::Memory pinned_{SIZE_MAX};
  std::vector<std::unique_ptr<DeviceState>> devices_;
  std::vector<std::weak_ptr<simt::Capture>> captures_;
  const bool sync_each_call_ = sync_requested();
};

SimtRuntime& simt_runtime() {
  static SimtRuntime instance;
  return instance;
}

}  // namespace

Runtime& linked_cuda_runtime() {
  return simt_runtime();
}

namespace simt {

void reset_device(int device) {
  simt_runtime().reset(device);
}

ScopedMemoryLimit::ScopedMemoryLimit(std::size_t bytes, int device)
    : device_(device), previous_(simt_runtime().set_memory_limit(device, bytes)) {}

ScopedMemoryLimit::~ScopedMemoryLimit() {
  simt_runtime().set_memory_limit(device_, previous_);
}

}  // namespace simt
}  // namespace voluta
