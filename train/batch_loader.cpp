#include <voluta/train/batch_loader.h>

#include <algorithm>

namespace voluta {
namespace {

Batch make_batch(const Dataset& dataset, int64_t count) {
  const Shape image = dataset.image_shape();
  return {Tensor(DType::f32, {count, image[0], image[1], image[2]}), Tensor(DType::i64, {count})};
}

}  // namespace

BatchLoader::BatchLoader(const Dataset& dataset, int64_t batch_size, int64_t epochs, Order order)
    : dataset_(dataset), batch_size_(std::min(batch_size, dataset.count())) {
  const int64_t rest = dataset.count() % batch_size_;
  for (Slot& slot : slots_) {
    slot.full = make_batch(dataset, batch_size_);
    if (rest > 0) slot.rest = make_batch(dataset, rest);
  }
  thread_ = std::jthread([this, epochs, order = std::move(order)](std::stop_token stop) {
    try {
      produce(stop, epochs, order);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
      changed_.notify_all();
    }
  });
}

void BatchLoader::produce(std::stop_token stop, int64_t epochs, const Order& order) {
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    const std::vector<uint32_t> indices = order(static_cast<uint64_t>(epoch));
    std::span<const uint32_t> left = indices;
    while (!left.empty()) {
      Slot* slot = wait_for_free_slot(stop);
      if (slot == nullptr) return;
      const auto count = std::min<std::size_t>(left.size(), static_cast<std::size_t>(batch_size_));
      slot->holds_rest = static_cast<int64_t>(count) < batch_size_;
      Batch& batch = slot->holds_rest ? slot->rest : slot->full;
      dataset_.gather(left.first(count), batch.images, batch.labels);
      left = left.subspan(count);
      const std::lock_guard lock(mutex_);
      ++produced_;
      changed_.notify_all();
    }
  }
}

BatchLoader::Slot* BatchLoader::wait_for_free_slot(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return produced_ - released_ < kSlots; });
  return stop.stop_requested() ? nullptr : &slots_[produced_ % kSlots];
}

const Batch& BatchLoader::next() {
  std::unique_lock lock(mutex_);
  if (released_ < consumed_) {
    released_ = consumed_;
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return produced_ > consumed_ || error_; });
  if (produced_ == consumed_) std::rethrow_exception(error_);
  const Slot& slot = slots_[consumed_++ % kSlots];
  return slot.holds_rest ? slot.rest : slot.full;
}

}  // namespace voluta
