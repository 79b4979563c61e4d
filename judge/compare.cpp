#include <voluta/judge/compare.h>
#include <voluta/judge/reference.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace voluta::judge {
namespace {

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string report(const Tensor& output, int64_t i, double want, const std::string& allowed,
                   int64_t bad) {
  return "at " + coordinates(output.shape(), i) + " got " + number(value_at(output, i)) +
         ", want " + number(want) + allowed + "; " + std::to_string(bad) + " of " +
         std::to_string(output.elements()) + " elements are bad";
}

double rounded_to(DType dtype, double value) {
  switch (dtype) {
    case DType::f32:
      return static_cast<float>(value);
    case DType::bf16:
      return to_double(from_double<BFloat16>(value));
    case DType::f16:
      return to_double(from_double<Float16>(value));
    default:
      return value;
  }
}

bool equal(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

// What rounding to the output's type may cost: u |y|, and of f16, whose subnormal numbers are 2^-24
// apart, at least half of that. Those of the other types are smaller than any bound.
double rounding_of(DType dtype, double value) {
  const double normal = unit_roundoff(dtype) * std::fabs(value);
  return dtype == DType::f16 ? std::max(normal, 0x1p-25) : normal;
}

// f16 ends at 65,504: what rounds past it is infinite.
constexpr double kOverflowOfF16 = 65520;

// An infinite reference has no neighbourhood.
bool within(DType dtype, double y, double reference, double allowed) {
  if (equal(y, reference)) return true;
  if (dtype == DType::f16 && std::isinf(y)) {
    return (y > 0 ? reference : -reference) + allowed >= kOverflowOfF16;
  }
  return std::isfinite(reference) && std::fabs(y - reference) <= allowed;
}

}  // namespace

double allowed_error(DType dtype, double reference, double bound) {
  if (!is_floating(dtype)) return 0;
  return rounding_of(dtype, reference) + (1 + unit_roundoff(dtype)) * bound;
}

std::string coordinates(const Shape& shape, int64_t i) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = std::to_string(i % shape[axis]) + (text.empty() ? "" : ", ") + text;
    i /= shape[axis];
  }
  return "[" + text + "]";
}

std::string compare_exact(const Tensor& output, const Tensor& reference) {
  int64_t first = -1, bad = 0;
  for (int64_t i = 0; i < output.elements(); ++i) {
    if (equal(value_at(output, i), rounded_to(output.dtype(), value_at(reference, i)))) continue;
    if (bad++ == 0) first = i;
  }
  if (bad == 0) return {};
  return report(output, first, value_at(reference, first), " exactly", bad);
}

std::string compare_bounded(const Tensor& output, const Tensor& reference,
                            const std::vector<double>& bounds) {
  int64_t first = -1, bad = 0;
  for (int64_t i = 0; i < output.elements(); ++i) {
    const double want = value_at(reference, i);
    const double allowed = allowed_error(output.dtype(), want, bounds[static_cast<std::size_t>(i)]);
    if (within(output.dtype(), value_at(output, i), want, allowed)) continue;
    if (bad++ == 0) first = i;
  }
  if (bad == 0) return {};
  const double want = value_at(reference, first);
  const double allowed =
      allowed_error(output.dtype(), want, bounds[static_cast<std::size_t>(first)]);
  return report(output, first, want, " within " + number(allowed), bad);
}

std::string compare_bits(const Tensor& output, const Tensor& other) {
  const auto* a = static_cast<const std::byte*>(output.raw());
  const auto* b = static_cast<const std::byte*>(other.raw());
  const auto differ = std::mismatch(a, a + output.bytes(), b).first;
  if (differ == a + output.bytes()) return {};
  const auto i =
      static_cast<int64_t>(static_cast<std::size_t>(differ - a) / size_of(output.dtype()));
  return "at " + coordinates(output.shape(), i) + " once " + number(value_at(other, i)) +
         " and then " + number(value_at(output, i));
}

double used_of_bound(const Tensor& output, const Tensor& reference,
                     const std::vector<double>& bounds) {
  double used = 0;
  for (int64_t i = 0; i < output.elements(); ++i) {
    const double want = value_at(reference, i), y = value_at(output, i);
    const double allowed = allowed_error(output.dtype(), want, bounds[static_cast<std::size_t>(i)]);
    if (!equal(y, want) && std::isfinite(y)) used = std::max(used, std::fabs(y - want) / allowed);
  }
  return used;
}

}  // namespace voluta::judge
