#pragma once

// OS threads that wait for work: one job at a time, run by the caller and some helpers at once.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace voluta::simt {

class WorkerPool {
 public:
  static WorkerPool& instance();
  ~WorkerPool();

  // Runs `job` on `threads` OS threads, the caller's among them, and returns when all have. Where
  // the pool serves another caller, this one runs its job alone.
  void run(int threads, const std::function<void()>& job);

 private:
  void serve();

  std::mutex users_;
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::thread> helpers_;
  const std::function<void()>* job_ = nullptr;
  int wanted_ = 0;   // helpers that have yet to take the job
  int working_ = 0;  // helpers that have not finished it
  bool stopping_ = false;
};

}  // namespace voluta::simt
