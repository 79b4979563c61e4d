#pragma once

// Which engines the tests judge: on a device that some of them hang or fault on, the others can still
// be judged.

#include <voluta/core/graph/op.h>

#include <string>
#include <vector>

namespace voluta::judge {

// `*` stands for any characters.
bool matches(std::string_view pattern, std::string_view text);

class EngineFilter {
 public:
  // Patterns of engines' names with commas: only these, and none of those; empty: no limit. Throws
  // invalid() for a pattern that no engine of this build has.
  EngineFilter(const std::string& only, const std::string& skip);
  // Of VOLUTA_ENGINES and VOLUTA_SKIP_ENGINES.
  static EngineFilter from_environment();

  // References always are: they judge the others.
  bool takes(const Engine& engine) const;

 private:
  std::vector<std::string> only_, skip_;
};

}  // namespace voluta::judge
