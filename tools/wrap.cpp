#include "wrap.h"

#include <algorithm>

namespace voluta::cli {

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string lines;
  const std::size_t room = width - indent;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = std::min(text.size(), begin + room);
    if (end < text.size()) {
      const std::size_t space = text.rfind(' ', end);
      if (space != text.npos && space > begin) end = space;
    }
    lines += std::string(indent, ' ') + text.substr(begin, end - begin) + "\n";
    begin = end + (end < text.size() && text[end] == ' ' ? 1 : 0);
  }
  return lines;
}

}  // namespace voluta::cli
