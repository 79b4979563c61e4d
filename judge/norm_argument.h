#pragma once

// The argument u of an activation f behind a batch norm, computed again by the gradients, and
// du = dy f'(u): values, and how far an engine's may be off.

#include <voluta/judge/rules.h>
#include <voluta/kernels/activation/activation.h>

namespace voluta::judge {

// u = deviation * scale + bias, without a residual.
struct NormArgument {
  double value = 0, error = 0;

  NormArgument(double deviation, double scale, double bias);
};

// Whether f' jumps so near to u that an engine may be on the other side: by 1 at most.
bool is_near_a_jump(ActivationKind kind, const NormArgument& u);

struct Du {
  double value, error;
};
Du du_through(ActivationKind kind, const NormArgument& u, double dy);

}  // namespace voluta::judge
