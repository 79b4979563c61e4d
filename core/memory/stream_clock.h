#pragma once

// Time as the pools see it. Each stream has a timeline of numbered marks, an event each; a mark is
// past once the work that was on its stream before it has finished. Marks of one stream become
// past in order, so a timeline needs only the number of the last one.

#include <voluta/core/device/runtime.h>

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

namespace voluta {

// A point on a stream; the default one is past.
struct StreamMark {
  StreamHandle stream = nullptr;
  std::uint64_t tick = 0;
};

inline constexpr std::uint64_t kNeverPast = UINT64_MAX;

class StreamClock {
 public:
  StreamClock(Runtime& runtime, int device) : runtime_(runtime), device_(device) {}
  ~StreamClock();
  StreamClock(const StreamClock&) = delete;
  StreamClock& operator=(const StreamClock&) = delete;

  StreamMark mark(StreamHandle stream);
  bool past(const StreamMark& mark) const;  // as far as known: poll() asks the device
  void poll();
  void poll(StreamHandle stream);
  void wait();  // until every mark is past, but those at kNeverPast

 private:
  struct Timeline {
    std::uint64_t set = 0, past = 0;
    std::deque<EventHandle> pending;  // of ticks past + 1 ... set
  };

  void advance(Timeline& timeline);
  EventHandle take_event();

  Runtime& runtime_;
  int device_;
  std::unordered_map<StreamHandle, Timeline> timelines_;
  std::vector<EventHandle> spare_;
};

}  // namespace voluta
