#include <fmt/format.h>
#include <voluta/simt/block_cluster.h>
#include <voluta/simt/sanitizers.h>
#include <voluta/simt/shared.h>
#include <voluta/simt/simt.h>
#include <voluta/simt/worker_pool.h>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace voluta::simt {
namespace {

constexpr unsigned kMaxGrid[] = {0x7fffffffu, 65535, 65535};
constexpr unsigned kMaxBlock[] = {1024, 1024, 64};
constexpr uint64_t kMaxThreadsPerBlock = 1024;
constexpr unsigned kMaxCluster = 8;

// Waking a helper costs as much as some thousand CUDA threads.
constexpr uint64_t kCudaThreadsPerHelper = 4096;
// g++'s TSan keeps some 8,000 contexts, and a worker needs two sets of up to 1024.
constexpr int kMaxTsanWorkers = 3;

[[noreturn]] void refuse(const LaunchShape& shape, const char* name, const std::string& why) {
  fail(ErrorKind::kFailed,
       fmt::format("invalid configuration: kernel '{}', grid {} x {} x {}, block {} x {} x {}, "
                   "clusters of {}, {} bytes of shared memory: {}",
                   name, shape.grid[0], shape.grid[1], shape.grid[2], shape.block[0],
                   shape.block[1], shape.block[2], shape.cluster, shape.shared_bytes, why));
}

uint64_t volume(const std::array<unsigned, 3>& extent) {
  return uint64_t{extent[0]} * extent[1] * extent[2];
}

// The clusters of one grid, handed out in order to whoever asks; without them, its blocks.
class GridRun {
 public:
  GridRun(const LaunchShape& shape, const char* name, const std::function<void()>& body,
          uint64_t seed)
      : grid_{shape, name, &body, seed, &start_tag_, &end_tag_, &fence_tag_},
        clusters_(volume(shape.grid) / shape.cluster),
        order_(clusters_, seed) {
    tsan_release(&start_tag_);
  }

  void work() {
    static thread_local BlockCluster cluster;
    cluster.begin_grid(grid_);
    // Relaxed: an ordering here would order blocks that the grid leaves unordered.
    while (!failed_.load(std::memory_order_relaxed)) {
      const uint64_t turn = next_.fetch_add(1, std::memory_order_relaxed);
      if (turn >= clusters_) return;
      if (auto failure = cluster.run(order_[turn])) keep(turn, *failure);
    }
  }

  // The failure that came first in the order of blocks, which does not depend on the OS threads:
  // blocks before it were handed out before it and have run to their end.
  void finish() {
    tsan_acquire(&end_tag_);
    if (failure_) fail(failure_->kind, failure_->message);
  }

 private:
  void keep(uint64_t turn, const Failure& failure) {
    const std::lock_guard lock(mutex_);
    failed_.store(true, std::memory_order_relaxed);
    if (failure_ && failed_turn_ < turn) return;
    failure_ = failure;
    failed_turn_ = turn;
  }

  char start_tag_, end_tag_, fence_tag_;
  Grid grid_;
  uint64_t clusters_;
  Permutation order_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::optional<Failure> failure_;
  uint64_t failed_turn_ = 0;
};

int useful_workers(const LaunchShape& shape, int threads) {
  const uint64_t blocks = volume(shape.grid);
  const int most_workers = std::max(kMaxTsanWorkers / static_cast<int>(shape.cluster), 1);
  const uint64_t most = kTsan ? std::min(threads, most_workers) : threads;
  const uint64_t worth = 1 + blocks * volume(shape.block) / kCudaThreadsPerHelper;
  return static_cast<int>(std::min({blocks / shape.cluster, most, worth}));
}

}  // namespace

void check_launch(const LaunchShape& shape, const char* name) {
  for (int axis = 0; axis < 3; ++axis) {
    const char letter = "xyz"[axis];
    if (shape.grid[axis] == 0 || shape.block[axis] == 0) {
      refuse(shape, name, fmt::format("nothing to run along {}", letter));
    }
    if (shape.grid[axis] > kMaxGrid[axis]) {
      refuse(shape, name, fmt::format("grid.{} is at most {}", letter, kMaxGrid[axis]));
    }
    if (shape.block[axis] > kMaxBlock[axis]) {
      refuse(shape, name, fmt::format("block.{} is at most {}", letter, kMaxBlock[axis]));
    }
  }
  if (volume(shape.block) > kMaxThreadsPerBlock) {
    refuse(shape, name, fmt::format("a block has at most {} threads", kMaxThreadsPerBlock));
  }
  if (shape.cluster == 0 || shape.cluster > kMaxCluster || shape.grid[0] % shape.cluster != 0) {
    refuse(shape, name,
           fmt::format("a cluster has at most {} blocks and divides grid.x", kMaxCluster));
  }
  if (shape.shared_bytes > kMaxSharedBytes) {
    refuse(shape, name,
           fmt::format("a block has at most {} bytes of shared memory", kMaxSharedBytes));
  }
}

void run_grid(const LaunchShape& shape, const char* name, const std::function<void()>& body,
              const Settings& settings) {
  check_launch(shape, name);
  if (Block::current_or_null() != nullptr) {
    refuse(shape, name, "a kernel cannot launch another one");
  }
  GridRun run(shape, name, body, settings.seed);
  WorkerPool::instance().run(useful_workers(shape, settings.threads), [&run] { run.work(); });
  run.finish();
}

}  // namespace voluta::simt
