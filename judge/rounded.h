#pragma once

// Running error analysis: a number with a bound of how far f32 arithmetic, however contracted, may
// have strayed from the exact result. A formula that is a template on its number type runs on
// Rounded and yields its own error bound.
//
//   |computed - value| <= error; each operation adds u = 2^-24 of its result, and what the errors of
//   its operands do to it (Wilkinson 1963, "Rounding errors in algebraic processes"; Higham 2002,
//   section 3.3). A fused multiply-add rounds less often, so the bound holds for it too.

#include <cmath>

namespace voluta::judge {

struct Rounded {
  double value = 0, error = 0;

  Rounded() = default;
  // A number that f32 does not hold exactly, an option or a count.
  explicit Rounded(double v) : value(v), error(kUnit * std::fabs(v)) {}
  // One that it does: an element.
  static Rounded exact(double v) {
    Rounded r;
    r.value = v;
    return r;
  }

  static constexpr double kUnit = 0x1p-24, kLeastNormal = 0x1p-126;

  // The result of an operation on operands whose errors move it by up to `inherited`.
  static Rounded result(double v, double inherited, double roundings = 1) {
    Rounded r;
    r.value = v;
    r.error = inherited + roundings * kUnit * (std::fabs(v) + inherited) + kLeastNormal;
    return r;
  }
};

inline Rounded operator-(const Rounded& a) {
  Rounded r = a;
  r.value = -a.value;
  return r;
}
inline Rounded operator+(const Rounded& a, const Rounded& b) {
  return Rounded::result(a.value + b.value, a.error + b.error);
}
inline Rounded operator-(const Rounded& a, const Rounded& b) {
  return a + -b;
}
inline Rounded operator*(const Rounded& a, const Rounded& b) {
  return Rounded::result(a.value * b.value, std::fabs(a.value) * b.error +
                                                std::fabs(b.value) * a.error + a.error * b.error);
}
// Infinite where the divisor may be zero.
inline Rounded operator/(const Rounded& a, const Rounded& b) {
  const double least = std::fabs(b.value) - b.error, quotient = a.value / b.value;
  if (!(least > 0)) return Rounded::result(quotient, INFINITY);
  return Rounded::result(quotient, (a.error + std::fabs(quotient) * b.error) / least);
}
inline bool operator<(const Rounded& a, const Rounded& b) {
  return a.value < b.value;
}
inline bool operator>(const Rounded& a, const Rounded& b) {
  return b < a;
}

inline Rounded sqrt(const Rounded& x) {
  const double root = std::sqrt(x.value);
  const double low = std::sqrt(std::fmax(x.value - x.error, 0.0));
  return Rounded::result(root, std::fmax(root - low, std::sqrt(x.value + x.error) - root));
}
// Libraries are within two units in the last place.
inline Rounded expm1(const Rounded& x) {
  return Rounded::result(std::expm1(x.value), x.error * std::exp(x.value + x.error), 4);
}

}  // namespace voluta::judge
