#pragma once

// What a kernel may do to x before it convolves it, while it loads it: normalise it by channel, as the
// batch norm in front would have, and apply the activation behind that,
//   xhat[..., c] = f((x[..., c] - m[c]) * s[c] + b[c]),
// so that xhat is never written to memory, nor kept for the gradient.
//
// Note [Prologues]
// xhat has the bits that a batch norm in training would have stored: normalised() in f32 (f64 for f64),
// f, then rounded to the type of x. m, s and b are a tensor `normaliser` [3, C], in that order: what
// BatchNormTraining writes with its option `deferred`. Pixels outside the image are zero, not xhat of
// zero. f is relu, relu6 or nothing.

#include <voluta/kernels/activation/activation.h>

#include <string>

namespace voluta {

struct Prologue {
  bool normalise = false;                             // whether there is an input `normaliser`
  ActivationKind activation = ActivationKind::kNone;  // f, only with it
  bool operator==(const Prologue&) const = default;
};

// " normalise_relu"; nothing for none.
inline std::string describe(const Prologue& prologue) {
  if (!prologue.normalise) return "";
  if (prologue.activation == ActivationKind::kNone) return " normalise";
  return " normalise_" + std::string(name_of(prologue.activation));
}

}  // namespace voluta
