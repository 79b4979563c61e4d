#include <fmt/format.h>
#include <voluta/simt/block.h>

#include <cstring>

namespace voluta::simt {
namespace {

constexpr int kMostWaiters = 8;  // in one message

std::string index_name(uint3 index) {
  return fmt::format("({}, {}, {})", index.x, index.y, index.z);
}

bool same_wait(const Wait& a, const Wait& b) {
  return a.kind == b.kind && a.mask == b.mask && a.id == b.id && a.site.line() == b.site.line() &&
         std::strcmp(a.name, b.name) == 0 &&
         std::strcmp(a.site.file_name(), b.site.file_name()) == 0;
}

}  // namespace

std::string Block::place() const {
  return fmt::format("kernel '{}', block {}", grid_.name, index_name(block_index_));
}

std::string Block::thread_name(int thread) const {
  return fmt::format("thread {}", index_name(indices_[thread]));
}

// The first failure of a block is the one that is told.
void Block::fail_block(const std::string& what) {
  if (!failure_) failure_ = {ErrorKind::kFailed, fmt::format("{}: {}", place(), what)};
}

void Block::fail_thread(int thread, ErrorKind kind, const std::string& what) {
  if (!failure_) {
    failure_ = {kind, fmt::format("{}, {}: {}", place(), thread_name(thread), what)};
  }
}

std::string Block::describe_wait(int thread) const {
  const Wait& wait = *threads_[thread].wait;
  std::string text = fmt::format("{} in {}", thread_name(thread), wait.name);
  if (wait.kind == Wait::Kind::kWarp) text += fmt::format(" (mask {:#010x})", wait.mask);
  if (wait.kind == Wait::Kind::kNamedBarrier) {
    text += fmt::format(" (barrier {}, {} of {} threads)", wait.id, named_[wait.id].arrived,
                        wait.threads);
  }
  return text + fmt::format(" at {}:{}", wait.site.file_name(), wait.site.line());
}

void Block::report_divergent_barrier(int first, int second) {
  fail_block(fmt::format(
      "divergent barrier: {}, but {}; all threads of a block that have not exited must reach the "
      "same one",
      describe_wait(first), describe_wait(second)));
}

// For a warp operation: who has not come, and why.
std::string Block::missing_lanes(int thread) const {
  const Wait& wait = *threads_[thread].wait;
  const int first = thread / kWarpSize * kWarpSize;
  for (int lane = 0; lane < kWarpSize && first + lane < thread_count_; ++lane) {
    const Thread& other = threads_[first + lane];
    if ((wait.mask >> lane & 1u) == 0) continue;
    const bool exited = other.state == State::kExited;
    if (!exited && same_wait(*other.wait, wait)) continue;
    return fmt::format(
        ", for lane {}: {}", lane,
        exited ? thread_name(first + lane) + ", which has exited" : describe_wait(first + lane));
  }
  return {};
}

std::string Block::deadlock() const {
  std::string list;
  std::vector<const Wait*> told;
  for (int t = 0; t < thread_count_ && told.size() < kMostWaiters; ++t) {
    if (threads_[t].state != State::kWaiting) continue;
    const Wait& wait = *threads_[t].wait;
    bool known = false;
    for (const Wait* each : told) known = known || same_wait(*each, wait);
    if (known) continue;
    told.push_back(&wait);
    list += (list.empty() ? "" : "; ") + describe_wait(t);
    if (wait.kind == Wait::Kind::kWarp) list += missing_lanes(t);
  }
  return fmt::format("deadlock: {} threads wait and none can go on ({} have exited): {}", live_,
                     thread_count_ - live_, list);
}

}  // namespace voluta::simt
