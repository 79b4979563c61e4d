#include <voluta/core/device/stream.h>

namespace voluta {

Stream::Stream(Device device)
    : device_(device),
      runtime_(&voluta::runtime(device.type)),
      handle_(runtime_->create_stream(device.index)) {}

// Waits for its work: a runtime may give the next stream the same handle, and the memory pools
// take equal handles for one queue.
Stream::~Stream() {
  try {
    runtime_->synchronize(device_.index, handle_);
  } catch (const std::exception&) {
    // A failed device has reported its error to whoever synchronised; a destructor must not throw.
  }
  runtime_->destroy_stream(device_.index, handle_);
}

void Stream::wait(const Event& event) {
  runtime_->wait(device_.index, handle_, event.handle());
}

Event::Event(Device device)
    : device_(device),
      runtime_(&voluta::runtime(device.type)),
      handle_(runtime_->create_event(device.index)) {}

Event::~Event() {
  runtime_->destroy_event(device_.index, handle_);
}

void Event::record(Stream& stream) {
  runtime_->record(device_.index, handle_, stream.handle());
}

bool Event::finished() const {
  return runtime_->query(device_.index, handle_);
}

void Event::synchronize() {
  runtime_->synchronize_event(device_.index, handle_);
}

float Event::elapsed_ms_since(const Event& start) const {
  return runtime_->elapsed_ms(device_.index, start.handle_, handle_);
}

}  // namespace voluta
