#pragma once

// The engines of the op, and which elements they keep. Internal to the room.

#include <voluta/core/random.h>
#include <voluta/kernels/dropout/dropout.h>

#include <cmath>

namespace voluta::dropout {

// The factors of four elements; Philox hands out four words at once.
template <class T>
struct Factors {
  T lane[4];
};

// Decides for four elements at once. T is the type of the factor: f32, or f64 for f64 data.
template <class T>
struct Rule {
  PhiloxKey key;
  uint32_t stream[2];
  uint32_t threshold;  // u >= p is word >> 8 >= ceil(p 2^24), both exact
  T scale;             // 1 / (1 - p); never used with p = 1

  explicit Rule(const DropoutOptions& options)
      : key{static_cast<uint32_t>(options.seed), static_cast<uint32_t>(options.seed >> 32)},
        stream{static_cast<uint32_t>(options.stream), static_cast<uint32_t>(options.stream >> 32)},
        threshold(static_cast<uint32_t>(std::ceil(options.probability * 0x1p24))),
        scale(static_cast<T>(1 / (1 - options.probability))) {}

  // Of elements 4 * block + 0 .. 3.
  VOLUTA_HOST_DEVICE Factors<T> factors(int64_t block, int64_t step) const {
    const PhiloxBlock random = philox(
        key, {{static_cast<uint32_t>(block), static_cast<uint32_t>(step), stream[0], stream[1]}});
    Factors<T> of;
    for (int lane = 0; lane < 4; ++lane) {
      of.lane[lane] = random.word[lane] >> 8 >= threshold ? scale : T{0};
    }
    return of;
  }
};

extern const Engine kReference, kOpenmp, kElementwise;

}  // namespace voluta::dropout
