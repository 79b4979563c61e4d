#pragma once

// Recipes: TOML files that set flags, one "name = value" a line, as recipes/*.toml.

#include "command_line.h"

namespace voluta::cli {

// Throws invalid() for what is for the command line alone, as "resume"; kFailed, naming path and line, for a file that is no TOML, has tables, or holds values that
// are no strings, numbers, booleans or lists of them.
MoreSettings read_recipe(const std::string& path);

}  // namespace voluta::cli
