#include <voluta/judge/norm_argument.h>
#include <voluta/judge/rules_activation.h>
#include <voluta/judge/rules_batch_norm.h>

#include <cmath>

namespace voluta::judge {

using enum ActivationKind;

namespace {

constexpr double kUnit = kBatchNormUnit;

// The largest |f''|, of kinds whose slope is not constant between its jumps.
double curvature(ActivationKind kind) {
  switch (kind) {
    case kTanh:
      return 0.77;  // 4 / (3 sqrt(3))
    case kSigmoid:
      return 0.0963;  // 1 / (6 sqrt(3))
    case kHardswish:
      return 1.0 / 3;
    case kSilu:
      return 0.5;  // at 0
    default:
      return 0;
  }
}

}  // namespace

NormArgument::NormArgument(double deviation, double scale, double bias)
    : value(deviation * scale + bias),
      error(kUnit * (8 * std::fabs(deviation * scale) + 2 * std::fabs(bias))) {}

bool is_near_a_jump(ActivationKind kind, const NormArgument& u) {
  const auto near = [&](double jump) { return std::fabs(u.value - jump) <= u.error; };
  switch (kind) {
    case kRelu:
    case kLeakyRelu:
      return near(0);
    case kRelu6:
      return near(0) || near(6);
    case kHardswish:
      return near(-3) || near(3);
    default:
      return false;
  }
}

// A computed y of tanh and sigmoid errs by 8 u |y| (add_activation_error), and their slopes, 1 - y^2
// and y (1 - y), by at most 2 |y| times that.
Du du_through(ActivationKind kind, const NormArgument& u, double dy) {
  const ActivationOptions activation{.kind = kind};
  const double slope = curvature(kind);
  double kept = u.value, error = slope > 0 ? slope * u.error : 0;  // u.error may be NaN
  if (!gradient_reads_input(activation)) kept = activate(kind, kept);
  if (kind == kTanh || kind == kSigmoid) error += 16 * kUnit * kept * kept;
  if (is_near_a_jump(kind, u)) error += 1;
  return {activate_gradient(kind, kept, dy),
          std::fabs(dy) * (error + activation_gradient_error(activation, kept))};
}

}  // namespace voluta::judge
