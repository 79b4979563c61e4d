#pragma once

// Flags that have an effect only beside another: rows of a table, which each command has of its own.

#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace voluta::cli {

// `flag` has an effect only where `needs` has one of `values`; without values, where it is given and
// neither 0 nor false. One row of several of a flag is enough. Names are with dashes.
struct FlagNeed {
  std::string flag, needs;
  std::vector<std::string> values = {};
};

// Throws invalid() for a flag of `given` that has no effect. `value_of` answers with the value that a
// flag has in the end, its default too; empty where there is none.
void check_needs(std::span<const FlagNeed> needs, const std::set<std::string>& given,
                 const std::function<std::string(const std::string&)>& value_of);

}  // namespace voluta::cli
