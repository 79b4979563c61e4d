#pragma once

// The order in which an epoch visits the pictures: a pure function of (seed, epoch), so that any
// place in a run can be found again without replaying what came before.

#include <cstdint>
#include <vector>

namespace voluta {

// A uniformly random permutation of 0..count-1 (Fisher and Yates, with Philox).
std::vector<uint32_t> shuffled(uint32_t count, uint64_t seed, uint64_t epoch);

// 0..count-1.
std::vector<uint32_t> in_order(uint32_t count);

}  // namespace voluta
