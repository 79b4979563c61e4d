#pragma once

// Offsets for tensors whose lifetimes are known, so that tensors that are never alive together
// share memory. Pure arithmetic; the planner makes the lifetimes.

#include <cstddef>
#include <span>
#include <vector>

namespace voluta {

inline constexpr std::size_t kArenaAlignment = 256;

// Alive during steps first_step ... last_step, both included.
struct Lifetime {
  std::size_t bytes = 0;
  int first_step = 0, last_step = 0;
};

struct ArenaLayout {
  std::vector<std::size_t> offsets;   // one a lifetime, in their order; multiples of 256
  std::size_t bytes = 0;              // of the arena
  std::size_t naive_bytes = 0;        // every tensor its own memory
  std::size_t lower_bound_bytes = 0;  // most bytes alive at one step: no layout can be smaller
};

// The smallest arena that greedy placement finds in several orders. All byte counts are of sizes
// rounded up to 256. O(n^2). Throws invalid() where a last step is before its first.
ArenaLayout plan_arena(std::span<const Lifetime> lifetimes);

// Throws kFailed, naming the pair, where two lifetimes that meet share bytes, or where one lies
// outside the arena or is misaligned.
void verify(const ArenaLayout& layout, std::span<const Lifetime> lifetimes);

}  // namespace voluta
