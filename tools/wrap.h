#pragma once

// Text in lines of a width.

#include <string>

namespace voluta::cli {

// Lines of at most `width` characters, broken at spaces where there are any; each indented, and with a
// newline at its end.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace voluta::cli
