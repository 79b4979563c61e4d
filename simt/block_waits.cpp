#include <fmt/format.h>
#include <voluta/simt/block.h>
#include <voluta/simt/block_tags.h>
#include <voluta/simt/sanitizers.h>

#include <cstring>

namespace voluta::simt {
namespace {

bool same_place(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

uint32_t lanes_of(int warp, int thread_count) {
  const int count = thread_count - warp * kWarpSize;
  return count >= kWarpSize ? kFullMask : (1u << count) - 1;
}

}  // namespace

uint32_t Block::existing_lanes() const {
  return lanes_of(current_ / kWarpSize, thread_count_);
}

uint32_t Block::live_lanes() const {
  const int first = current_ / kWarpSize * kWarpSize;
  uint32_t live = 0;
  for (int lane = 0; lane < kWarpSize && first + lane < thread_count_; ++lane) {
    if (threads_[first + lane].state != State::kExited) live |= 1u << lane;
  }
  return live;
}

AsyncCopies& Block::copies() {
  if (!copies_used_) {
    const IgnoreAccesses ignore;
    copies_.resize(thread_count_);
    copies_used_ = true;
  }
  return copies_[current_];
}

WarpProducts& Block::products() {
  const auto warp = static_cast<std::size_t>(current_ / kWarpSize);
  if (bulk_.warps.size() <= warp) bulk_.warps.resize(warp + 1);
  return bulk_.warps[warp];
}

void* Block::next_warp_tag() {
  const IgnoreAccesses ignore;
  if (tags_ == nullptr) return nullptr;
  Tags::Lane& lane = tags_->lanes[current_];
  return &lane.tag[lane.phase++ % Tags::kWarpPhases];
}

void* Block::tag_of(const Wait& wait) {
  if (tags_ == nullptr) return nullptr;
  if (wait.kind == Wait::Kind::kBlockBarrier) return &tags_->block_barrier[barrier_phase_ % 2];
  if (wait.kind != Wait::Kind::kNamedBarrier) return nullptr;
  const int id = wait.id % kNamedBarriers;
  return &tags_->named[id][named_[id].phase % 2];
}

void Block::arrive(int thread) {
  switch (threads_[thread].wait->kind) {
    case Wait::Kind::kBlockBarrier:
      return arrive_block_barrier(thread);
    case Wait::Kind::kNamedBarrier:
      return arrive_named_barrier(thread);
    case Wait::Kind::kWarp:
      return arrive_warp(thread);
    case Wait::Kind::kCondition:
      conditional_.push_back(thread);
      return;
  }
}

void Block::arrive_block_barrier(int thread) {
  const Wait& wait = *threads_[thread].wait;
  if (at_barrier_ == 0) {
    first_at_barrier_ = thread;
  } else {
    const Wait& first = *threads_[first_at_barrier_].wait;
    if (first.barrier != wait.barrier || !same_place(first.site, wait.site)) {
      return report_divergent_barrier(first_at_barrier_, thread);
    }
  }
  ++at_barrier_;
  barrier_votes_ += wait.predicate ? 1 : 0;
  release_block_barrier_if_complete();
}

// Threads that have exited count as arrived, as on the hardware.
void Block::release_block_barrier_if_complete() {
  if (at_barrier_ == 0 || at_barrier_ < live_) return;
  const int votes = barrier_votes_, voters = at_barrier_;
  at_barrier_ = barrier_votes_ = 0;
  ++barrier_phase_;
  for (int t = thread_count_ - 1; t >= 0; --t) {
    if (threads_[t].state != State::kWaiting) continue;
    Wait& wait = *threads_[t].wait;
    wait.result = wait.barrier == Barrier::kAnd  ? votes == voters
                  : wait.barrier == Barrier::kOr ? votes > 0
                                                 : votes;
    release(t);
  }
}

void Block::arrive_named_barrier(int thread) {
  const Wait& wait = *threads_[thread].wait;
  NamedBarrier& barrier = named_[wait.id % kNamedBarriers];
  if (barrier.arrived > 0 && barrier.threads != wait.threads) {
    return fail_thread(thread, ErrorKind::kFailed,
                       fmt::format("{} on barrier {} with {} threads at {}:{}, but others use it "
                                   "with {}",
                                   wait.name, wait.id, wait.threads, wait.site.file_name(),
                                   wait.site.line(), barrier.threads));
  }
  barrier.threads = wait.threads;
  ++barrier.arrived;
  if (wait.arrive_only) {
    release(thread);
  } else {
    barrier.waiting.push_back(thread);
  }
  if (barrier.arrived < barrier.threads) return;
  for (auto t = barrier.waiting.rbegin(); t != barrier.waiting.rend(); ++t) release(*t);
  barrier.waiting.clear();
  barrier.arrived = 0;
  ++barrier.phase;
}

void Block::arrive_warp(int thread) {
  const Wait& wait = *threads_[thread].wait;
  const int warp = thread / kWarpSize, lane = thread % kWarpSize;
  if ((wait.mask >> lane & 1u) == 0) {
    return fail_thread(
        thread, ErrorKind::kFailed,
        fmt::format("{} at {}:{} by lane {}, which its mask {:#010x} leaves out", wait.name,
                    wait.site.file_name(), wait.site.line(), lane, wait.mask));
  }
  auto& meetings = meetings_[warp];
  std::size_t m = 0;
  while (m < meetings.size() &&
         (meetings[m].complete != wait.complete || meetings[m].mask != wait.mask)) {
    ++m;
  }
  if (m == meetings.size()) meetings.push_back({wait.complete, wait.mask, 0, {wait.mask, {}}});
  Meeting& meeting = meetings[m];
  meeting.arrived |= 1u << lane;
  meeting.lanes.data[lane] = wait.data;
  if (meeting.arrived != (wait.mask & lanes_of(warp, thread_count_))) return;
  try {
    meeting.complete(meeting.lanes);
  } catch (const std::exception& error) {
    return fail_thread(thread, ErrorKind::kFailed,
                       fmt::format("{} at {}:{}: {}", wait.name, wait.site.file_name(),
                                   wait.site.line(), error.what()));
  }
  for (int i = kWarpSize - 1; i >= 0; --i) {
    if (meeting.arrived >> i & 1u) release(warp * kWarpSize + i);
  }
  std::swap(meetings[m], meetings.back());
  meetings.pop_back();
}

void Block::release(int thread) {
  threads_[thread].state = State::kReady;
  runnable_.push_back(thread);
}

// Whether anyone was released.
bool Block::release_conditions() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < conditional_.size(); ++i) {
    const int thread = conditional_[i];
    const Wait& wait = *threads_[thread].wait;
    if (wait.ready(wait.data)) {
      release(thread);
    } else {
      conditional_[kept++] = thread;
    }
  }
  const bool released = kept < conditional_.size();
  conditional_.resize(kept);
  return released;
}

}  // namespace voluta::simt
