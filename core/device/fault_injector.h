#pragma once

// A runtime that wraps another, counts the calls made through it and makes chosen ones fail, so
// that tests can ask what happens when call number k of a program goes wrong.

#include <voluta/core/device/runtime.h>
#include <voluta/core/error.h>

#include <mutex>
#include <optional>
#include <unordered_map>

namespace voluta {

enum class CallKind {
  kAllocate,
  kAllocatePinned,
  kCreate,       // a stream or an event
  kSynchronize,  // a stream or an event
  kRecord,
  kWait,
  kQuery,
  kCopy,
  kFill,
  kLaunch,
  kGraph,  // begin, end or run
  kInfo,   // memory_info, properties, make_current, encode_tensor_map
};
inline constexpr int kCallKinds = 12;

const char* to_string(CallKind kind);

// Which call fails, and how.
struct Fault {
  std::size_t call = 1;          // counted from 1 after inject(), among the calls of `kind`
  std::optional<CallKind> kind;  // absent: among all calls
  // kOutOfMemory makes an allocation answer nullptr, as a full device does; other calls, and
  // other kinds, throw.
  ErrorKind error = ErrorKind::kFailed;
  std::string message = "injected fault";
  bool sticky = false;  // every later call fails as well, as after an illegal address on a GPU
};

// Calls that release something never fail (they are noexcept); they always reach the inner
// runtime, so that what leaks is the caller's fault. Thread-safe.
class FaultInjector final : public Runtime {
 public:
  explicit FaultInjector(Runtime& inner) : inner_(inner) {}

  void inject(const Fault& fault);
  void clear();  // forgets the fault, a sticky one too
  bool fired() const;

  std::size_t calls() const;               // since construction, that can fail
  std::size_t calls(CallKind kind) const;  // likewise, of one kind

  // Plays a device of this size: allocations beyond it answer nullptr, memory_info() follows.
  void limit_memory(std::size_t bytes);

  // What has been made and not yet released: leak checks.
  struct Live {
    std::size_t allocations = 0, allocated_bytes = 0, pinned = 0, streams = 0, events = 0,
                graphs = 0;
    bool operator==(const Live&) const = default;
  };
  Live live() const;

  std::string_view name() const override { return inner_.name(); }
  int device_count() override { return inner_.device_count(); }
  std::string unavailable_reason() override { return inner_.unavailable_reason(); }
  DeviceProperties properties(int device) override;
  MemoryInfo memory_info(int device) override;
  void make_current(int device) override;

  void* allocate(int device, std::size_t bytes) override;
  void deallocate(int device, void* pointer) noexcept override;
  void* allocate_pinned(std::size_t bytes) override;
  void deallocate_pinned(void* pointer) noexcept override;

  StreamHandle create_stream(int device) override;
  void destroy_stream(int device, StreamHandle stream) noexcept override;
  void synchronize(int device, StreamHandle stream) override;

  EventHandle create_event(int device) override;
  void destroy_event(int device, EventHandle event) noexcept override;
  void record(int device, EventHandle event, StreamHandle stream) override;
  void wait(int device, StreamHandle stream, EventHandle event) override;
  bool query(int device, EventHandle event) override;
  void synchronize_event(int device, EventHandle event) override;
  float elapsed_ms(int device, EventHandle start, EventHandle stop) override;

  void copy(int device, void* to, const void* from, std::size_t bytes, CopyKind kind,
            StreamHandle stream) override;
  void fill(int device, void* to, int byte, std::size_t bytes, StreamHandle stream) override;
  TensorMap encode_tensor_map(const TensorMapLayout& layout) override;
  void launch(int device, const LaunchShape& shape, const KernelCall& call,
              StreamHandle stream) override;

  bool supports_graphs() const override { return inner_.supports_graphs(); }
  void begin_capture(int device, StreamHandle stream) override;
  GraphHandle end_capture(int device, StreamHandle stream) override;
  void run_graph(int device, GraphHandle graph, StreamHandle stream) override;
  void destroy_graph(int device, GraphHandle graph) noexcept override;

 private:
  // Counts a call; throws where it is the one to fail. False: answer "memory is full".
  bool admit(CallKind kind, std::string_view about = {});
  bool is_due(CallKind kind);  // with the lock held

  Runtime& inner_;
  mutable std::mutex mutex_;
  std::size_t counts_[kCallKinds] = {};
  std::optional<Fault> fault_;
  std::size_t seen_ = 0;  // calls of the fault's kind since inject()
  bool fired_ = false;
  std::optional<std::size_t> memory_limit_;
  Live live_;
  std::unordered_map<void*, std::size_t> sizes_;  // bytes of each live allocation
};

}  // namespace voluta
