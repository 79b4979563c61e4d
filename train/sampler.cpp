#include <voluta/core/random.h>
#include <voluta/train/sampler.h>

#include <numeric>
#include <utility>

namespace voluta {
namespace {

constexpr uint64_t kShuffleStream = 0x73687566666c65u << 8;  // "shuffle": apart from parameters

}  // namespace

std::vector<uint32_t> shuffled(uint32_t count, uint64_t seed, uint64_t epoch) {
  std::vector<uint32_t> order = in_order(count);
  Random random(seed, kShuffleStream + epoch);
  for (uint32_t left = count; left > 1; --left) {
    std::swap(order[left - 1], order[random.next_below(left)]);
  }
  return order;
}

std::vector<uint32_t> in_order(uint32_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

}  // namespace voluta
