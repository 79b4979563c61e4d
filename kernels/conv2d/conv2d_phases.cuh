#pragma once

// The input gradient of a strided convolution, without multiplied zeros: the pixels of dx fall into
// min(u,H) * min(v,W) phases. A phase is the pixels (h0 + i*u, w0 + j*v). The same taps meet all
// of them: r = r0 + a * u/d with d = gcd(u,l), so that
//   p = p0 + i - a * l/d,   p0 = (h0 + top - r0*l) / u       for a < R', likewise q
//
//   u = v = 2, R = S = 3, top = left = 1:     w  0 1 2 3      taps of a phase
//                                          h 0   A B A B        A  1 x 1     B  1 x 2
//                                            1   C D C D        C  2 x 1     D  2 x 2

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/core/device/launch.cuh>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

namespace voluta {

// One axis of the image, rows or columns, cut into phases by the stride.
struct PhasedAxis {
  int extent, taps, output;              // H, R, P
  int stride, dilation, pad;             // u, l, top
  int divisor, tap_step, inverse;        // d = gcd(u,l); u/d; of l/d modulo u/d
  int tap_offset;                        // l/d: what p loses from tap to tap
  int phases;                            // min(u,H)
  FastDivisor by_pixels[2], by_taps[2];  // of phases with the fewer and the more of them

  PhasedAxis() = default;
  PhasedAxis(int64_t extent, int64_t taps, int64_t output, int64_t stride, int64_t dilation,
             int64_t pad)
      : extent(static_cast<int>(extent)),
        taps(static_cast<int>(taps)),
        output(static_cast<int>(output)),
        stride(static_cast<int>(stride)),
        dilation(static_cast<int>(dilation)),
        pad(static_cast<int>(pad)),
        divisor(static_cast<int>(std::gcd(stride, dilation))),
        tap_step(static_cast<int>(stride / divisor)),
        inverse(static_cast<int>(inverse_modulo(dilation / divisor, tap_step))),
        tap_offset(static_cast<int>(dilation / divisor)),
        phases(static_cast<int>(std::min(stride, extent))) {
    for (int more = 0; more < 2; ++more) {
      by_pixels[more] = FastDivisor(std::max<int64_t>(extent / stride + more, 1));
      by_taps[more] = FastDivisor(std::max<int64_t>(taps / tap_step + more, 1));
    }
  }

 private:
  // x with a * x = 1 modulo m, for coprime a and m: Euclid's algorithm, extended. 0 for m = 1.
  static int64_t inverse_modulo(int64_t a, int64_t m) {
    int64_t rest = m, next = a % m, x = 0, next_x = 1;
    while (next != 0) {
      const int64_t whole = rest / next;
      rest = std::exchange(next, rest - whole * next);
      x = std::exchange(next_x, x - whole * next_x);
    }
    return ((x % m) + m) % m;
  }
};

// One phase of an axis.
struct Phase {
  int first, pixels;           // h0 and H'
  int first_tap, taps;         // r0 and R'
  int first_output;            // p0
  int more_pixels, more_taps;  // 1 in phases with more of them: by_pixels[], by_taps[] of the axis

  Phase() = default;
  VOLUTA_HOST_DEVICE Phase(const PhasedAxis& axis, int index) : first(index) {
    pixels = (axis.extent - index + axis.stride - 1) / axis.stride;
    more_pixels = pixels - axis.extent / axis.stride;
    // r0: the least r >= 0 with r * l = h0 + pad modulo u.
    const int residue = (index + axis.pad) % axis.stride;
    first_tap = taps = first_output = more_taps = 0;
    if (residue % axis.divisor != 0) return;
    const int64_t product = int64_t{residue / axis.divisor} * axis.inverse;
    first_tap = static_cast<int>(product % axis.tap_step);
    if (first_tap >= axis.taps) return;
    taps = (axis.taps - first_tap - 1) / axis.tap_step + 1;
    more_taps = taps - axis.taps / axis.tap_step;
    first_output = (index + axis.pad - first_tap * axis.dilation) / axis.stride;
  }
};

}  // namespace voluta
