#pragma once

// The blocks that run at the same time: those of a cluster, or a block alone. They take turns on one
// OS thread; when none of them can go on, the first is failed with a deadlock.

#include <voluta/simt/block.h>

#include <memory>
#include <optional>
#include <vector>

namespace voluta::simt {

class BlockCluster {
 public:
  void begin_grid(const Grid& grid);
  std::optional<Failure> run(uint64_t cluster);  // linear index, x fastest

  int size() const { return size_; }
  Block& block(int rank) { return *blocks_[static_cast<std::size_t>(rank)]; }

  // barrier.cluster: a thread arrives, and waits until the phase it arrived in has ended. Threads
  // that have exited count as arrived.
  int arrive();
  bool ended(int phase);
  void* tag(int phase);  // TSan: the phase

 private:
  // Nobody is two phases ahead of another. New in each cluster: see block_tags.h.
  struct Tags {
    char phases[2];
  };

  int schedule();         // the rank of the block that failed; else 0
  int report_deadlock();  // likewise
  bool any_live() const;
  uint64_t turns();  // of a block before the next one's

  std::vector<std::unique_ptr<Block>> blocks_;  // by rank; no fewer than size_
  int size_ = 0;
  uint64_t seed_ = 0;
  RandomOrder random_{0};
  int phase_ = 0, arrived_ = 0;
  std::unique_ptr<Tags> tags_;
};

// The block of that rank in the running block's cluster; an error where its memory is out of reach.
Block& reachable_block(int rank, Site site);

// What `own`, in shared memory of the running block, is in that block.
void* counterpart(const void* own, Block& block, Site site);

}  // namespace voluta::simt
