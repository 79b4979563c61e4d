#pragma once

// What a command says besides its result.

#include <cstdio>
#include <string>

namespace voluta::cli {

// Prints on standard error. Where that cannot be written the command goes on; fmt::print() would throw.
inline void note(const std::string& text) {
  std::fputs(text.c_str(), stderr);
}

}  // namespace voluta::cli
