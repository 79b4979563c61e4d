#include "flag_needs.h"

#include <voluta/core/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace voluta::cli {
namespace {

bool is_on(const std::string& value) {
  if (value.empty() || value == "false") return false;
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = error == std::errc() && end == value.data() + value.size();
  return !is_number || number != 0;
}

bool is_met(const FlagNeed& need, const std::string& value) {
  return need.values.empty() ? is_on(value)
                             : std::ranges::find(need.values, value) != need.values.end();
}

// "--data-path or --dataset", "--opt adam or adamw".
std::string alternatives(const std::vector<FlagNeed>& rows) {
  std::string text;
  for (const FlagNeed& row : rows) {
    text += text.empty() ? row.needs : " or " + row.needs;
    if (!row.values.empty()) text += fmt::format(" {}", fmt::join(row.values, " or "));
  }
  return text;
}

// "with --opt sgd" where another value stands in the way, else "without --model-ema".
std::string hindrance(const std::vector<FlagNeed>& rows, const std::string& value) {
  const bool by_value = !rows.front().values.empty();
  return by_value ? fmt::format("with {} {}", rows.front().needs, value)
                  : "without " + alternatives(rows);
}

}  // namespace

void check_needs(std::span<const FlagNeed> needs, const std::set<std::string>& given,
                 const std::function<std::string(const std::string&)>& value_of) {
  for (const std::string& flag : given) {
    std::vector<FlagNeed> rows;
    std::ranges::copy_if(needs, std::back_inserter(rows),
                         [&](const FlagNeed& need) { return need.flag == flag; });
    const auto met = [&](const FlagNeed& row) { return is_met(row, value_of(row.needs)); };
    if (rows.empty() || std::ranges::any_of(rows, met)) continue;
    invalid(fmt::format("{} has no effect {}; leave it out, or give {}", flag,
                        hindrance(rows, value_of(rows.front().needs)), alternatives(rows)));
  }
}

}  // namespace voluta::cli
