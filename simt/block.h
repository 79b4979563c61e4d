#pragma once

// The scheduler of one block: its CUDA threads as fibers on one OS thread.
//
// Note [Scheduling]
// A thread is fresh, ready, waiting or exited. The scheduler, on the OS thread's own stack, picks a
// fresh or ready thread (the last of `runnable_`, or a random one), resumes it, and when it
// suspends looks at what it waits for. A fiber that finishes a thread takes the next fresh one
// without a switch, so a kernel that never waits runs as a loop. Released threads go on top of
// `runnable_` in such an order that, unseeded, threads run in ascending order and a warp stays
// together. When nobody can run and no condition holds, the block stands still; a
// cluster of which all blocks do is deadlocked (block_cluster.h).

#include <voluta/core/device/runtime.h>
#include <voluta/core/error.h>
#include <voluta/simt/async_copies.h>
#include <voluta/simt/bulk_work.h>
#include <voluta/simt/fiber.h>
#include <voluta/simt/random_order.h>
#include <voluta/simt/sanitizers.h>
#include <voluta/simt/shared_memory.h>
#include <voluta/simt/thread.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace voluta::simt {

struct Failure {
  ErrorKind kind;
  std::string message;
};

// What is the same for all blocks of a grid.
struct Grid {
  LaunchShape shape;
  const char* name;
  const std::function<void()>* body;
  uint64_t seed;
  void* start_tag;  // TSan: every thread acquires it first
  void* end_tag;    // and releases this one last
  void* fence_tag;  // TSan: what __threadfence orders
};

// What a suspended thread waits for; lies on its stack.
struct Wait {
  enum class Kind { kBlockBarrier, kNamedBarrier, kWarp, kCondition };
  Kind kind;
  const char* name;  // "__syncthreads"
  Site site;
  Barrier barrier = Barrier::kSync;
  bool predicate = false;  // of a block barrier
  int result = 0;
  int id = 0, threads = 0;  // of a named barrier
  bool arrive_only = false;
  uint32_t mask = 0;  // of a warp operation
  Complete complete = nullptr;
  void* data = nullptr;   // of the lane, or of the condition
  Ready ready = nullptr;  // the condition
};

class BlockCluster;

class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void begin_grid(const Grid& grid, BlockCluster& cluster, int rank);
  void start(uint64_t block);       // linear index, x fastest
  bool advance(uint64_t turns);     // whether a thread could go on
  std::optional<Failure> finish();  // its threads have exited, or are unwound here

  bool exited() const { return live_ == 0; }
  bool failed() const { return failure_.has_value(); }
  int live() const { return live_; }
  void fail_block(const std::string& what);
  std::string deadlock() const;  // who waits for what

  // The block whose CUDA thread runs on this OS thread. Throws on the host, naming the function.
  static Block& current(const char* function);
  static Block* current_or_null();

  // From a CUDA thread.
  void wait(Wait& wait);
  SharedMemory& shared() { return shared_; }
  BlockCluster& cluster() { return *cluster_; }
  int rank() const { return rank_; }  // in the cluster
  void* fence_tag() const { return grid_.fence_tag; }
  void* next_warp_tag();  // TSan: the thread's own, for its next __syncwarp
  uint32_t existing_lanes() const;
  uint32_t live_lanes() const;
  bool coin() { return grid_.seed != 0 && random_.below(2) == 1; }
  AsyncCopies& copies();  // of the running thread
  BulkWork& bulk() { return bulk_; }
  WarpProducts& products();  // of the running thread's warp
  int running_thread() const { return current_; }

 private:
  enum class State : uint8_t { kFresh, kReady, kWaiting, kExited };
  struct Thread {
    State state = State::kFresh;
    Fiber* fiber = nullptr;
    Wait* wait = nullptr;
  };
  // Lanes on their way into one warp operation.
  struct Meeting {
    Complete complete;
    uint32_t mask, arrived;
    Lanes lanes;
  };
  struct NamedBarrier {
    int threads = 0, arrived = 0, phase = 0;
    std::vector<int> waiting;
  };
  struct Tags;
  static constexpr int kNamedBarriers = 16;
  static constexpr int kFiberSets = kTsan ? 2 : 1;  // see Note [ThreadSanitizer as race checker]

  // block.cpp: who runs
  void enter();
  void schedule(uint64_t turns, bool& ran);
  int pick();
  void make_current(int thread);
  void resume(int thread);
  Fiber* take_fiber();
  void return_fiber(int thread);
  static void fiber_body(void* block);
  void run_thread();
  void cancel();

  // block_waits.cpp: who waits, and until when
  void* tag_of(const Wait& wait);
  void arrive(int thread);
  void arrive_block_barrier(int thread);
  void arrive_named_barrier(int thread);
  void arrive_warp(int thread);
  void release(int thread);
  void release_block_barrier_if_complete();
  bool release_conditions();

  // block_reports.cpp: what went wrong
  void fail_thread(int thread, ErrorKind kind, const std::string& what);
  void report_divergent_barrier(int first, int second);
  std::string describe_wait(int thread) const;
  std::string missing_lanes(int thread) const;
  std::string thread_name(int thread) const;
  std::string place() const;

  Grid grid_{};
  BlockCluster* cluster_ = nullptr;
  int rank_ = 0;
  int thread_count_ = 0;
  uint3 block_index_{};
  std::vector<uint3> indices_;  // threadIdx by linear index
  RandomOrder random_{0};
  SharedMemory shared_;

  std::vector<Thread> threads_;
  std::vector<int> runnable_;  // fresh and ready threads, the next one last
  int next_ = -1;              // picked by a fiber that could not run it itself
  int current_ = -1;
  int live_ = 0;
  std::vector<std::unique_ptr<Fiber>> idle_fibers_[kFiberSets];
  std::vector<std::unique_ptr<Fiber>> used_fibers_;  // under TSan: in this block, by now exited
  int fiber_set_ = 0;

  int at_barrier_ = 0, barrier_votes_ = 0, barrier_phase_ = 0;
  int first_at_barrier_ = -1;
  NamedBarrier named_[kNamedBarriers];
  std::vector<std::vector<Meeting>> meetings_;  // by warp
  std::vector<int> conditional_;                // threads in wait_until
  std::vector<AsyncCopies> copies_;             // by thread, where `copies_used_`
  bool copies_used_ = false;
  BulkWork bulk_;

  bool cancelled_ = false;
  std::optional<Failure> failure_;
  std::unique_ptr<Tags> tags_;
};

}  // namespace voluta::simt
