#pragma once

// Prepares batches on threads of its own, a few ahead of the consumer; of sets that the device holds, the
// views from which it makes them. What it yields, errors included, depends on the dataset and the order
// alone, never on timing or the number of threads.

#include <voluta/core/tensor.h>
#include <voluta/train/dataset.h>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

namespace voluta {

// In the form of the set's source(): numbers f32 [n,H,W,C], views, or pixels u8 [n,capacity] and views.
struct Batch {
  Tensor images;  // undefined where the device holds the set
  Tensor views;   // i64 [n,view_numbers()]; undefined where there are none
  Tensor labels;  // i64 [n]
  int64_t count() const { return labels.shape()[0]; }

  // Of boxed pictures: the bytes of each that are seen. The views say where they lie if nothing is
  // between them.
  std::vector<std::span<const std::byte>> boxes() const;
};

// Pictures of a full batch: `batch_size`, or all of a set that has fewer. Throws invalid() for an empty
// set, named by `set`, and a batch_size below 1.
int64_t full_batch(const Dataset& dataset, int64_t batch_size, std::string_view set = "the set");

class BatchLoader {
 public:
  // Order of the pictures of an epoch (0, 1, ...).
  using Order = std::function<std::vector<uint32_t>(uint64_t epoch)>;

  // The first picture of a loader that begins in the middle of a run.
  struct Start {
    int64_t epoch = 0, position = 0;  // in the epoch's order, where a batch begins; its end is fine
  };

  // Yields, epoch after epoch, batches of `batch_size` and at the end of each epoch what is left over.
  // The dataset, whose workers() share the pictures of a batch, must outlive the loader. Throws invalid()
  // where full_batch() does.
  BatchLoader(const Dataset& dataset, int64_t batch_size, int64_t epochs, Order order,
              const Start& start);
  BatchLoader(const Dataset& dataset, int64_t batch_size, int64_t epochs, Order order)
      : BatchLoader(dataset, batch_size, epochs, std::move(order), Start{}) {}

  // The next batch, valid until the next call. Throws what its first failing picture threw, or what
  // its epoch's order did; must not be called more often than there are batches.
  const Batch& next();

 private:
  struct Slot {
    Batch full, rest;
    bool holds_rest = false;
    int64_t left = 0;  // pictures that are not ready
    int64_t failed_at = 0;
    std::exception_ptr error;  // of picture failed_at, the first that failed
    Batch& batch() { return holds_rest ? rest : full; }
  };
  // Pictures of one batch that a worker takes at once.
  struct Share {
    Slot* slot;
    uint64_t epoch;
    int64_t begin;  // in the batch
    std::span<const uint32_t> indices;
    std::shared_ptr<const std::vector<uint32_t>> keeps_indices;
  };
  static constexpr uint64_t kSlots = 3;  // one in use, two ahead

  void work(std::stop_token stop);
  bool may_claim() const;
  bool done() const;
  Share claim();
  void start_batch();
  void load(const Share& share);
  int64_t load_picture(Batch& batch, int64_t at, uint32_t index, uint64_t epoch) const;

  const Dataset& dataset_;
  int64_t batch_size_, share_;
  uint64_t epochs_;
  Order order_of_;
  Slot slots_[kSlots];

  std::mutex mutex_;  // guards all below and the slots' counters
  std::condition_variable_any changed_;
  std::shared_ptr<const std::vector<uint32_t>> order_;  // of epoch_
  uint64_t epoch_ = 0;
  int64_t position_ = 0;  // of the next picture to claim, in the epoch
  int64_t batch_end_ = 0;
  uint64_t started_ = 0, released_ = 0, consumed_ = 0;  // batches; released <= consumed <= started
  std::exception_ptr order_error_;                      // of the batch after the started ones
  std::vector<std::jthread> threads_;                   // last: they use all of the above
};

}  // namespace voluta
