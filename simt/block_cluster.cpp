#include <fmt/format.h>
#include <voluta/simt/block_cluster.h>
#include <voluta/simt/cluster.h>
#include <voluta/simt/mbarrier.h>
#include <voluta/simt/sanitizers.h>

#include <limits>

namespace voluta::simt {
namespace {

// Resumed threads. Unseeded, and with a seed every other time, a block goes as far as it can, but
// does not poll for ever.
constexpr uint64_t kMostTurns = uint64_t{1} << 14, kMostSeededTurns = 512;

}  // namespace

void BlockCluster::begin_grid(const Grid& grid) {
  const IgnoreAccesses ignore;
  seed_ = grid.seed;
  size_ = static_cast<int>(grid.shape.cluster);
  while (static_cast<int>(blocks_.size()) < size_) blocks_.push_back(std::make_unique<Block>());
  for (int rank = 0; rank < size_; ++rank) block(rank).begin_grid(grid, *this, rank);
}

std::optional<Failure> BlockCluster::run(uint64_t cluster) {
  const IgnoreAccesses ignore;
  random_ = RandomOrder(scatter(seed_ + 1) ^ scatter(cluster));
  phase_ = arrived_ = 0;
  if constexpr (kTsan) tags_ = std::make_unique<Tags>();
  const auto size = static_cast<uint64_t>(size_);
  for (int rank = 0; rank < size_; ++rank) {
    block(rank).start(cluster * size + static_cast<uint64_t>(rank));
  }
  const int failed = schedule();
  std::optional<Failure> first;
  for (int i = 0; i < size_; ++i) {
    auto failure = block((failed + i) % size_).finish();
    if (failure && !first) first = failure;
  }
  tags_.reset();
  return first;
}

int BlockCluster::schedule() {
  while (any_live()) {
    const uint64_t first = seed_ == 0 ? 0 : random_.below(static_cast<uint64_t>(size_));
    bool ran = false;
    for (int i = 0; i < size_; ++i) {
      const int rank = (static_cast<int>(first) + i) % size_;
      ran = block(rank).advance(turns()) || ran;
      if (block(rank).failed()) return rank;
    }
    if (!ran) return report_deadlock();
  }
  return 0;
}

bool BlockCluster::any_live() const {
  for (int rank = 0; rank < size_; ++rank) {
    if (!blocks_[static_cast<std::size_t>(rank)]->exited()) return true;
  }
  return false;
}

uint64_t BlockCluster::turns() {
  if (size_ == 1) return std::numeric_limits<uint64_t>::max();
  return seed_ == 0 || random_.below(2) == 0 ? kMostTurns : 1 + random_.below(kMostSeededTurns);
}

int BlockCluster::report_deadlock() {
  int first = -1;
  std::string text;
  for (int rank = 0; rank < size_; ++rank) {
    if (block(rank).exited()) continue;
    if (first >= 0) text += fmt::format("; block {} of the cluster: ", rank);
    text += block(rank).deadlock();
    if (first < 0) first = rank;
  }
  block(first).fail_block(text);
  return first;
}

int BlockCluster::arrive() {
  ++arrived_;
  return phase_;
}

bool BlockCluster::ended(int phase) {
  if (phase != phase_) return true;
  int live = 0;
  for (int rank = 0; rank < size_; ++rank) live += block(rank).live();
  if (arrived_ < live) return false;
  arrived_ = 0;
  ++phase_;
  return true;
}

void* BlockCluster::tag(int phase) {
  return tags_ == nullptr ? nullptr : &tags_->phases[phase % 2];
}

Block& reachable_block(int rank, Site site) {
  const IgnoreAccesses ignore;
  BlockCluster& cluster = Block::current("a cluster").cluster();
  if (rank < 0 || rank >= cluster.size()) {
    kernel_error("the cluster has no block of this rank", site);
  }
  Block& block = cluster.block(rank);
  if (block.exited()) kernel_error("the shared memory of a block that has exited", site);
  return block;
}

void* counterpart(const void* own, Block& block, Site site) {
  const IgnoreAccesses ignore;
  Block& running = Block::current("a cluster");
  if (!running.shared().contains(own))
    kernel_error("an address that is not in shared memory", site);
  void* there = running.shared().counterpart(own, block.shared());
  if (there == nullptr) {
    kernel_error("shared memory that the other block of the cluster has not come to yet", site);
  }
  return there;
}

// ---- what CUDA threads call

int cluster_rank() {
  const IgnoreAccesses ignore;
  return Block::current("%cluster_ctarank").rank();
}

void sync_cluster(Site site) {
  BlockCluster* cluster;
  void* tag;
  int phase;
  {
    const IgnoreAccesses ignore;
    cluster = &Block::current("barrier.cluster").cluster();
    phase = cluster->arrive();
    tag = cluster->tag(phase);
  }
  if (tag != nullptr) order_release(tag);
  wait_until(
      "barrier.cluster", [cluster, phase] { return cluster->ended(phase); }, site);
  if (tag != nullptr) order_acquire(tag);
}

void arrive_at(uint64_t& barrier, int rank, Site site) {
  arrive(*static_cast<uint64_t*>(counterpart(&barrier, reachable_block(rank, site), site)), site);
}

}  // namespace voluta::simt
