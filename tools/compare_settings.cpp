// What the flags of voluta compare mean.

#include <voluta/core/error.h>
#include <voluta/judge/race.h>
#include <voluta/kernels/registry.h>

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "compare_modes.h"

namespace voluta::cli {
namespace {

const Precision kPrecisions[] = {{"f32", DType::f32},
                                 {"tf32", DType::f32},
                                 {"bf16", DType::bf16},
                                 {"f16", DType::f16},
                                 {"f64", DType::f64}};

// Sustained by dense products on an H200: cuBLAS in bf16, half of it in tf32, FMA in f32.
struct Chip {
  const char* name;  // part of the device's
  std::pair<const char*, double> tflops[4];
};
constexpr Chip kChips[] = {{"H200", {{"f32", 60}, {"tf32", 395}, {"bf16", 790}, {"f16", 790}}}};

}  // namespace

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

std::vector<Precision> parse_precisions(const std::string& text) {
  std::vector<Precision> found;
  for (const std::string& word : split_at_commas(text)) {
    const auto* known = std::ranges::find(kPrecisions, word, &Precision::name);
    if (known == std::end(kPrecisions)) {
      invalid(fmt::format("--precision '{}' is unknown: f32, tf32, bf16, f16 or f64, with commas",
                          word));
    }
    found.push_back(*known);
  }
  return found;
}

EngineChoice::EngineChoice(const std::string& text) : text_(text) {
  if (text == "all" || text == "default" || text == "vendor") return;
  names_ = split_at_commas(text);
  if (names_.empty()) invalid("--engines is empty: default, all, vendor or names with commas");
  for (const std::string& name : names_) {
    if (!is_engine(name)) {
      invalid(
          fmt::format("--engines '{}' is unknown: default, all, vendor, reference, or the name "
                      "of an engine, e.g. implicit_gemm",
                      name));
    }
  }
}

bool EngineChoice::takes(const Engine& engine) const {
  if (text_ == "all") return true;
  if (text_ == "default") return engine.role == EngineRole::kProduct;
  if (text_ == "vendor") return engine.role == EngineRole::kVendor;
  return std::ranges::find(names_, engine.name) != names_.end();
}

Ceilings find_ceilings(Device device, bool measure, const std::vector<Precision>& precisions,
                       std::optional<double> gigabytes, std::optional<double> tflops) {
  Ceilings most;
  std::string origin = "given";
  if (gigabytes) {
    most.bandwidth = *gigabytes * 1e9;
  } else if (measure && device.type == DeviceType::kCuda) {
    most.bandwidth = judge::measured_copy_bandwidth(device);
    origin = "measured copy";
  }
  const std::string name = properties(device).name;
  for (const Precision& precision : precisions) {
    if (tflops) most.tflops.emplace_back(precision.name, *tflops);
    for (const Chip& chip : kChips) {
      if (tflops || device.type == DeviceType::kCpu || name.find(chip.name) == name.npos) continue;
      for (const auto& [of, peak] : chip.tflops) {
        if (precision.name == of) most.tflops.emplace_back(of, peak);
      }
    }
  }
  if (most.bandwidth > 0)
    most.text = fmt::format("{:.2f} TB/s ({})", most.bandwidth / 1e12, origin);
  for (const auto& [of, peak] : most.tflops) {
    most.text += fmt::format("{}{:g} TFLOP/s {}", most.text.empty() ? "" : ", ", peak, of);
  }
  return most;
}

}  // namespace voluta::cli
