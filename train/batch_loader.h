#pragma once

// Prepares batches on a thread of its own, a few ahead of the consumer. What it yields depends on
// the dataset and the order alone, never on timing.

#include <voluta/train/dataset.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace voluta {

struct Batch {
  Tensor images;  // f32 [n,H,W,C]
  Tensor labels;  // i64 [n]
  int64_t count() const { return labels.shape()[0]; }
};

class BatchLoader {
 public:
  // Order of the pictures of an epoch (0, 1, ...).
  using Order = std::function<std::vector<uint32_t>(uint64_t epoch)>;

  // Yields, epoch after epoch, batches of `batch_size` and at the end of each epoch what is left
  // over. The dataset must outlive the loader.
  BatchLoader(const Dataset& dataset, int64_t batch_size, int64_t epochs, Order order);

  // The next batch, valid until the next call. Throws what the thread threw; must not be called
  // more often than there are batches.
  const Batch& next();

 private:
  struct Slot {
    Batch full, rest;
    bool holds_rest = false;
  };
  static constexpr std::size_t kSlots = 3;  // one in use, two ahead

  void produce(std::stop_token stop, int64_t epochs, const Order& order);
  Slot* wait_for_free_slot(std::stop_token stop);

  const Dataset& dataset_;
  int64_t batch_size_;
  Slot slots_[kSlots];
  std::mutex mutex_;
  std::condition_variable_any changed_;
  uint64_t produced_ = 0, released_ = 0,
           consumed_ = 0;  // batches; released <= consumed <= produced
  std::exception_ptr error_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace voluta
