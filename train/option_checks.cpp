#include <voluta/core/error.h>
#include <voluta/train/option_checks.h>

#include <fmt/format.h>

#include <cmath>

namespace voluta {

void check_at_least_0(const char* option, double value) {
  if (value >= 0 && std::isfinite(value)) return;
  invalid(fmt::format("{} must be finite and not negative, not {}", option, value));
}

}  // namespace voluta
