#include <voluta/simt/worker_pool.h>

namespace voluta::simt {

WorkerPool& WorkerPool::instance() {
  static WorkerPool pool;
  return pool;
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void WorkerPool::run(int threads, const std::function<void()>& job) {
  const std::unique_lock user(users_, std::try_to_lock);
  if (threads <= 1 || !user) return job();
  {
    const std::lock_guard lock(mutex_);
    while (static_cast<int>(helpers_.size()) < threads - 1) {
      helpers_.emplace_back([this] { serve(); });
    }
    job_ = &job;
    wanted_ = working_ = threads - 1;
  }
  wake_.notify_all();
  job();
  std::unique_lock lock(mutex_);
  // A helper that has not woken up by now would find nothing left to do.
  working_ -= wanted_;
  wanted_ = 0;
  finished_.wait(lock, [this] { return working_ == 0; });
  job_ = nullptr;
}

void WorkerPool::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || wanted_ > 0; });
    if (stopping_) return;
    --wanted_;
    const std::function<void()>& job = *job_;
    lock.unlock();
    job();
    lock.lock();
    if (--working_ == 0) finished_.notify_all();
  }
}

}  // namespace voluta::simt
