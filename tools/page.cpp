#include "page.h"

#include <voluta/core/error.h>

#include <utility>

namespace voluta::cli {

std::span<const std::pair<std::string_view, std::string_view>> page_files();  // by CMake

namespace {

std::string_view file(std::string_view name) {
  for (const auto& [known, text] : page_files()) {
    if (known == name) return text;
  }
  invalid("there is no page " + std::string(name));
}

void fill(std::string& page, std::string_view place, std::string_view text) {
  page.replace(page.find(place), place.size(), text);
}

// No text of a result may end the script element that holds it.
std::string script_text(std::string_view json) {
  std::string text;
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string make_page(std::string_view name, std::string_view json) {
  std::string page(file(name));
  fill(page, "{{style}}", file("page"));
  fill(page, "{{results}}", script_text(json));
  return page;
}

std::string png_data_uri(std::span<const uint8_t> png) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = "data:image/png;base64,";
  for (std::size_t i = 0; i < png.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, png.size() - i);
    uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < count ? png[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

}  // namespace voluta::cli
