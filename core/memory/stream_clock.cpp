#include <voluta/core/memory/stream_clock.h>

namespace voluta {
namespace {

// A pool that always finds memory on the same stream never needs to look at its events; this many
// may gather before they are looked at and used again.
constexpr std::size_t kPollAt = 64;

}  // namespace

StreamClock::~StreamClock() {
  for (auto& [stream, timeline] : timelines_) {
    for (EventHandle event : timeline.pending) runtime_.destroy_event(device_, event);
  }
  for (EventHandle event : spare_) runtime_.destroy_event(device_, event);
}

StreamMark StreamClock::mark(StreamHandle stream) {
  Timeline& timeline = timelines_[stream];
  if (timeline.pending.size() >= kPollAt) advance(timeline);
  const EventHandle event = take_event();
  try {
    runtime_.record(device_, event, stream);
  } catch (...) {
    spare_.push_back(event);
    throw;
  }
  timeline.pending.push_back(event);
  return {stream, ++timeline.set};
}

bool StreamClock::past(const StreamMark& mark) const {
  if (mark.tick == 0) return true;
  const auto found = timelines_.find(mark.stream);
  return found != timelines_.end() && mark.tick <= found->second.past;
}

void StreamClock::poll() {
  for (auto& [stream, timeline] : timelines_) advance(timeline);
}

void StreamClock::poll(StreamHandle stream) {
  if (const auto found = timelines_.find(stream); found != timelines_.end()) {
    advance(found->second);
  }
}

void StreamClock::wait() {
  for (auto& [stream, timeline] : timelines_) {
    if (timeline.pending.empty()) continue;
    runtime_.synchronize_event(device_, timeline.pending.back());
    spare_.insert(spare_.end(), timeline.pending.begin(), timeline.pending.end());
    timeline.pending.clear();
    timeline.past = timeline.set;
  }
}

void StreamClock::advance(Timeline& timeline) {
  while (!timeline.pending.empty() && runtime_.query(device_, timeline.pending.front())) {
    spare_.push_back(timeline.pending.front());
    timeline.pending.pop_front();
    ++timeline.past;
  }
}

EventHandle StreamClock::take_event() {
  if (spare_.empty()) return runtime_.create_event(device_);
  const EventHandle event = spare_.back();
  spare_.pop_back();
  return event;
}

}  // namespace voluta
