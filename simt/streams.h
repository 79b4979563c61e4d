#pragma once

// Streams, events and captured graphs of the SIMT runtime.
//
// Note [Deferred streams]
// A stream is a queue whose work runs only when somebody waits for it: a synchronise of the stream
// or of an event in it, another stream's wait, the stream's end. So a missing synchronisation
// always shows as stale data, where a GPU would show it on a bad day. query() answers how things
// stand and then lets one item run, so that a loop which polls comes to an end.

#include <voluta/core/device/runtime.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace voluta::simt {

using Work = std::function<void()>;

struct StreamState;
struct DeviceState;

// Work recorded on one or more streams between begin_capture and end_capture, in call order, which
// is an order that the dependencies allow.
struct Capture {
  StreamState* origin;
  std::thread::id thread;  // that began it
  std::vector<Work> work;
  std::vector<StreamState*> streams;  // that take part, the origin among them
  std::string invalid;                // why it cannot be ended in a graph; empty while it can
};

// A moment in a stream: reached when the work before it has run.
struct Point {
  std::weak_ptr<StreamState> stream;
  bool reached = false;
  std::chrono::steady_clock::time_point time;
  std::shared_ptr<Capture> capture;  // of a point that was captured instead of queued
  uint64_t captured_items = 0;       // of its stream, before it
};

struct EventState {
  std::shared_ptr<Point> point;  // nullptr until recorded
};

struct GraphState {
  std::vector<Work> work;
};

struct StreamState : std::enable_shared_from_this<StreamState> {
  explicit StreamState(DeviceState& device_) : device(device_) {}

  struct Item {
    Work work;
    std::shared_ptr<Point> after;  // must be reached first; may be nullptr
  };
  DeviceState& device;
  std::deque<Item> items;
  std::shared_ptr<Capture> capture;  // nullptr while work is queued
  uint64_t captured_items = 0;
  bool joined = true;  // in a capture: all its work is known to the origin

  void enqueue(Work work);
  void wait(const std::shared_ptr<Point>& point);
  std::shared_ptr<Point> record();

  void run_all();
  // Runs the next item, or one of what it waits for. Throws what the work throws, and then the
  // device has failed and its queues are empty.
  void run_one();

  void begin_capture();
  std::shared_ptr<GraphState> end_capture();
  void leave_capture();  // drops a capture that was not ended

 private:
  void run(Item& item);
};

// Runs what must run before `point` is reached.
void reach(Point& point);

// CUDA's error for a call that a capture does not allow; it also spoils the capture.
[[noreturn]] void refuse_in_capture(Capture& capture, const std::string& call);

}  // namespace voluta::simt
