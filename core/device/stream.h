#pragma once

// A queue of work on a device, and events that order queues. Both own their handles.

#include <voluta/core/device/runtime.h>

namespace voluta {

class Event;

class Stream {
 public:
  explicit Stream(Device device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Device device() const { return device_; }
  StreamHandle handle() const { return handle_; }
  Runtime& runtime() const { return *runtime_; }

  void synchronize() { runtime_->synchronize(device_.index, handle_); }
  void wait(const Event& event);
  void copy(void* to, const void* from, std::size_t bytes, CopyKind kind) {
    runtime_->copy(device_.index, to, from, bytes, kind, handle_);
  }
  void fill(void* to, int byte, std::size_t bytes) {
    runtime_->fill(device_.index, to, byte, bytes, handle_);
  }

 private:
  Device device_;
  Runtime* runtime_;
  StreamHandle handle_;
};

class Event {
 public:
  explicit Event(Device device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  EventHandle handle() const { return handle_; }
  void record(Stream& stream);
  bool finished() const;
  void synchronize();
  float elapsed_ms_since(const Event& start) const;

 private:
  Device device_;
  Runtime* runtime_;
  EventHandle handle_;
};

}  // namespace voluta
