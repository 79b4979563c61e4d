#pragma once

// Philox4x32-10, a counter-based generator: block i of stream k is a pure function of (k, i), so a
// random number belongs to a place (seed, step, node, element), not to the order of calls.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

#include <voluta/core/macros.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace voluta {

// FNV-1a: the stream of what has a name.
constexpr uint64_t fnv1a(std::string_view text) {
  uint64_t value = 0xcbf29ce484222325u;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return value;
}

struct PhiloxKey {
  uint32_t low = 0, high = 0;
};

struct PhiloxBlock {
  uint32_t word[4];
};

VOLUTA_HOST_DEVICE inline PhiloxBlock philox(PhiloxKey key, PhiloxBlock counter) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter.word[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter.word[2];
    counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.word[1] ^ key.low,
                static_cast<uint32_t>(product1),
                static_cast<uint32_t>(product0 >> 32) ^ counter.word[3] ^ key.high,
                static_cast<uint32_t>(product0)}};
    key = {key.low + kWeyl0, key.high + kWeyl1};
  }
  return counter;
}

// Uniform in [0, 1) with 24 bits.
VOLUTA_HOST_DEVICE inline float philox_uniform(uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

// A host-side sequence over one Philox stream: element i of stream (seed, stream).
class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, stream_(stream) {}

  uint32_t next_u32() {
    if (used_ == 4) refill();
    return block_.word[used_++];
  }
  // Uniform integer in [0, bound) without modulo bias; bound > 0.
  uint32_t next_below(uint32_t bound) {
    for (;;) {  // Lemire 2019: reject the short first interval
      const uint64_t product = uint64_t{next_u32()} * bound;
      if (static_cast<uint32_t>(product) < (0u - bound) % bound) continue;
      return static_cast<uint32_t>(product >> 32);
    }
  }
  // Uniform in [low, high), 53 bits.
  double next_uniform(double low = 0.0, double high = 1.0) {
    const uint64_t bits = (uint64_t{next_u32()} << 32 | next_u32()) >> 11;
    return low + (high - low) * (static_cast<double>(bits) * 0x1p-53);
  }
  // Standard normal, Box and Muller 1958.
  double next_normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - next_uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * next_uniform());
  }

 private:
  void refill() {
    block_ = philox(key_, {{static_cast<uint32_t>(index_), static_cast<uint32_t>(index_ >> 32),
                            static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)}});
    ++index_;
    used_ = 0;
  }

  PhiloxKey key_;
  uint64_t stream_, index_ = 0;
  PhiloxBlock block_{};
  int used_ = 4;
};

}  // namespace voluta
