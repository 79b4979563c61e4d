#include <fmt/format.h>
#include <voluta/simt/block.h>
#include <voluta/simt/block_tags.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

constinit thread_local uint3 threadIdx{};
constinit thread_local uint3 blockIdx{};
constinit thread_local dim3 blockDim{};
constinit thread_local dim3 gridDim{};

namespace voluta::simt {

constinit thread_local int linear_thread_index = 0;

namespace {

constinit thread_local Block* running_block = nullptr;

// Unwinds the stacks of a block's other threads after one of them has failed.
struct Cancelled {};

uint3 unravel(uint64_t linear, const std::array<unsigned, 3>& extent) {
  return {static_cast<unsigned>(linear % extent[0]),
          static_cast<unsigned>(linear / extent[0] % extent[1]),
          static_cast<unsigned>(linear / extent[0] / extent[1])};
}

}  // namespace

Block::Block() = default;

Block::~Block() {
  const IgnoreAccesses ignore;
  for (auto& set : idle_fibers_) set.clear();
  used_fibers_.clear();
}

Block& Block::current(const char* function) {
  if (running_block == nullptr) {
    fail(ErrorKind::kFailed, fmt::format("simt: {} was called outside a kernel", function));
  }
  return *running_block;
}

Block* Block::current_or_null() {
  return running_block;
}

void Block::begin_grid(const Grid& grid, BlockCluster& cluster, int rank) {
  cluster_ = &cluster;
  rank_ = rank;
  const auto& extent = grid.shape.block;
  const int count = static_cast<int>(extent[0] * extent[1] * extent[2]);
  if (count != thread_count_ || extent != grid_.shape.block) {
    indices_.resize(count);
    for (int t = 0; t < count; ++t) indices_[t] = unravel(t, extent);
    meetings_.resize((count + kWarpSize - 1) / kWarpSize);
  }
  grid_ = grid;
  thread_count_ = count;
  blockDim = dim3(extent[0], extent[1], extent[2]);
  gridDim = dim3(grid.shape.grid[0], grid.shape.grid[1], grid.shape.grid[2]);
}

void Block::start(uint64_t block) {
  block_index_ = unravel(block, grid_.shape.grid);
  random_ = RandomOrder(scatter(grid_.seed) ^ scatter(block));
  shared_.begin_block(grid_.shape.shared_bytes);
  threads_.assign(thread_count_, Thread{});
  runnable_.resize(thread_count_);
  for (int t = 0; t < thread_count_; ++t) runnable_[t] = thread_count_ - 1 - t;
  next_ = -1;
  live_ = thread_count_;
  at_barrier_ = barrier_votes_ = barrier_phase_ = 0;
  for (NamedBarrier& each : named_) each = {};
  for (auto& each : meetings_) each.clear();
  conditional_.clear();
  if (copies_used_) copies_.clear();
  copies_used_ = false;
  bulk_.copies.clear();
  bulk_.warps.clear();
  cancelled_ = false;
  failure_.reset();
  if constexpr (kTsan) {
    auto& idle = idle_fibers_[fiber_set_];
    std::ranges::move(used_fibers_, std::back_inserter(idle));
    used_fibers_.clear();
    fiber_set_ = (fiber_set_ + 1) % kFiberSets;
    tags_ = std::make_unique<Tags>();
    tags_->lanes.resize(thread_count_);
  }
}

void Block::enter() {
  running_block = this;
  blockIdx = block_index_;
}

bool Block::advance(uint64_t turns) {
  enter();
  bool ran = false;
  try {
    schedule(turns, ran);
  } catch (const std::exception& error) {  // of the emulator itself: no memory for a stack
    fail_block(error.what());
  }
  running_block = nullptr;
  return ran;
}

void Block::schedule(uint64_t turns, bool& ran) {
  for (; turns > 0 && live_ > 0 && !failure_; --turns) {
    // Unseeded, a condition is looked at only when all others have gone as far as they can.
    const bool look = grid_.seed != 0 && !conditional_.empty() && random_.below(8) == 0;
    if (look) release_conditions();
    if (next_ < 0 && runnable_.empty() && !release_conditions()) return;
    const int thread = next_ >= 0 ? next_ : pick();
    next_ = -1;
    ran = true;
    resume(thread);
  }
}

std::optional<Failure> Block::finish() {
  if (live_ > 0) {
    enter();
    cancel();
    running_block = nullptr;
  }
  const std::string damage = shared_.end_block();
  if (!cancelled_ && !damage.empty()) fail_block(damage);
  if (!cancelled_ && !bulk_.copies.empty()) {
    fail_block("a bulk copy to shared memory is under way when the block ends");
  }
  tags_.reset();
  return std::move(failure_);
}

int Block::pick() {
  if (grid_.seed != 0) std::swap(runnable_[random_.below(runnable_.size())], runnable_.back());
  const int thread = runnable_.back();
  runnable_.pop_back();
  return thread;
}

void Block::make_current(int thread) {
  current_ = linear_thread_index = thread;
  threadIdx = indices_[thread];
}

void Block::resume(int thread) {
  if (threads_[thread].fiber == nullptr) threads_[thread].fiber = take_fiber();
  make_current(thread);
  threads_[thread].fiber->resume();
  // The fiber may have run further threads since; `current_` is the one it stopped in.
  if (threads_[current_].state != State::kExited) return arrive(current_);
  return_fiber(current_);
  release_block_barrier_if_complete();
}

Fiber* Block::take_fiber() {
  auto& idle = idle_fibers_[fiber_set_];
  if (idle.empty()) return new Fiber(fiber_body, this);
  Fiber* fiber = idle.back().release();
  idle.pop_back();
  return fiber;
}

void Block::return_fiber(int thread) {
  auto& fibers = kTsan ? used_fibers_ : idle_fibers_[fiber_set_];
  fibers.emplace_back(std::exchange(threads_[thread].fiber, nullptr));
}

void Block::fiber_body(void* self) {
  Block& block = *static_cast<Block*>(self);
  for (;;) {
    block.run_thread();
    if (kTsan || block.failure_ || block.cancelled_ || block.runnable_.empty()) return;
    const int next = block.pick();
    if (block.threads_[next].state != State::kFresh) {
      block.next_ = next;
      return;
    }
    std::swap(block.threads_[next].fiber, block.threads_[block.current_].fiber);
    block.make_current(next);
  }
}

void Block::run_thread() {
  std::optional<Failure> thrown;
  tsan_acquire(grid_.start_tag);
  try {
    (*grid_.body)();
  } catch (const Cancelled&) {
  } catch (const Error& error) {
    thrown = {error.kind(), error.what()};
  } catch (const std::exception& error) {
    thrown = {ErrorKind::kFailed, error.what()};
  } catch (...) {
    thrown = {ErrorKind::kFailed, "an exception of unknown type"};
  }
  tsan_release(grid_.end_tag);
  const IgnoreAccesses ignore;
  if (thrown) fail_thread(current_, thrown->kind, thrown->message);
  threads_[current_].state = State::kExited;
  --live_;
}

void Block::wait(Wait& wait) {
  const IgnoreAccesses ignore;
  if (cancelled_) {  // a destructor that waits while its stack is unwound
    if (std::uncaught_exceptions() > 0) return;
    throw Cancelled{};
  }
  Thread& thread = threads_[current_];
  void* tag = tag_of(wait);
  if (tag != nullptr) tsan_release(tag);
  thread.wait = &wait;
  thread.state = State::kWaiting;
  thread.fiber->suspend();
  if (cancelled_) throw Cancelled{};
  if (tag != nullptr) tsan_acquire(tag);
}

void Block::cancel() {
  cancelled_ = true;
  for (int t = 0; t < thread_count_; ++t) {
    if (threads_[t].fiber == nullptr) continue;
    make_current(t);
    threads_[t].fiber->resume();
    return_fiber(t);
  }
}

}  // namespace voluta::simt
