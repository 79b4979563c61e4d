#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/simt/device_state.h>
#include <voluta/simt/streams.h>

#include <algorithm>

namespace voluta::simt {

void DeviceState::require_healthy() const {
  if (failure.empty()) return;
  fail(ErrorKind::kFailed,
       fmt::format("device simt:{} cannot be used after an earlier failure: {}", index, failure));
}

void DeviceState::fail_with(const std::string& what) {
  if (failure.empty()) failure = what;
  for (const auto& stream : streams) stream->items.clear();
}

void DeviceState::reset() {
  failure.clear();
  for (const auto& stream : streams) {
    stream->items.clear();
    stream->leave_capture();
  }
}

void DeviceState::run_all() noexcept {
  try {
    for (const auto& stream : streams) stream->run_all();
  } catch (const std::exception&) {
    // `failure` holds it.
  }
}

void refuse_in_capture(Capture& capture, const std::string& call) {
  capture.invalid = fmt::format("{} is not permitted while a stream is capturing", call);
  fail(ErrorKind::kFailed, "operation " + capture.invalid);
}

void StreamState::enqueue(Work work) {
  if (capture == nullptr) {
    items.push_back({std::move(work), nullptr});
    return;
  }
  capture->work.push_back(std::move(work));
  ++captured_items;
  joined = this == capture->origin;
}

std::shared_ptr<Point> StreamState::record() {
  auto point = std::make_shared<Point>();
  point->stream = weak_from_this();
  point->capture = capture;
  point->captured_items = captured_items;
  if (capture != nullptr) return point;
  enqueue([point] {
    point->time = std::chrono::steady_clock::now();
    point->reached = true;
  });
  return point;
}

void StreamState::wait(const std::shared_ptr<Point>& point) {
  if (point->capture == nullptr) {
    if (capture != nullptr) refuse_in_capture(*capture, "a wait for an event recorded outside");
    if (!point->reached) items.push_back({[] {}, point});
    return;
  }
  if (capture == nullptr) {  // the stream joins the capture
    capture = point->capture;
    capture->streams.push_back(this);
    captured_items = 0;
  } else if (capture != point->capture) {
    refuse_in_capture(*capture, "a wait for an event of another capture");
  }
  joined = this == capture->origin;
  const auto other = point->stream.lock();
  if (other != nullptr && other.get() != this && other->captured_items == point->captured_items) {
    other->joined = true;
  }
}

void StreamState::run_all() {
  while (!items.empty()) run_one();
}

void StreamState::run_one() {
  if (items.empty()) return;
  const auto after = items.front().after;
  const auto other = after == nullptr ? nullptr : after->stream.lock();
  // A point whose stream is empty or gone was dropped by a failure; nobody can reach it any more.
  if (other != nullptr && !after->reached && !other->items.empty()) return other->run_one();
  Item item = std::move(items.front());
  items.pop_front();
  run(item);
}

void StreamState::run(Item& item) {
  try {
    item.work();
  } catch (const std::exception& error) {
    device.fail_with(error.what());
    throw;
  }
}

void StreamState::begin_capture() {
  if (capture != nullptr) refuse_in_capture(*capture, "beginning a capture");
  capture = std::make_shared<Capture>();
  capture->origin = this;
  capture->thread = std::this_thread::get_id();
  capture->streams = {this};
  captured_items = 0;
  joined = true;
}

std::shared_ptr<GraphState> StreamState::end_capture() {
  if (capture == nullptr || capture->origin != this) {
    fail(ErrorKind::kFailed, "a capture was ended on a stream that did not begin one");
  }
  const auto ended = capture;
  const bool all_joined =
      std::ranges::all_of(ended->streams, [](const StreamState* stream) { return stream->joined; });
  leave_capture();
  if (!ended->invalid.empty()) {
    fail(ErrorKind::kFailed, "the capture was spoilt earlier: " + ended->invalid);
  }
  if (!all_joined) {
    fail(ErrorKind::kFailed,
         "a capture ended with work on another stream that the first one does not wait for");
  }
  auto graph = std::make_shared<GraphState>();
  graph->work = std::move(ended->work);
  return graph;
}

void StreamState::leave_capture() {
  if (capture == nullptr) return;
  const auto left = capture;
  if (left->origin != this) {
    left->invalid = "a stream that took part was destroyed";
    std::erase(left->streams, this);
    capture = nullptr;
    return;
  }
  for (StreamState* stream : left->streams) stream->capture = nullptr;
}

void reach(Point& point) {
  while (!point.reached) {
    const auto stream = point.stream.lock();
    if (stream == nullptr || stream->items.empty()) return;  // dropped by a failure
    stream->run_one();
  }
}

}  // namespace voluta::simt
