#pragma once

// JSON as it is printed and written into pages.

#include <nlohmann/json.hpp>

#include <string>

namespace voluta::cli {

// `indent` below 0: one line. With `ascii` every other character is escaped. A path is bytes of a file system: what
// is no UTF-8 in it becomes U+FFFD, where dump() alone would throw.
inline std::string json_text(const nlohmann::ordered_json& document, int indent = -1,
                             bool ascii = false) {
  return document.dump(indent, ' ', ascii, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace voluta::cli
