// The CUDA runtime behind the seam. Compiled as C++ against the toolkit's headers.
//
// Note [CUDA's error state]
// CUDA keeps the last error of a thread and hands it to whoever asks next, so every failure here
// clears it after reading it: an out-of-memory answer must not fail the next innocent launch.
// Errors of kernels are sticky instead and surface at a later call; the text names the kernel that
// the thread launched last, and VOLUTA_SYNC=1 waits after each launch to name the right one.
// VOLUTA_WATCHDOG=SECONDS ends a process that waits longer: Note [Watchdog] in watchdog.h.

#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <voluta/core/device/cuda_tensor_map.h>
#include <voluta/core/device/cuda_unavailable.h>
#include <voluta/core/device/runtime.h>
#include <voluta/core/device/watchdog.h>
#include <voluta/core/error.h>

#include <cstdlib>
#include <map>
#include <mutex>

namespace voluta {
namespace {

constexpr std::size_t kDefaultSharedBytes = 48 * 1024;  // more must be asked for, per kernel

// The kernel that this thread launched last, and how. A fixed buffer: launching must not allocate.
thread_local char last_kernel[96] = "";
thread_local LaunchShape last_shape;

void remember_kernel(const char* name, const LaunchShape& shape) {
  const auto end = fmt::format_to_n(last_kernel, sizeof last_kernel - 1, "{}", name).out;
  *end = '\0';
  last_shape = shape;
}

std::string describe(const LaunchShape& shape, const char* kernel) {
  return fmt::format(
      "kernel '{}', grid {} x {} x {}, block {} x {} x {}, clusters of {}, {} bytes of shared "
      "memory",
      kernel, shape.grid[0], shape.grid[1], shape.grid[2], shape.block[0], shape.block[1],
      shape.block[2], shape.cluster, shape.shared_bytes);
}

std::string last_launch() {
  if (last_kernel[0] == '\0') return "this thread has launched no kernel";
  return "launched last: " + describe(last_shape, last_kernel);
}

ErrorKind kind_of(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return ErrorKind::kOutOfMemory;
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
      return ErrorKind::kNoDevice;
    default:
      return ErrorKind::kFailed;
  }
}

[[noreturn]] void report(cudaError_t error, const char* call, std::string_view about) {
  cudaGetLastError();  // see Note [CUDA's error state]
  std::string text = fmt::format("{} failed: {} ({}, error {})", call, cudaGetErrorString(error),
                                 cudaGetErrorName(error), static_cast<int>(error));
  if (!about.empty()) {
    text += fmt::format("; {}", about);
  } else if (last_kernel[0] != '\0') {
    text += fmt::format("; the last kernel launched was '{}' (VOLUTA_SYNC=1 finds the culprit)",
                        last_kernel);
  }
  fail(kind_of(error), text);
}

void check(cudaError_t error, const char* call, std::string_view about = {}) {
  if (error != cudaSuccess) report(error, call, about);
}

#define VOLUTA_CUDA_CHECK(call, ...) check(call(__VA_ARGS__), #call)

cudaStream_t stream_of(StreamHandle stream) {
  return static_cast<cudaStream_t>(stream);
}
cudaEvent_t event_of(EventHandle event) {
  return static_cast<cudaEvent_t>(event);
}

// CUDA keeps the current device per thread and an application may change it, so it is asked
// (nanoseconds) rather than remembered.
bool select_device(int device) noexcept {
  int current = -1;
  if (cudaGetDevice(&current) == cudaSuccess && current == device) return true;
  return cudaSetDevice(device) == cudaSuccess;
}

void use(int device) {
  if (select_device(device)) return;
  check(cudaSetDevice(device), "cudaSetDevice", fmt::format("device cuda:{}", device));
}

cudaMemcpyKind direction(CopyKind kind) {
  switch (kind) {
    case CopyKind::kHostToDevice:
      return cudaMemcpyHostToDevice;
    case CopyKind::kDeviceToHost:
      return cudaMemcpyDeviceToHost;
    case CopyKind::kDeviceToDevice:
      return cudaMemcpyDeviceToDevice;
  }
  return cudaMemcpyDefault;
}

bool sync_requested() {
  const char* value = std::getenv("VOLUTA_SYNC");
  return value != nullptr && std::string_view(value) != "0" && *value != '\0';
}

struct Discovery {
  int count = 0;
  std::string reason;
};

Discovery discover() {
  Discovery found;
  int count = 0, driver = 0, needed = 0;  // cudaGetDeviceCount leaves its argument on failure
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) {
    found.count = count;
    return found;
  }
  cudaGetLastError();
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&needed);
  found.reason = explain_cuda_unavailable(error, cudaGetErrorString(error), driver, needed);
  return found;
}

class CudaRuntime final : public Runtime {
 public:
  std::string_view name() const override { return "cuda"; }
  int device_count() override { return discovery().count; }
  std::string unavailable_reason() override { return discovery().reason; }

  DeviceProperties properties(int device) override {
    cudaDeviceProp found{};
    VOLUTA_CUDA_CHECK(cudaGetDeviceProperties, &found, device);
    int driver = 0;
    VOLUTA_CUDA_CHECK(cudaDriverGetVersion, &driver);
    return {.name = found.name,
            .driver = fmt::format("CUDA {}", cuda_version_text(driver)),
            .memory_bytes = found.totalGlobalMem,
            .multiprocessors = found.multiProcessorCount,
            .compute_major = found.major,
            .compute_minor = found.minor};
  }

  MemoryInfo memory_info(int device) override {
    use(device);
    MemoryInfo info;
    VOLUTA_CUDA_CHECK(cudaMemGetInfo, &info.free_bytes, &info.total_bytes);
    return info;
  }
  void make_current(int device) override { use(device); }

  void* allocate(int device, std::size_t bytes) override {
    use(device);
    void* pointer = nullptr;
    return unless_full(cudaMalloc(&pointer, bytes), "cudaMalloc", bytes) ? pointer : nullptr;
  }
  void deallocate(int device, void* pointer) noexcept override {
    select_device(device);
    if (cudaFree(pointer) != cudaSuccess) cudaGetLastError();
  }
  void* allocate_pinned(std::size_t bytes) override {
    void* pointer = nullptr;
    const cudaError_t error = cudaHostAlloc(&pointer, bytes, cudaHostAllocPortable);
    return unless_full(error, "cudaHostAlloc", bytes) ? pointer : nullptr;
  }
  void deallocate_pinned(void* pointer) noexcept override {
    if (cudaFreeHost(pointer) != cudaSuccess) cudaGetLastError();
  }

  StreamHandle create_stream(int device) override {
    use(device);
    cudaStream_t stream = nullptr;
    VOLUTA_CUDA_CHECK(cudaStreamCreateWithFlags, &stream, cudaStreamNonBlocking);
    return stream;
  }
  void destroy_stream(int device, StreamHandle stream) noexcept override {
    select_device(device);
    if (cudaStreamDestroy(stream_of(stream)) != cudaSuccess) cudaGetLastError();
  }
  void synchronize(int device, StreamHandle stream) override {
    use(device);
    wait_for(stream_of(stream));
  }

  EventHandle create_event(int device) override {
    use(device);
    cudaEvent_t event = nullptr;
    VOLUTA_CUDA_CHECK(cudaEventCreate, &event);
    return event;
  }
  void destroy_event(int device, EventHandle event) noexcept override {
    select_device(device);
    if (cudaEventDestroy(event_of(event)) != cudaSuccess) cudaGetLastError();
  }
  void record(int device, EventHandle event, StreamHandle stream) override {
    use(device);
    VOLUTA_CUDA_CHECK(cudaEventRecord, event_of(event), stream_of(stream));
  }
  void wait(int device, StreamHandle stream, EventHandle event) override {
    use(device);
    VOLUTA_CUDA_CHECK(cudaStreamWaitEvent, stream_of(stream), event_of(event), 0);
  }
  bool query(int device, EventHandle event) override {
    use(device);
    return is_done(cudaEventQuery(event_of(event)), "cudaEventQuery");
  }
  void synchronize_event(int device, EventHandle event) override {
    if (watchdog_.is_on()) watchdog_.await([&] { return query(device, event); }, last_launch);
    use(device);
    VOLUTA_CUDA_CHECK(cudaEventSynchronize, event_of(event));
  }
  float elapsed_ms(int device, EventHandle start, EventHandle stop) override {
    use(device);
    float ms = 0;
    VOLUTA_CUDA_CHECK(cudaEventElapsedTime, &ms, event_of(start), event_of(stop));
    return ms;
  }

  void copy(int device, void* to, const void* from, std::size_t bytes, CopyKind kind,
            StreamHandle stream) override {
    if (bytes == 0) return;
    use(device);
    wait_before_copy(kind, stream_of(stream));
    VOLUTA_CUDA_CHECK(cudaMemcpyAsync, to, from, bytes, direction(kind), stream_of(stream));
  }
  void fill(int device, void* to, int byte, std::size_t bytes, StreamHandle stream) override {
    if (bytes == 0) return;
    use(device);
    VOLUTA_CUDA_CHECK(cudaMemsetAsync, to, byte, bytes, stream_of(stream));
  }

  void launch(int device, const LaunchShape& shape, const KernelCall& call,
              StreamHandle stream) override {
    use(device);
    remember_kernel(call.name, shape);
    if (shape.shared_bytes > kDefaultSharedBytes) allow_shared(device, shape.shared_bytes, call);
    cudaLaunchConfig_t config{};
    config.gridDim = {shape.grid[0], shape.grid[1], shape.grid[2]};
    config.blockDim = {shape.block[0], shape.block[1], shape.block[2]};
    config.dynamicSmemBytes = shape.shared_bytes;
    config.stream = stream_of(stream);
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {shape.cluster, 1, 1};
    config.attrs = &cluster;
    config.numAttrs = shape.cluster > 1 ? 1 : 0;
    const cudaError_t error = cudaLaunchKernelExC(&config, call.symbol, call.arguments);
    if (error != cudaSuccess) report(error, "cudaLaunchKernelExC", describe(shape, call.name));
    if (sync_each_launch_) wait_for(stream_of(stream), describe(shape, call.name));
  }

  TensorMap encode_tensor_map(const TensorMapLayout& layout) override {
    return encode_cuda_tensor_map(layout);
  }

  bool supports_graphs() const override { return !sync_each_launch_; }
  void begin_capture(int device, StreamHandle stream) override {
    use(device);
    VOLUTA_CUDA_CHECK(cudaStreamBeginCapture, stream_of(stream), cudaStreamCaptureModeThreadLocal);
  }
  GraphHandle end_capture(int device, StreamHandle stream) override {
    use(device);
    cudaGraph_t graph = nullptr;
    VOLUTA_CUDA_CHECK(cudaStreamEndCapture, stream_of(stream), &graph);
    cudaGraphExec_t executable = nullptr;
    const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);  // the executable keeps its own copy
    check(error, "cudaGraphInstantiate");
    return executable;
  }
  void run_graph(int device, GraphHandle graph, StreamHandle stream) override {
    use(device);
    VOLUTA_CUDA_CHECK(cudaGraphLaunch, static_cast<cudaGraphExec_t>(graph), stream_of(stream));
  }
  void destroy_graph(int device, GraphHandle graph) noexcept override {
    select_device(device);
    if (cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)) != cudaSuccess) {
      cudaGetLastError();
    }
  }

 private:
  static const Discovery& discovery() {
    static const Discovery found = discover();
    return found;
  }

  static bool unless_full(cudaError_t error, const char* call, std::size_t bytes) {
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return false;
    }
    check(error, call, error == cudaSuccess ? "" : fmt::format("{} bytes were asked for", bytes));
    return true;
  }

  // The work of a query has finished.
  static bool is_done(cudaError_t state, const char* call, std::string_view about = {}) {
    if (state == cudaErrorNotReady) {
      cudaGetLastError();
      return false;
    }
    check(state, call, about);
    return true;
  }

  void wait_for(cudaStream_t stream, std::string_view about = {}) const {
    if (watchdog_.is_on()) {
      watchdog_.await([&] { return is_done(cudaStreamQuery(stream), "cudaStreamQuery", about); },
                      last_launch);
    }
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize", about);
  }

  // A copy from or to memory that is not pinned blocks in the driver until the stream comes to it.
  void wait_before_copy(CopyKind kind, cudaStream_t stream) const {
    if (!watchdog_.is_on() || kind == CopyKind::kDeviceToDevice) return;
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    VOLUTA_CUDA_CHECK(cudaStreamIsCapturing, stream, &capture);
    if (capture == cudaStreamCaptureStatusNone) wait_for(stream);
  }

  // Raises a kernel's limit of dynamic shared memory, once per kernel, device and larger request.
  void allow_shared(int device, std::size_t bytes, const KernelCall& call) {
    const std::lock_guard lock(mutex_);
    std::size_t& allowed = allowed_shared_[{device, call.symbol}];
    if (bytes <= allowed) return;
    const cudaError_t error = cudaFuncSetAttribute(
        call.symbol, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
    check(error, "cudaFuncSetAttribute",
          fmt::format("kernel '{}' asks for {} bytes of dynamic shared memory", call.name, bytes));
    allowed = bytes;
  }

  const bool sync_each_launch_ = sync_requested();
  const Watchdog watchdog_{std::getenv("VOLUTA_WATCHDOG")};
  std::mutex mutex_;
  std::map<std::pair<int, const void*>, std::size_t> allowed_shared_;  // bytes
};

}  // namespace

Runtime& linked_cuda_runtime() {
  static CudaRuntime instance;
  return instance;
}

}  // namespace voluta
