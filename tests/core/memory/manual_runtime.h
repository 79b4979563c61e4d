#pragma once

// A device whose streams make no progress until a test says so: only events are deferred, memory
// is the host's. With name "cuda" the pools take its memory for a GPU's and touch it through the
// runtime alone.

#include <voluta/core/device/runtime.h>

#include <cstdint>
#include <memory>

namespace voluta {

class ManualRuntime final : public Runtime {
 public:
  explicit ManualRuntime(std::string name = "cpu") : name_(std::move(name)) {}

  // All that was put on the stream so far has finished.
  static void finish(StreamHandle stream) { of(stream).done = of(stream).set; }
  static std::uint64_t position(StreamHandle stream) { return of(stream).set; }
  static bool passed(StreamHandle stream, std::uint64_t position) {
    return of(stream).done >= position;
  }
  int synchronizations = 0;

  std::string_view name() const override { return name_; }
  int device_count() override { return 1; }
  std::string unavailable_reason() override { return {}; }
  DeviceProperties properties(int device) override { return host_.properties(device); }
  MemoryInfo memory_info(int) override {
    return {.free_bytes = std::size_t{1} << 30, .total_bytes = std::size_t{2} << 30};
  }
  void make_current(int) override {}
  void* allocate(int device, std::size_t bytes) override { return host_.allocate(device, bytes); }
  void deallocate(int device, void* pointer) noexcept override {
    host_.deallocate(device, pointer);
  }
  void* allocate_pinned(std::size_t bytes) override { return host_.allocate_pinned(bytes); }
  void deallocate_pinned(void* pointer) noexcept override { host_.deallocate_pinned(pointer); }

  StreamHandle create_stream(int) override { return new State(std::make_shared<Timeline>()); }
  void destroy_stream(int, StreamHandle stream) noexcept override {
    delete static_cast<State*>(stream);
  }
  void synchronize(int, StreamHandle stream) override {
    ++synchronizations;
    finish(stream);
  }
  EventHandle create_event(int) override { return new Mark; }
  void destroy_event(int, EventHandle event) noexcept override { delete static_cast<Mark*>(event); }
  void record(int, EventHandle event, StreamHandle stream) override {
    *static_cast<Mark*>(event) = {*static_cast<State*>(stream), ++of(stream).set};
  }
  void wait(int, StreamHandle, EventHandle) override {}
  bool query(int, EventHandle event) override {
    const Mark& mark = *static_cast<Mark*>(event);
    return !mark.timeline || mark.timeline->done >= mark.position;
  }
  void synchronize_event(int, EventHandle event) override {
    const Mark& mark = *static_cast<Mark*>(event);
    if (!query(0, event)) mark.timeline->done = mark.position;
  }
  float elapsed_ms(int, EventHandle, EventHandle) override { return 0; }

  void copy(int device, void* to, const void* from, std::size_t bytes, CopyKind kind,
            StreamHandle stream) override {
    host_.copy(device, to, from, bytes, kind, stream);
  }
  void fill(int device, void* to, int byte, std::size_t bytes, StreamHandle stream) override {
    host_.fill(device, to, byte, bytes, stream);
  }
  void launch(int, const LaunchShape&, const KernelCall&, StreamHandle) override {}
  TensorMap encode_tensor_map(const TensorMapLayout&) override { return {}; }
  bool supports_graphs() const override { return false; }
  void begin_capture(int, StreamHandle) override {}
  GraphHandle end_capture(int, StreamHandle) override { return nullptr; }
  void run_graph(int, GraphHandle, StreamHandle) override {}
  void destroy_graph(int, GraphHandle) noexcept override {}

 private:
  struct Timeline {
    std::uint64_t set = 0, done = 0;
  };
  using State = std::shared_ptr<Timeline>;  // events outlive their stream
  struct Mark {
    State timeline;
    std::uint64_t position = 0;
  };
  static Timeline& of(StreamHandle stream) { return **static_cast<State*>(stream); }

  std::string name_;
  Runtime& host_ = host_runtime();
};

}  // namespace voluta
