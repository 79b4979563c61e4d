#pragma once

// What voluta compare does with one problem, by mode. Each appends rows.

#include <voluta/judge/work.h>

#include <atomic>

#include "compare_row.h"

namespace voluta::cli {

enum class CompareMode { kTest, kPerf, kGradient, kSupport };
CompareMode parse_compare_mode(const std::string& text);

// f32 and tf32 share a dtype: tf32 is how an engine multiplies.
struct Precision {
  std::string name;
  DType dtype;
};
// "f32,bf16". Throws invalid() for an unknown one.
std::vector<Precision> parse_precisions(const std::string& text);
// "a,b" as {"a", "b"}.
std::vector<std::string> split_at_commas(const std::string& text);

// "default", "all", "vendor", "reference", or names with commas. Throws invalid() for a name that no
// op has.
class EngineChoice {
 public:
  explicit EngineChoice(const std::string& text);
  bool takes(const Engine& engine) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> names_;
};

// What the device can do at most, as far as it is known.
struct Ceilings {
  double bandwidth = 0;                                // bytes per second
  std::vector<std::pair<std::string, double>> tflops;  // by precision
  std::string text;
};
// Flags win; else the copy bandwidth is measured on a GPU, and FLOP/s are those of a known chip.
Ceilings find_ceilings(Device device, bool measure, const std::vector<Precision>& precisions,
                       std::optional<double> gigabytes, std::optional<double> tflops);

struct CompareSettings {
  CompareMode mode = CompareMode::kTest;
  Device device;
  bool timed = true;
  bool check = true;  // mode perf: compare with the reference too
  bool quiet = true;
  EngineChoice engines{"all"};
  Ceilings ceilings;
  int samples = 21;
  uint64_t seed = 1;
  const std::atomic<bool>* stop = nullptr;
};

// One problem in one precision; none: the line's own. False where settings.stop cut it short: rows of
// engines that were done are there. Throws what the problem's set-up throws.
bool compare_problem(const judge::WorkItem& item, const std::optional<Precision>& precision,
                     const CompareSettings& settings, std::vector<CompareRow>& rows);

}  // namespace voluta::cli
