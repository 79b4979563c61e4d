#pragma once

// The results of voluta compare: a row an engine and problem.

#include <voluta/core/graph/op.h>

#include <optional>
#include <string>
#include <vector>

namespace voluta::cli {

struct Milliseconds {
  double median, min, max;
  double spread;  // half the distance between the quartiles, as a share of the median
  int samples;
};

struct CompareRow {
  std::string op, pass, problem, precision;
  std::string engine;  // empty: none is there, and `reason` says why
  EngineRole role = EngineRole::kProduct;
  bool chosen = false;  // by plans, where nothing was measured
  int64_t count = 1;    // how often the batch has the problem
  double flops = 0, bytes = 0;
  std::optional<bool> correct;    // where it was compared with the reference
  std::optional<double> error;    // |y - ref| / |ref|
  std::optional<double> bound;    // the largest share of its bound that an element's error used
  std::optional<bool> supported;  // what a support table asks
  std::optional<Milliseconds> ms;
  std::optional<int64_t> plans;  // that the timed one was the quickest of
  std::optional<double> plan_ms, tflops, gbps, roofline, vs_cudnn;
  // `ms` and vs_cudnn are of plans that give the same bits in every run. Where a vendor has a quicker one
  // that does not: its median, and every engine's ratio to it.
  std::optional<double> loose_ms, vs_cudnn_loose;
  bool failed = false;     // an engine or the problem threw
  bool unchecked = false;  // timed without a comparison with the reference
  std::string reason;      // why something above is missing or wrong
};

// What a run of the tool says about itself.
struct CompareReport {
  std::string mode, device, device_name, driver;
  bool timed = true;     // false under simt/
  std::string ceilings;  // "4.30 TB/s (measured), 790 TFLOP/s bf16"; empty where none is known
  double bandwidth = 0;  // bytes per second; 0: not known
  std::vector<std::pair<std::string, double>> tflops;  // by precision, those known
  std::vector<CompareRow> rows;
  std::string incomplete;  // why the rows are not all: "interrupted after 12 of 69 problems"
};

// A list of {"op","pass","problem","precision","engine","correct","error","ms","tflops","gbps",
// "roofline","vs_cudnn", and more}; null where a thing is not known. DESIGN section 7. A list that is
// not whole ends with {"incomplete": why}. And its elements alone, a line each.
std::string compare_json(const CompareReport& report, int indent);
std::string row_json(const CompareRow& row);
std::string incomplete_json(const std::string& why);

// At most 100 columns wide; ends with a summary.
std::string compare_table(const CompareReport& report);
std::string compare_summary(const CompareReport& report);

// One HTML page that needs nothing beside itself.
std::string compare_page(const CompareReport& report);

// Rows whose result is wrong.
std::size_t failures_in(const std::vector<CompareRow>& rows);

// The geometric mean; 0 of nothing.
double geometric_mean(const std::vector<double>& values);

}  // namespace voluta::cli
