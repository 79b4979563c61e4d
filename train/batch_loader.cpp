#include <voluta/core/error.h>
#include <voluta/kernels/picture_resize/resize_view.h>
#include <voluta/train/batch_loader.h>

#include <fmt/format.h>

#include <algorithm>

namespace voluta {
namespace {

// A batch is shared out in pieces small enough that its workers end at about the same time.
constexpr int64_t kSharesAWorker = 4;

// The view's offset becomes that of boxes without anything between them.
void place_boxes(Batch& batch) {
  if (!batch.images.defined() || !batch.views.defined()) return;
  int64_t offset = 0;
  for (int64_t i = 0; i < batch.count(); ++i) {
    int64_t* numbers = batch.views.data<int64_t>().data() + i * picture_resize::kViewNumbers;
    picture_resize::ResizeView view(numbers, 0, 0);
    view.offset = offset;
    view.write(numbers);
    offset += view.bytes();
  }
}

Batch make_batch(const Dataset& dataset, int64_t count) {
  const PictureSource source = dataset.source();
  Batch batch{.labels = Tensor(DType::i64, {count})};
  if (const int64_t numbers = view_numbers(source)) {
    batch.views = Tensor(DType::i64, {count, numbers});
  }
  if (const auto* boxed = std::get_if<BoxedPictures>(&source)) {
    batch.images = Tensor(DType::u8, {count, boxed->capacity});
  } else if (std::holds_alternative<LoadedPictures>(source)) {
    const Shape image = dataset.image_shape();
    batch.images = Tensor(DType::f32, {count, image[0], image[1], image[2]});
  }
  return batch;
}

}  // namespace

int64_t full_batch(const Dataset& dataset, int64_t batch_size, std::string_view set) {
  if (dataset.count() < 1) {
    invalid(fmt::format("{} is empty; it must have at least one picture", set));
  }
  if (batch_size < 1) {
    invalid(fmt::format("the batch size is {}; it must be at least 1", batch_size));
  }
  return std::min(batch_size, dataset.count());
}

std::vector<std::span<const std::byte>> Batch::boxes() const {
  std::vector<std::span<const std::byte>> found;
  const auto* bytes = static_cast<const std::byte*>(images.raw());
  for (int64_t i = 0; i < count(); ++i) {
    const int64_t* numbers = views.data<int64_t>().data() + i * picture_resize::kViewNumbers;
    const picture_resize::ResizeView view(numbers, 0, 0);
    found.emplace_back(bytes + i * images.shape()[1], static_cast<std::size_t>(view.bytes()));
  }
  return found;
}

BatchLoader::BatchLoader(const Dataset& dataset, int64_t batch_size, int64_t epochs, Order order,
                         const Start& start)
    : dataset_(dataset),
      batch_size_(full_batch(dataset, batch_size)),
      epochs_(static_cast<uint64_t>(epochs)),
      order_of_(std::move(order)) {
  const bool between = start.position == dataset.count();
  epoch_ = static_cast<uint64_t>(between ? start.epoch + 1 : start.epoch);
  position_ = batch_end_ = between ? 0 : start.position;
  const int64_t rest = dataset.count() % batch_size_;
  for (Slot& slot : slots_) {
    slot.full = make_batch(dataset, batch_size_);
    if (rest > 0) slot.rest = make_batch(dataset, rest);
  }
  const int64_t workers = dataset.workers();
  share_ =
      workers == 1 ? batch_size_ : std::max<int64_t>(batch_size_ / (workers * kSharesAWorker), 1);
  for (int64_t i = 0; i < workers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(stop); });
  }
}

void BatchLoader::work(std::stop_token stop) {
  for (;;) {
    Share share;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return done() || may_claim(); });
      if (stop.stop_requested() || done()) return;
      try {
        share = claim();
      } catch (...) {
        order_error_ = std::current_exception();
        changed_.notify_all();
        return;
      }
    }
    load(share);
  }
}

bool BatchLoader::done() const {
  return order_error_ || (epoch_ == epochs_ && position_ == batch_end_);
}

// Within the batch at hand, or where a slot is free for the next.
bool BatchLoader::may_claim() const {
  return position_ < batch_end_ || started_ - released_ < kSlots;
}

BatchLoader::Share BatchLoader::claim() {
  if (position_ == batch_end_) start_batch();
  Slot& slot = slots_[(started_ - 1) % kSlots];
  const int64_t count = std::min(share_, batch_end_ - position_);
  const int64_t batch_begin = batch_end_ - slot.batch().count();
  Share share{&slot, epoch_, position_ - batch_begin,
              std::span(*order_).subspan(static_cast<std::size_t>(position_),
                                         static_cast<std::size_t>(count)),
              order_};
  position_ += count;
  if (position_ == static_cast<int64_t>(order_->size())) {
    ++epoch_;
    position_ = batch_end_ = 0;
  }
  return share;
}

void BatchLoader::start_batch() {
  if (position_ == 0 || !order_) {
    order_ = std::make_shared<const std::vector<uint32_t>>(order_of_(epoch_));
  }
  const int64_t count = std::min(batch_size_, static_cast<int64_t>(order_->size()) - position_);
  Slot& slot = slots_[started_ % kSlots];
  slot.holds_rest = count < batch_size_;
  slot.left = slot.failed_at = count;
  slot.error = nullptr;
  batch_end_ = position_ + count;
  ++started_;
}

void BatchLoader::load(const Share& share) {
  Batch& batch = share.slot->batch();
  int64_t* labels = batch.labels.data<int64_t>().data() + share.begin;
  std::exception_ptr error;
  std::size_t i = 0;
  try {
    for (; i < share.indices.size(); ++i) {
      labels[i] =
          load_picture(batch, share.begin + static_cast<int64_t>(i), share.indices[i], share.epoch);
    }
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  const int64_t at = share.begin + static_cast<int64_t>(i);
  if (error && at < share.slot->failed_at) {
    share.slot->failed_at = at;
    share.slot->error = error;
  }
  share.slot->left -= static_cast<int64_t>(share.indices.size());
  if (share.slot->left == 0) changed_.notify_all();
}

// To place `at` of the batch; gives the label.
int64_t BatchLoader::load_picture(Batch& batch, int64_t at, uint32_t index, uint64_t epoch) const {
  const int64_t elements = batch.images.elements() / batch.count();
  if (!batch.views.defined()) {
    return dataset_.load(index, epoch, batch.images.data<float>().data() + at * elements);
  }
  uint8_t* pixels =
      batch.images.defined() ? batch.images.data<uint8_t>().data() + at * elements : nullptr;
  int64_t* view = batch.views.data<int64_t>().data() + at * batch.views.shape()[1];
  return dataset_.view(index, epoch, view, pixels);
}

const Batch& BatchLoader::next() {
  std::unique_lock lock(mutex_);
  if (released_ < consumed_) {
    released_ = consumed_;
    changed_.notify_all();
  }
  Slot& slot = slots_[consumed_ % kSlots];
  changed_.wait(lock,
                [&] { return consumed_ < started_ ? slot.left == 0 : order_error_ != nullptr; });
  if (consumed_ == started_) std::rethrow_exception(order_error_);
  if (slot.error) std::rethrow_exception(slot.error);
  place_boxes(slot.batch());
  ++consumed_;
  return slot.batch();
}

}  // namespace voluta
