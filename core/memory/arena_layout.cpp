// Greedy placement after Pisarchyk and Lee 2020, "Efficient memory management for deep neural net
// inference" (arXiv:2001.03288): tensors are placed one by one, each into the gap it fits best
// between the tensors placed before that are alive with it. The order decides how good the result
// is, and none is best for all graphs, so several are tried.

#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/memory/arena_layout.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <tuple>

namespace voluta {
namespace {

using Order = std::vector<std::size_t>;  // indices of lifetimes

std::size_t rounded(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool meet(const Lifetime& a, const Lifetime& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

// step -> bytes alive from that step to the next key.
std::map<std::int64_t, std::size_t> breadths(std::span<const Lifetime> lifetimes) {
  std::map<std::int64_t, std::size_t> alive;  // first differences, modulo 2^64
  for (const Lifetime& life : lifetimes) {
    alive[life.first_step] += rounded(life.bytes);
    alive[std::int64_t{life.last_step} + 1] -= rounded(life.bytes);
  }
  std::size_t sum = 0;
  for (auto& [step, bytes] : alive) bytes = sum += bytes;
  return alive;
}

// Sorts by a key, smallest first; the index decides between equals.
template <class Key>
Order order_by(std::size_t count, Key key) {
  Order order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

// The most bytes alive at any step of each lifetime.
std::vector<std::size_t> widest_steps(std::span<const Lifetime> lifetimes,
                                      const std::map<std::int64_t, std::size_t>& alive) {
  std::vector<std::size_t> widest(lifetimes.size());
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    const auto end = alive.upper_bound(lifetimes[i].last_step);
    for (auto at = alive.find(lifetimes[i].first_step); at != end; ++at) {
      widest[i] = std::max(widest[i], at->second);
    }
  }
  return widest;
}

std::vector<Order> orders(std::span<const Lifetime> lifetimes,
                          const std::map<std::int64_t, std::size_t>& alive) {
  const std::size_t count = lifetimes.size();
  const std::vector<std::size_t> widest = widest_steps(lifetimes, alive);
  const auto largest = [&](std::size_t i) { return ~lifetimes[i].bytes; };
  const auto longest = [&](std::size_t i) {
    return lifetimes[i].first_step - lifetimes[i].last_step;
  };
  return {
      order_by(count, [&](std::size_t i) { return std::tuple(largest(i), longest(i)); }),
      order_by(count, [&](std::size_t i) { return std::tuple(~widest[i], largest(i)); }),
      order_by(count, [&](std::size_t i) { return std::tuple(~widest[i], longest(i)); }),
      order_by(count,
               [&](std::size_t i) { return std::tuple(lifetimes[i].first_step, largest(i)); }),
      order_by(count, [&](std::size_t i) { return std::tuple(longest(i), largest(i)); }),
  };
}

struct Placed {
  std::size_t begin, end;
  std::size_t index;
};

// The start of the smallest gap of at least `bytes` between the placed tensors that meet `life`
// (sorted by begin), or the end of the last of them.
std::size_t best_gap(const std::vector<Placed>& placed, std::span<const Lifetime> lifetimes,
                     const Lifetime& life) {
  const std::size_t bytes = rounded(life.bytes);
  std::size_t best = 0, best_gap_bytes = SIZE_MAX, end = 0;
  for (const Placed& other : placed) {
    if (!meet(life, lifetimes[other.index])) continue;
    if (other.begin >= end + bytes && other.begin - end < best_gap_bytes) {
      best = end;
      best_gap_bytes = other.begin - end;
    }
    end = std::max(end, other.end);
  }
  return best_gap_bytes == SIZE_MAX ? end : best;
}

ArenaLayout place(std::span<const Lifetime> lifetimes, const Order& order) {
  ArenaLayout layout;
  layout.offsets.resize(lifetimes.size());
  std::vector<Placed> placed;  // sorted by begin
  for (std::size_t index : order) {
    if (lifetimes[index].bytes == 0) continue;
    const std::size_t begin = best_gap(placed, lifetimes, lifetimes[index]);
    const Placed item{begin, begin + rounded(lifetimes[index].bytes), index};
    const auto before = [](const Placed& a, const Placed& b) { return a.begin < b.begin; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), item, before), item);
    layout.offsets[index] = begin;
    layout.bytes = std::max(layout.bytes, item.end);
  }
  return layout;
}

}  // namespace

ArenaLayout plan_arena(std::span<const Lifetime> lifetimes) {
  std::size_t naive = 0;
  for (const Lifetime& life : lifetimes) {
    if (life.last_step < life.first_step) {
      invalid(fmt::format("a lifetime ends at step {}, before its first step {}", life.last_step,
                          life.first_step));
    }
    naive += rounded(life.bytes);
  }
  const std::map<std::int64_t, std::size_t> alive = breadths(lifetimes);
  std::size_t lower_bound = 0;
  for (const auto& [step, bytes] : alive) lower_bound = std::max(lower_bound, bytes);

  ArenaLayout best;
  best.bytes = SIZE_MAX;
  for (const Order& order : orders(lifetimes, alive)) {
    ArenaLayout layout = place(lifetimes, order);
    if (layout.bytes < best.bytes) best = std::move(layout);
    if (best.bytes == lower_bound) break;
  }
  best.naive_bytes = naive;
  best.lower_bound_bytes = lower_bound;
  return best;
}

void verify(const ArenaLayout& layout, std::span<const Lifetime> lifetimes) {
  const auto wrong = [](const std::string& what) {
    fail(ErrorKind::kFailed, "arena layout: " + what);
  };
  if (layout.offsets.size() != lifetimes.size()) wrong("not one offset a lifetime");
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    const std::size_t begin = layout.offsets[i], end = begin + lifetimes[i].bytes;
    if (begin % kArenaAlignment != 0) wrong(fmt::format("tensor {} is misaligned", i));
    if (end > layout.bytes) wrong(fmt::format("tensor {} ends outside the arena", i));
    for (std::size_t j = 0; j < i; ++j) {
      const std::size_t other_begin = layout.offsets[j];
      if (begin >= other_begin + lifetimes[j].bytes || other_begin >= end) continue;
      if (!meet(lifetimes[i], lifetimes[j])) continue;
      wrong(fmt::format("tensors {} and {} share bytes while both are alive", j, i));
    }
  }
}

}  // namespace voluta
