#include <fmt/format.h>
#include <voluta/core/memory/out_of_memory.h>

#include <algorithm>

namespace voluta {
namespace {

constexpr std::size_t kNamedHolders = 3;

std::string holders_text(std::vector<std::pair<std::string, std::size_t>> holders) {
  if (holders.empty()) return {};
  std::stable_sort(holders.begin(), holders.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text = "; held by ";
  std::size_t others = 0;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    if (i >= kNamedHolders) {
      others += holders[i].second;
      continue;
    }
    text += fmt::format("{}'{}' {}", i == 0 ? "" : ", ", holders[i].first,
                        format_bytes(holders[i].second));
  }
  if (holders.size() > kNamedHolders) {
    text += fmt::format(" and {} more {}", holders.size() - kNamedHolders, format_bytes(others));
  }
  return text;
}

std::string pool_text(const OutOfMemory& report) {
  const MemoryStats& pool = report.pool;
  std::string text = fmt::format("; this pool has {} in use", format_bytes(pool.allocated_bytes));
  if (const std::size_t cached = pool.free_bytes + pool.pending_bytes; cached > 0) {
    text += fmt::format(" and {} free in pieces of at most {}", format_bytes(cached),
                        format_bytes(pool.largest_free_bytes));
  }
  if (report.limit_bytes != SIZE_MAX) {
    text += fmt::format(", and a limit of {}", format_bytes(report.limit_bytes));
  }
  return text;
}

}  // namespace

std::string to_string(OutOfMemory report) {
  std::string text = fmt::format("out of memory on {}: '{}' asks for {} ({} bytes)", report.place,
                                 report.tag, format_bytes(report.bytes), report.bytes);
  if (report.device) {
    text += fmt::format("; {} of {} are free there", format_bytes(report.device->free_bytes),
                        format_bytes(report.device->total_bytes));
  }
  text += pool_text(report) + holders_text(std::move(report.holders));
  if (report.advice.empty()) {
    const bool limited = report.limit_bytes != SIZE_MAX;
    report.advice = limited ? "use a smaller batch size or raise the memory limit"
                            : "use a smaller batch size, or end other programs on the device";
  }
  return text + "; " + report.advice;
}

}  // namespace voluta
