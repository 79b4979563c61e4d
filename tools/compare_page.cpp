// The page of voluta compare: tools/compare_page.html with the results in it.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "compare_row.h"
#include "json_text.h"
#include "page.h"

namespace voluta::cli {

std::string compare_page(const CompareReport& report) {
  using nlohmann::ordered_json;
  ordered_json rows = ordered_json::parse(compare_json(report, -1));
  if (!report.incomplete.empty()) rows.erase(rows.size() - 1);
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
                              {"incomplete", report.incomplete},
                              {"ceilings", report.ceilings},
                              {"bandwidth", report.bandwidth},
                              {"tflops", peaks},
                              {"rows", rows}};
  return make_page("compare_page", json_text(document, -1, true));
}

}  // namespace voluta::cli
