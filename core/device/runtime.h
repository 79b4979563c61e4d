#pragma once

// The seam: every call that the project makes into a device's runtime. Implementations:
//   host   core/device/host_runtime.cpp   the CPU; streams run each call at once
//   cuda   core/device/cuda_runtime.cpp   the CUDA runtime (voluta)
//   simt   simt/simt_runtime.cpp          CUDA code run on the CPU (voluta-simt)
//   fault  core/device/fault_injector.h   wraps any of them and makes chosen calls fail
// Calls throw Error with the runtime's own words; allocate() alone answers nullptr when memory is
// exhausted, because the memory manager has an answer to that.

#include <voluta/core/device/device.h>
#include <voluta/core/device/tensor_map.h>

#include <array>
#include <cstddef>
#include <functional>

namespace voluta {

using StreamHandle = void*;
using EventHandle = void*;
using GraphHandle = void*;

struct MemoryInfo {
  std::size_t free_bytes = 0, total_bytes = 0;
};

enum class CopyKind { kHostToDevice, kDeviceToHost, kDeviceToDevice };

struct LaunchShape {
  std::array<unsigned, 3> grid{1, 1, 1}, block{1, 1, 1};
  std::size_t shared_bytes = 0;  // dynamic shared memory
  // Blocks that run at the same time and reach each other's shared memory (sm_90), neighbours along
  // x: a divisor of grid[0], at most 8.
  unsigned cluster = 1;
};

// A kernel with its arguments, in the form each implementation needs.
struct KernelCall {
  const char* name;            // for error messages and traces
  const void* symbol;          // cuda: the kernel's address
  void** arguments;            // cuda: addresses of the arguments, valid during the call
  std::function<void()> body;  // simt: runs one CUDA thread with its own copy of the arguments
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual std::string_view name() const = 0;  // "cpu", "cuda", "simt"
  virtual int device_count() = 0;
  virtual std::string unavailable_reason() = 0;  // empty where device_count() > 0
  virtual DeviceProperties properties(int device) = 0;
  virtual MemoryInfo memory_info(int device) = 0;
  // For the calling thread: what the vendors' libraries go by. No other call depends on it.
  virtual void make_current(int device) = 0;

  virtual void* allocate(int device, std::size_t bytes) = 0;  // 256-byte aligned; nullptr: full
  virtual void deallocate(int device, void* pointer) noexcept = 0;
  virtual void* allocate_pinned(std::size_t bytes) = 0;  // host memory the device can copy from
  virtual void deallocate_pinned(void* pointer) noexcept = 0;

  virtual StreamHandle create_stream(int device) = 0;
  virtual void destroy_stream(int device, StreamHandle stream) noexcept = 0;
  virtual void synchronize(int device, StreamHandle stream) = 0;

  virtual EventHandle create_event(int device) = 0;
  virtual void destroy_event(int device, EventHandle event) noexcept = 0;
  virtual void record(int device, EventHandle event, StreamHandle stream) = 0;
  virtual void wait(int device, StreamHandle stream, EventHandle event) = 0;
  virtual bool query(int device, EventHandle event) = 0;  // all work before it has finished
  virtual void synchronize_event(int device, EventHandle event) = 0;
  virtual float elapsed_ms(int device, EventHandle start, EventHandle stop) = 0;

  virtual void copy(int device, void* to, const void* from, std::size_t bytes, CopyKind kind,
                    StreamHandle stream) = 0;
  virtual void fill(int device, void* to, int byte, std::size_t bytes, StreamHandle stream) = 0;
  virtual void launch(int device, const LaunchShape& shape, const KernelCall& call,
                      StreamHandle stream) = 0;

  // A kernel's argument for bulk tensor copies; compute capability 9.0 and later.
  virtual TensorMap encode_tensor_map(const TensorMapLayout& layout) = 0;

  // What runs on the stream between begin and end is recorded, not run, and replayed by run_graph.
  virtual bool supports_graphs() const = 0;
  virtual void begin_capture(int device, StreamHandle stream) = 0;
  virtual GraphHandle end_capture(int device, StreamHandle stream) = 0;
  virtual void run_graph(int device, GraphHandle graph, StreamHandle stream) = 0;
  virtual void destroy_graph(int device, GraphHandle graph) noexcept = 0;
};

Runtime& host_runtime();

// The CUDA runtime linked into this binary (cuda or simt); where the library was built without
// either, one without devices whose unavailable_reason() says so. Each of core/device/
// cuda_runtime.cpp, no_cuda_runtime.cpp and simt/simt_runtime.cpp defines this symbol; a binary
// links exactly one of them.
Runtime& linked_cuda_runtime();

// The runtime in force for a device type.
Runtime& runtime(DeviceType type);

// Tests put a FaultInjector in force for a scope.
class ScopedRuntime {
 public:
  ScopedRuntime(DeviceType type, Runtime& replacement);
  ~ScopedRuntime();
  ScopedRuntime(const ScopedRuntime&) = delete;
  ScopedRuntime& operator=(const ScopedRuntime&) = delete;

 private:
  DeviceType type_;
  Runtime* previous_;
};

}  // namespace voluta
