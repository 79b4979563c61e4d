#pragma once

// The arithmetic of the ops, written once for all engines. Internal to the room.

#include <voluta/core/macros.h>
#include <voluta/kernels/augmentation/augmentation.h>

#include <cmath>

namespace voluta::augmentation {

// Extents of x [N,H,W,C]; a line is a row of a picture, W * C elements.
struct Extents {
  int64_t n, h, w, c;

  explicit Extents(const Problem& problem)
      : n(problem.inputs[0].shape[0]),
        h(problem.inputs[0].shape[1]),
        w(problem.inputs[0].shape[2]),
        c(problem.inputs[0].shape[3]) {}

  int64_t line() const { return w * c; }
  int64_t picture() const { return h * w * c; }
};

// A box as the rows [top, bottom) and the elements [left, right) of their lines. Boxes lie within
// 2^31 pixels.
struct Box {
  int64_t top, left, bottom, right;

  // Of four numbers, in pictures of c channels.
  VOLUTA_HOST_DEVICE Box(const int64_t* four, int64_t c)
      : top(four[0]),
        left(four[1] * c),
        bottom(four[0] + four[2]),
        right((four[1] + four[3]) * c) {}

  VOLUTA_HOST_DEVICE bool holds(int64_t row, int64_t element) const {
    return row >= top && row < bottom && element >= left && element < right;
  }
};

VOLUTA_HOST_DEVICE inline int64_t partner(int64_t n, int64_t count) {
  return n == 0 ? count - 1 : n - 1;
}

template <class T>
VOLUTA_HOST_DEVICE T mixed(T x, T other, T share, bool inside) {
  if (inside) return other;
  return share < T(1) ? share * x + (T(1) - share) * other : x;
}

template <class T>
VOLUTA_HOST_DEVICE T target(int64_t k, int64_t label, int64_t other, T share, int64_t classes) {
  const bool good = label >= 0 && label < classes && other >= 0 && other < classes;
  if (!good) return static_cast<T>(NAN);
  return share * T(k == label) + (T(1) - share) * T(k == other);
}

template <class T>
VOLUTA_HOST_DEVICE int64_t heavier(int64_t label, int64_t other, T share) {
  return share >= T(0.5) ? label : other;
}

extern const Engine kEraseReference, kEraseOpenmp, kEraseElementwise;
extern const Engine kMixReference, kMixOpenmp, kMixElementwise;
extern const Engine kLabelsReference, kLabelsElementwise;

}  // namespace voluta::augmentation
