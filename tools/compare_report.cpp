// The rows of voluta compare as JSON and as a table, and what they sum up to.

#include <voluta/core/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "compare_row.h"
#include "json_text.h"
#include "wrap.h"

namespace voluta::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kColumns = 100;

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

ordered_json or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json to_json(const CompareRow& row) {
  ordered_json ms;
  if (row.ms) {
    ms = {{"median", row.ms->median},
          {"min", row.ms->min},
          {"max", row.ms->max},
          {"spread", row.ms->spread},
          {"samples", row.ms->samples}};
  }
  return {{"op", row.op},
          {"pass", row.pass},
          {"problem", row.problem},
          {"precision", row.precision},
          {"engine", or_null(row.engine)},
          {"chosen", row.chosen},
          {"correct", or_null(row.correct)},
          {"error", or_null(row.error)},
          {"ms", ms},
          {"tflops", or_null(row.tflops)},
          {"gbps", or_null(row.gbps)},
          {"roofline", or_null(row.roofline)},
          {"vs_cudnn", or_null(row.vs_cudnn)},
          {"loose_ms", or_null(row.loose_ms)},
          {"vs_cudnn_loose", or_null(row.vs_cudnn_loose)},
          {"count", row.count},
          {"plan_ms", or_null(row.plan_ms)},
          {"plans", or_null(row.plans)},
          {"bound", or_null(row.bound)},
          {"supported", or_null(row.supported)},
          {"flops", row.flops},
          {"bytes", row.bytes},
          {"reason", or_null(row.reason)}};
}

std::string shortened(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

template <class T>
std::string cell(const std::optional<T>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "-";
}

std::string share(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f} %", *value * 100) : "-";
}

// Three digits: "0.0123", "4.56", "789", "1234".
std::string digits(const std::optional<double>& value) {
  if (!value) return "-";
  return *value >= 100 ? fmt::format("{:.0f}", *value) : fmt::format("{:.3g}", *value);
}

std::string verdict(const CompareRow& row) {
  return !row.correct ? "-" : *row.correct ? "yes" : "NO";
}

// The figures of a row in this mode, or their heads.
using Figures = std::vector<std::string>;

Figures heads(const CompareReport& report) {
  if (report.mode == "support") return {"supported"};
  if (report.mode == "perf" && report.timed) {
    return {"ms", "spread", "TFLOP/s", "GB/s", "roofline", "x cuDNN", "plan ms"};
  }
  return {"correct", "of bound", "error"};
}

Figures figures(const CompareReport& report, const CompareRow& row) {
  if (report.mode == "support") return {row.supported.value_or(false) ? "yes" : "no"};
  if (report.mode == "perf" && report.timed) {
    std::optional<double> median, spread;
    if (row.ms) median = row.ms->median, spread = row.ms->spread;
    return {cell(median, "{:.4f}"),     share(spread),       digits(row.tflops),
            digits(row.gbps),           share(row.roofline), cell(row.vs_cudnn, "{:.2f}"),
            cell(row.plan_ms, "{:.1f}")};
  }
  return {verdict(row), share(row.bound), cell(row.error, "{:.1e}")};
}

constexpr std::size_t kEngineWidth = 24, kPrecisionWidth = 5, kFigureWidth = 8;

std::string line_of(const std::string& engine, const std::string& precision, const Figures& figures,
                    bool chosen = false) {
  std::string line =
      fmt::format("{:<2}{:<{}} {:<{}}", chosen ? "*" : "", shortened(engine, kEngineWidth),
                  kEngineWidth, precision, kPrecisionWidth);
  for (const std::string& cell : figures) line += fmt::format(" {:>{}}", cell, kFigureWidth);
  return line;
}

std::string in_columns(const std::string& text, std::size_t indent) {
  return wrapped(text, kColumns, indent);
}

std::string heading(const CompareRow& row) {
  const std::string count = row.count > 1 ? fmt::format("  x{}", row.count) : "";
  return shortened(row.problem, kColumns - count.size()) + count + "\n";
}

using Key = std::pair<std::string, std::string>;  // direction, precision

// Whether its time counts: a wrong result is no result, however quick.
bool counts(const CompareRow& row) {
  return row.ms && row.correct != false;
}

// The quickest engine that a plan may choose, of each problem: that is what is held against cuDNN.
std::map<Key, std::vector<const CompareRow*>> best_rows(const std::vector<CompareRow>& rows) {
  std::map<std::tuple<std::string, std::string, std::string>, const CompareRow*> best;
  for (const CompareRow& row : rows) {
    if (!counts(row) || row.role != EngineRole::kProduct) continue;
    const CompareRow*& known = best[{row.pass, row.precision, row.problem}];
    if (known == nullptr || row.ms->median < known->ms->median) known = &row;
  }
  std::map<Key, std::vector<const CompareRow*>> found;
  for (const auto& [key, row] : best) {
    found[{std::get<0>(key), std::get<1>(key)}].push_back(row);
  }
  return found;
}

std::string against_cudnn(const Key& key, const std::vector<const CompareRow*>& rows) {
  std::vector<double> ratios, of_all, shares;
  std::size_t looser = 0;
  const CompareRow* worst = nullptr;
  for (const CompareRow* row : rows) {
    if (row->roofline) shares.push_back(*row->roofline);
    if (!row->vs_cudnn) continue;
    ratios.push_back(*row->vs_cudnn);
    of_all.push_back(row->vs_cudnn_loose.value_or(*row->vs_cudnn));
    looser += row->vs_cudnn_loose.has_value();
    if (worst == nullptr || *row->vs_cudnn < *worst->vs_cudnn) worst = row;
  }
  std::string text;
  if (!ratios.empty()) {
    text += fmt::format("{} {}: {:.2f} x cuDNN's best (geometric mean of {})\n", key.first,
                        key.second, geometric_mean(ratios), ratios.size());
    text += in_columns(
        fmt::format("worst {:.2f} x: {}, {}", *worst->vs_cudnn, worst->problem, worst->engine), 2);
  }
  if (looser > 0) {
    text += in_columns(
        fmt::format("{:.2f} x with plans that are not deterministic, which are quicker on "
                    "{} of {}",
                    geometric_mean(of_all), looser, of_all.size()),
        2);
  }
  if (!shares.empty()) {
    text += fmt::format("{} {}: {:.1f} % of the roofline (geometric mean of {})\n", key.first,
                        key.second, geometric_mean(shares) * 100, shares.size());
  }
  return text;
}

// How engines stand to the quickest of each problem, in words.
std::string among_engines(const std::vector<CompareRow>& rows) {
  std::map<std::pair<std::string, std::string>, double> quickest;
  for (const CompareRow& row : rows) {
    if (!counts(row)) continue;
    double& ms = quickest[{row.problem, row.precision}];
    if (ms == 0 || row.ms->median < ms) ms = row.ms->median;
  }
  std::map<std::string, std::vector<double>> slower;
  for (const CompareRow& row : rows) {
    if (!counts(row)) continue;
    slower[row.engine].push_back(row.ms->median / quickest[{row.problem, row.precision}]);
  }
  std::string text;
  for (const auto& [engine, ratios] : slower) {
    const auto first = std::ranges::count(ratios, 1.0);
    text += fmt::format("{}: quickest on {} of {}, {:.2f} x the quickest's time (geometric mean)\n",
                        engine, first, ratios.size(), geometric_mean(ratios));
  }
  return text;
}

// How what plans take without measuring stands to the quickest that they may take, in words.
std::string of_choices(const std::vector<CompareRow>& rows) {
  std::vector<double> ratios;
  const CompareRow* worst = nullptr;
  double worst_ratio = 0;
  for (const auto& [key, best] : best_rows(rows)) {
    for (const CompareRow* quickest : best) {
      for (const CompareRow& row : rows) {
        if (!row.chosen || !counts(row) || row.problem != quickest->problem ||
            row.precision != quickest->precision) {
          continue;
        }
        ratios.push_back(row.ms->median / quickest->ms->median);
        if (ratios.back() > worst_ratio) worst = quickest, worst_ratio = ratios.back();
      }
    }
  }
  if (ratios.empty()) return "";
  return fmt::format(
             "plans without --tune take the quickest on {} of {}, {:.2f} x its time (geometric "
             "mean)\n",
             std::ranges::count(ratios, 1.0), ratios.size(), geometric_mean(ratios)) +
         (worst_ratio > 1 ? in_columns(fmt::format("worst {:.2f} x: {}, where {} is quickest",
                                                   worst_ratio, worst->problem, worst->engine),
                                       2)
                          : "");
}

// Those that are not counted as wrong already.
std::size_t failed_in(const std::vector<CompareRow>& rows) {
  return static_cast<std::size_t>(std::ranges::count_if(
      rows, [](const CompareRow& row) { return row.failed && row.correct != false; }));
}

std::string verdicts(const std::vector<CompareRow>& rows) {
  std::size_t right = 0, wrong = failures_in(rows), refused = 0, unchecked = 0;
  double used = 0;
  for (const CompareRow& row : rows) {
    right += row.correct == true;
    refused += row.supported == false;
    unchecked += !row.correct && row.supported != false && !row.failed;
    used = std::max(used, row.bound.value_or(0));
  }
  std::string text = fmt::format("{} correct, {} wrong, {} not compared, {} refused", right, wrong,
                                 unchecked, refused);
  if (const auto failed = failed_in(rows); failed > 0) {
    text += fmt::format(", {} failed", failed);
  }
  if (used > 0) text += fmt::format("; at most {:.0f} % of a bound was used", used * 100);
  return text + "\n";
}

std::string support_counts(const std::vector<CompareRow>& rows) {
  std::map<std::string, std::pair<int, int>> engines;
  for (const CompareRow& row : rows) {
    auto& [yes, all] = engines[row.engine.empty() ? "no engine" : row.engine];
    yes += row.supported.value_or(false);
    ++all;
  }
  std::string text;
  for (const auto& [engine, count] : engines) {
    text += fmt::format("{}: {} of {}\n", engine, count.first, count.second);
  }
  return text;
}

}  // namespace

double geometric_mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

std::size_t failures_in(const std::vector<CompareRow>& rows) {
  return static_cast<std::size_t>(
      std::ranges::count_if(rows, [](const CompareRow& row) { return row.correct == false; }));
}

std::string compare_json(const CompareReport& report, int indent) {
  ordered_json list = ordered_json::array();
  for (const CompareRow& row : report.rows) list.push_back(to_json(row));
  if (!report.incomplete.empty()) list.push_back({{"incomplete", report.incomplete}});
  return json_text(list, indent);
}

std::string row_json(const CompareRow& row) {
  return json_text(to_json(row));
}

std::string incomplete_json(const std::string& why) {
  return json_text({{"incomplete", why}});
}

std::string compare_table(const CompareReport& report) {
  std::string text =
      fmt::format("{} on {} ({})\n", report.mode, report.device,
                  shortened(report.device_name, kColumns - report.device.size() - 20));
  if (!report.ceilings.empty()) text += "ceilings " + report.ceilings + "\n";
  text += "\n" + line_of("", "", heads(report)) + "\n";
  const CompareRow* previous = nullptr;
  for (const CompareRow& row : report.rows) {
    if (previous == nullptr || previous->problem != row.problem) text += heading(row);
    previous = &row;
    if (row.supported == false) {
      text += in_columns(fmt::format("{} {}: {}", row.engine.empty() ? "-" : row.engine,
                                     row.precision, row.reason),
                         2);
      continue;
    }
    text += line_of(row.engine, row.precision, figures(report, row), row.chosen) + "\n";
    if (row.loose_ms) {
      text += fmt::format("    {:.4f} ms by a plan that is not deterministic\n", *row.loose_ms);
    }
    if (!row.reason.empty() && !row.unchecked) text += in_columns(row.reason, 4);
  }
  if (std::ranges::any_of(report.rows, &CompareRow::chosen)) {
    text += "\n* what a plan takes without --tune\n";
  }
  return text;
}

std::string compare_summary(const CompareReport& report) {
  std::string text =
      report.incomplete.empty() ? "" : in_columns("INCOMPLETE: " + report.incomplete, 0);
  if (report.mode == "support") return text + support_counts(report.rows);
  if (report.mode == "perf" && report.timed) {
    for (const auto& [key, rows] : best_rows(report.rows)) text += against_cudnn(key, rows);
    text += among_engines(report.rows) + of_choices(report.rows);
  }
  if (!report.timed) text += "not timed: emulation says nothing about speed\n";
  return text + verdicts(report.rows);
}

}  // namespace voluta::cli
