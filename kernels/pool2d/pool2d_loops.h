#pragma once

// Max pooling as plain loops: the reference, and what the oneDNN engine does with inputs that
// oneDNN treats unlike PyTorch. Internal.

#include <voluta/core/dtype.h>
#include <voluta/kernels/pool2d/pool2d_engines.h>

#include <limits>

namespace voluta {

// x [N,H,W,C] -> y, argmax [N,P,Q,C]; argmax may be nullptr.
template <class T>
void max_pool2d(const Pool2dGeometry& g, const T* x, T* y, uint8_t* argmax) {
  int64_t out = 0;
  for (int n = 0; n < g.n; ++n) {
    for (int p = 0; p < g.p; ++p) {
      for (int q = 0; q < g.q; ++q) {
        const Span1d rows = g.window_rows(p), columns = g.window_columns(q);
        for (int c = 0; c < g.c; ++c, ++out) {
          double best = -std::numeric_limits<double>::infinity();
          int winner = rows.begin * g.s + columns.begin;
          for (int r = rows.begin; r < rows.end; ++r) {
            for (int s = columns.begin; s < columns.end; ++s) {
              const int64_t row = int64_t{n} * g.h + p * g.u - g.top + r;
              const int64_t pixel = row * g.w + q * g.v - g.left + s;
              const double value = to_double(x[pixel * g.c + c]);
              if (!beats(value, best)) continue;
              best = value;
              winner = r * g.s + s;
            }
          }
          y[out] = from_double<T>(best);
          if (argmax != nullptr) argmax[out] = static_cast<uint8_t>(winner);
        }
      }
    }
  }
}

}  // namespace voluta
