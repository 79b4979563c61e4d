#include "engine_filter.h"

#include <voluta/core/error.h>
#include <voluta/kernels/registry.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace voluta::judge {
namespace {

bool any_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::ranges::any_of(patterns,
                             [&](const std::string& pattern) { return matches(pattern, name); });
}

bool is_of_an_engine(const std::string& pattern) {
  return std::ranges::any_of(all_ops(), [&](const Op* op) {
    return std::ranges::any_of(op->engines(),
                               [&](const Engine& engine) { return matches(pattern, engine.name); });
  });
}

std::vector<std::string> patterns_of(const std::string& text, const std::string& variable) {
  std::vector<std::string> patterns;
  std::istringstream stream(text);
  for (std::string pattern; std::getline(stream, pattern, ',');) {
    if (!is_of_an_engine(pattern)) {
      invalid(variable + ": '" + pattern +
              "' matches no engine of this build; voluta compare --mode support names them");
    }
    patterns.push_back(pattern);
  }
  return patterns;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] != '*') {
    return !text.empty() && pattern[0] == text[0] && matches(pattern.substr(1), text.substr(1));
  }
  return matches(pattern.substr(1), text) || (!text.empty() && matches(pattern, text.substr(1)));
}

EngineFilter::EngineFilter(const std::string& only, const std::string& skip)
    : only_(patterns_of(only, "VOLUTA_ENGINES")), skip_(patterns_of(skip, "VOLUTA_SKIP_ENGINES")) {}

EngineFilter EngineFilter::from_environment() {
  return {variable("VOLUTA_ENGINES"), variable("VOLUTA_SKIP_ENGINES")};
}

bool EngineFilter::takes(const Engine& engine) const {
  if (engine.role == EngineRole::kReference) return true;
  return (only_.empty() || any_matches(only_, engine.name)) && !any_matches(skip_, engine.name);
}

}  // namespace voluta::judge
