#pragma once

// What a command says besides its result.

#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace voluta::cli {

// Prints on standard error. Where that cannot be written the command goes on; fmt::print() would throw.
template <class... Values>
void note(fmt::format_string<Values...> format, Values&&... values) {
  std::fputs(fmt::format(format, std::forward<Values>(values)...).c_str(), stderr);
}

}  // namespace voluta::cli
