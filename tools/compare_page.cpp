// The page of voluta compare: tools/compare_page.html with the results in it.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "compare_row.h"

namespace voluta::cli {

std::span<const std::pair<std::string_view, std::string_view>> compare_page_files();  // by CMake

std::string compare_page(const CompareReport& report) {
  using nlohmann::ordered_json;
  ordered_json rows = ordered_json::parse(compare_json(report.rows, -1));
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    rows[i]["vendor"] = report.rows[i].role == EngineRole::kVendor;
  }
  ordered_json peaks = ordered_json::array();
  for (const auto& [precision, tflops] : report.tflops) peaks.push_back({precision, tflops});
  const ordered_json document{{"mode", report.mode},
                              {"device_name", report.device_name},
                              {"driver", report.driver},
                              {"date", fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)))},
                              {"timed", report.timed},
                              {"ceilings", report.ceilings},
                              {"bandwidth", report.bandwidth},
                              {"tflops", peaks},
                              {"rows", rows}};
  // No text of a result may end the script element that holds it.
  std::string data;
  for (const char c : document.dump(-1, ' ', true, ordered_json::error_handler_t::replace)) {
    if (c == '<') {
      data += "\\u003c";
    } else {
      data += c;
    }
  }
  constexpr std::string_view kPlace = "{{results}}";
  const std::string_view page = compare_page_files()[0].second;
  const std::size_t at = page.find(kPlace);
  return std::string(page.substr(0, at)) + data + std::string(page.substr(at + kPlace.size()));
}

}  // namespace voluta::cli
