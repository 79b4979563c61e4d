#include "option_flags.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace voluta::cli {
namespace {

struct Renamed {
  std::string_view option, flag;
};

// Options whose flags are not made of their names.
constexpr Renamed kRenamed[] = {{"ScheduleOptions::lr", "--lr"},
                                {"BatchAugmentation::trivial_augment", "--auto-augment"},
                                {"TrainOptions::data_type", "--precision"},
                                {"StepOptions::data_type", "--precision"},
                                {"Normalization::mean", "--mean"},
                                {"Normalization::deviation", "--std"},
                                {"allow_partial", "--allow-partial"}};

// In front of the members of these.
constexpr Renamed kPrefixes[] = {
    {"TrainOptions::", "--"},       {"ModelOptions::", "--"},
    {"OptimizerOptions::", "--"},   {"BatchAugmentation::", "--"},
    {"ScheduleOptions::", "--lr-"}, {"WeightAverageOptions::", "--model-ema-"}};

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
}

std::string flag_of(std::string name) {
  const auto renamed = std::ranges::find(kRenamed, name, &Renamed::option);
  if (renamed != std::end(kRenamed)) return std::string(renamed->flag);
  for (const Renamed& prefix : kPrefixes) {
    if (!name.starts_with(prefix.option)) continue;
    name.replace(0, prefix.option.size(), prefix.flag);
    std::ranges::replace(name, '_', '-');
  }
  return name;
}

}  // namespace

std::string with_flags(const std::string& message) {
  std::string text;
  for (auto at = message.begin(); at != message.end();) {
    const auto end = std::find_if_not(at, message.end(), in_name);
    if (end == at) {
      text += *at++;
    } else {
      text += flag_of({at, end});
      at = end;
    }
  }
  return text;
}

}  // namespace voluta::cli
