#pragma once

// Seeded orders, the same on every machine.

#include <cstdint>
#include <numeric>

namespace voluta::simt {

// splitmix64 (Steele et al. 2014): a bijection that scatters neighbouring inputs.
constexpr uint64_t scatter(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

__extension__ using Wide = unsigned __int128;

class RandomOrder {
 public:
  explicit RandomOrder(uint64_t seed) : state_(seed) {}
  uint64_t below(uint64_t bound) {
    state_ += 0x9e3779b97f4a7c15u;
    return static_cast<uint64_t>((Wide{scatter(state_)} * bound) >> 64);
  }

 private:
  uint64_t state_;
};

// A permutation of 0 .. count-1 that needs no table; the identity for seed 0.
class Permutation {
 public:
  Permutation(uint64_t count, uint64_t seed) : count_(count) {
    if (seed == 0 || count < 2) return;
    start_ = scatter(seed) % count;
    step_ = scatter(seed + 1) % count;
    while (std::gcd(step_, count) != 1) ++step_;
  }
  uint64_t operator[](uint64_t i) const {
    return static_cast<uint64_t>((Wide{i} * step_ + start_) % count_);
  }

 private:
  uint64_t count_, start_ = 0, step_ = 1;
};

}  // namespace voluta::simt
