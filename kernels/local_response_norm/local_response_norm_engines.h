#pragma once

// The engines of the room and what they share. Internal to the room.

#include <voluta/core/macros.h>
#include <voluta/kernels/local_response_norm/local_response_norm.h>

#include <cmath>

namespace voluta::local_response_norm {

// A problem as engines see it: x as [rows, channels], a window as channels before and after c.
struct Geometry {
  int64_t rows, channels, before, after;
  double scale, beta, k;  // scale = alpha / size

  int64_t count() const { return rows * channels; }
};
Geometry geometry(const Problem& problem);

// s^-beta. The usual 3/4 needs square roots alone, which vectorise.
template <bool kThreeQuarters>
VOLUTA_HOST_DEVICE inline float inverse_power(float s, float beta) {
  if constexpr (kThreeQuarters) {
    const float root = std::sqrt(s);
    return 1.0f / (root * std::sqrt(root));
  } else {
    return std::pow(s, -beta);
  }
}

extern const Engine kTiledWindow, kOpenmp, kReference, kCudnn;
extern const Engine kGradientTiledWindow, kGradientOpenmp, kGradientReference, kGradientCudnn;

}  // namespace voluta::local_response_norm
