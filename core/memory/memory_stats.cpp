#include <fmt/format.h>
#include <voluta/core/memory/memory_stats.h>

namespace voluta {

std::string format_bytes(std::size_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  int unit = 0;
  // 1023.995 would be written as 1024.00.
  while (value >= 1023.995 && unit < 3) value /= 1024, ++unit;
  return fmt::format("{:.2f} {}", value, kUnits[unit]);
}

}  // namespace voluta
