#include <fmt/format.h>
#include <voluta/core/device/fault_injector.h>

#include <algorithm>
#include <numeric>

namespace voluta {

const char* to_string(CallKind kind) {
  switch (kind) {
    case CallKind::kAllocate:
      return "allocate";
    case CallKind::kAllocatePinned:
      return "allocate_pinned";
    case CallKind::kCreate:
      return "create";
    case CallKind::kSynchronize:
      return "synchronize";
    case CallKind::kRecord:
      return "record";
    case CallKind::kWait:
      return "wait";
    case CallKind::kQuery:
      return "query";
    case CallKind::kCopy:
      return "copy";
    case CallKind::kFill:
      return "fill";
    case CallKind::kLaunch:
      return "launch";
    case CallKind::kGraph:
      return "graph";
    case CallKind::kInfo:
      return "info";
  }
  return "call";
}

void FaultInjector::inject(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  seen_ = 0;
  fired_ = false;
}

void FaultInjector::clear() {
  const std::lock_guard lock(mutex_);
  fault_.reset();
}

bool FaultInjector::fired() const {
  const std::lock_guard lock(mutex_);
  return fired_;
}

std::size_t FaultInjector::calls() const {
  const std::lock_guard lock(mutex_);
  return std::accumulate(std::begin(counts_), std::end(counts_), std::size_t{0});
}

std::size_t FaultInjector::calls(CallKind kind) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<int>(kind)];
}

void FaultInjector::limit_memory(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  memory_limit_ = bytes;
}

FaultInjector::Live FaultInjector::live() const {
  const std::lock_guard lock(mutex_);
  return live_;
}

bool FaultInjector::is_due(CallKind kind) {
  if (!fault_) return false;
  if (fired_) return fault_->sticky;
  if (fault_->kind && *fault_->kind != kind) return false;
  fired_ = ++seen_ == fault_->call;
  return fired_;
}

bool FaultInjector::admit(CallKind kind, std::string_view about) {
  const std::lock_guard lock(mutex_);
  ++counts_[static_cast<int>(kind)];
  if (!is_due(kind)) return true;
  const bool allocates = kind == CallKind::kAllocate || kind == CallKind::kAllocatePinned;
  if (allocates && fault_->error == ErrorKind::kOutOfMemory) return false;
  fail(fault_->error, fmt::format("{} failed: {}{}{}", to_string(kind), fault_->message,
                                  about.empty() ? "" : "; ", about));
}

DeviceProperties FaultInjector::properties(int device) {
  admit(CallKind::kInfo);
  return inner_.properties(device);
}

MemoryInfo FaultInjector::memory_info(int device) {
  admit(CallKind::kInfo);
  const MemoryInfo info = inner_.memory_info(device);
  const std::lock_guard lock(mutex_);
  if (!memory_limit_) return info;
  return {.free_bytes = *memory_limit_ - std::min(*memory_limit_, live_.allocated_bytes),
          .total_bytes = *memory_limit_};
}

void FaultInjector::make_current(int device) {
  admit(CallKind::kInfo, "current device");
  inner_.make_current(device);
}

TensorMap FaultInjector::encode_tensor_map(const TensorMapLayout& layout) {
  admit(CallKind::kInfo, "tensor map");
  return inner_.encode_tensor_map(layout);
}

void* FaultInjector::allocate(int device, std::size_t bytes) {
  if (!admit(CallKind::kAllocate)) return nullptr;
  const std::lock_guard lock(mutex_);
  if (memory_limit_ && bytes > *memory_limit_ - std::min(*memory_limit_, live_.allocated_bytes)) {
    return nullptr;
  }
  void* pointer = inner_.allocate(device, bytes);
  if (pointer == nullptr) return nullptr;
  ++live_.allocations;
  live_.allocated_bytes += bytes;
  sizes_[pointer] = bytes;
  return pointer;
}

void FaultInjector::deallocate(int device, void* pointer) noexcept {
  const std::lock_guard lock(mutex_);
  if (const auto found = sizes_.find(pointer); found != sizes_.end()) {
    --live_.allocations;
    live_.allocated_bytes -= found->second;
    sizes_.erase(found);
  }
  inner_.deallocate(device, pointer);
}

void* FaultInjector::allocate_pinned(std::size_t bytes) {
  if (!admit(CallKind::kAllocatePinned)) return nullptr;
  void* pointer = inner_.allocate_pinned(bytes);
  const std::lock_guard lock(mutex_);
  if (pointer != nullptr) ++live_.pinned;
  return pointer;
}

void FaultInjector::deallocate_pinned(void* pointer) noexcept {
  const std::lock_guard lock(mutex_);
  if (pointer != nullptr) --live_.pinned;
  inner_.deallocate_pinned(pointer);
}

StreamHandle FaultInjector::create_stream(int device) {
  admit(CallKind::kCreate, "stream");
  const StreamHandle stream = inner_.create_stream(device);
  const std::lock_guard lock(mutex_);
  ++live_.streams;
  return stream;
}

void FaultInjector::destroy_stream(int device, StreamHandle stream) noexcept {
  inner_.destroy_stream(device, stream);
  const std::lock_guard lock(mutex_);
  --live_.streams;
}

void FaultInjector::synchronize(int device, StreamHandle stream) {
  admit(CallKind::kSynchronize, "stream");
  inner_.synchronize(device, stream);
}

EventHandle FaultInjector::create_event(int device) {
  admit(CallKind::kCreate, "event");
  const EventHandle event = inner_.create_event(device);
  const std::lock_guard lock(mutex_);
  ++live_.events;
  return event;
}

void FaultInjector::destroy_event(int device, EventHandle event) noexcept {
  inner_.destroy_event(device, event);
  const std::lock_guard lock(mutex_);
  --live_.events;
}

void FaultInjector::record(int device, EventHandle event, StreamHandle stream) {
  admit(CallKind::kRecord);
  inner_.record(device, event, stream);
}

void FaultInjector::wait(int device, StreamHandle stream, EventHandle event) {
  admit(CallKind::kWait);
  inner_.wait(device, stream, event);
}

bool FaultInjector::query(int device, EventHandle event) {
  admit(CallKind::kQuery);
  return inner_.query(device, event);
}

void FaultInjector::synchronize_event(int device, EventHandle event) {
  admit(CallKind::kSynchronize, "event");
  inner_.synchronize_event(device, event);
}

float FaultInjector::elapsed_ms(int device, EventHandle start, EventHandle stop) {
  admit(CallKind::kQuery, "elapsed time");
  return inner_.elapsed_ms(device, start, stop);
}

void FaultInjector::copy(int device, void* to, const void* from, std::size_t bytes, CopyKind kind,
                         StreamHandle stream) {
  admit(CallKind::kCopy);
  inner_.copy(device, to, from, bytes, kind, stream);
}

void FaultInjector::fill(int device, void* to, int byte, std::size_t bytes, StreamHandle stream) {
  admit(CallKind::kFill);
  inner_.fill(device, to, byte, bytes, stream);
}

void FaultInjector::launch(int device, const LaunchShape& shape, const KernelCall& call,
                           StreamHandle stream) {
  admit(CallKind::kLaunch, fmt::format("kernel '{}'", call.name));
  inner_.launch(device, shape, call, stream);
}

void FaultInjector::begin_capture(int device, StreamHandle stream) {
  admit(CallKind::kGraph, "begin capture");
  inner_.begin_capture(device, stream);
}

GraphHandle FaultInjector::end_capture(int device, StreamHandle stream) {
  const GraphHandle graph = inner_.end_capture(device, stream);
  try {
    admit(CallKind::kGraph, "end capture");
  } catch (const Error&) {
    inner_.destroy_graph(device, graph);  // a capture that fails to end leaves no graph behind
    throw;
  }
  const std::lock_guard lock(mutex_);
  ++live_.graphs;
  return graph;
}

void FaultInjector::run_graph(int device, GraphHandle graph, StreamHandle stream) {
  admit(CallKind::kGraph, "run");
  inner_.run_graph(device, graph, stream);
}

void FaultInjector::destroy_graph(int device, GraphHandle graph) noexcept {
  inner_.destroy_graph(device, graph);
  const std::lock_guard lock(mutex_);
  --live_.graphs;
}

}  // namespace voluta
