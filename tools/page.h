#pragma once

// Pages that need no network: one HTML file with its style, its script and its data in it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace voluta::cli {

// tools/<name>.html with tools/page.css at {{style}} and the data, JSON in ASCII, at {{results}}.
std::string make_page(std::string_view name, std::string_view json);

// "data:image/png;base64,...": a picture that stands in the page itself.
std::string png_data_uri(std::span<const uint8_t> png);

}  // namespace voluta::cli
