// Stands in for the CUDA runtime in a library built without CUDA (VOLUTA_CUDA=OFF): no devices,
// and a reason.

#include <voluta/core/device/runtime.h>
#include <voluta/core/error.h>

namespace voluta {
namespace {

constexpr const char* kReason = "this build has no CUDA; configure with -DVOLUTA_CUDA=ON";

[[noreturn]] void absent() {
  fail(ErrorKind::kNoDevice, kReason);
}

class NoCudaRuntime final : public Runtime {
 public:
  std::string_view name() const override { return "cuda"; }
  int device_count() override { return 0; }
  std::string unavailable_reason() override { return kReason; }
  DeviceProperties properties(int) override { absent(); }
  MemoryInfo memory_info(int) override { absent(); }
  void make_current(int) override { absent(); }

  void* allocate(int, std::size_t) override { absent(); }
  void deallocate(int, void*) noexcept override {}
  void* allocate_pinned(std::size_t) override { absent(); }
  void deallocate_pinned(void*) noexcept override {}

  StreamHandle create_stream(int) override { absent(); }
  void destroy_stream(int, StreamHandle) noexcept override {}
  void synchronize(int, StreamHandle) override { absent(); }

  EventHandle create_event(int) override { absent(); }
  void destroy_event(int, EventHandle) noexcept override {}
  void record(int, EventHandle, StreamHandle) override { absent(); }
  void wait(int, StreamHandle, EventHandle) override { absent(); }
  bool query(int, EventHandle) override { absent(); }
  void synchronize_event(int, EventHandle) override { absent(); }
  float elapsed_ms(int, EventHandle, EventHandle) override { absent(); }

  void copy(int, void*, const void*, std::size_t, CopyKind, StreamHandle) override { absent(); }
  void fill(int, void*, int, std::size_t, StreamHandle) override { absent(); }
  void launch(int, const LaunchShape&, const KernelCall&, StreamHandle) override { absent(); }

  TensorMap encode_tensor_map(const TensorMapLayout&) override { absent(); }

  bool supports_graphs() const override { return false; }
  void begin_capture(int, StreamHandle) override { absent(); }
  GraphHandle end_capture(int, StreamHandle) override { absent(); }
  void run_graph(int, GraphHandle, StreamHandle) override { absent(); }
  void destroy_graph(int, GraphHandle) noexcept override {}
};

}  // namespace

Runtime& linked_cuda_runtime() {
  static NoCudaRuntime instance;
  return instance;
}

}  // namespace voluta
