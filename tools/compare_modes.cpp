#include "compare_modes.h"

#include <voluta/core/error.h>
#include <voluta/core/graph/tuner.h>
#include <voluta/judge/gradient_check.h>
#include <voluta/judge/race.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/truth.h>
#include <voluta/kernels/registry.h>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

namespace voluta::cli {
namespace {

using judge::InputKind;
using judge::Truth;

// What the f64 loops of the reference do in seconds, twice for integers and twice for reals.
constexpr double kMostCheckedFlops = 2e8;
// A central difference runs the forward reference twice for every element that it tries.
constexpr double kMostDifferentiatedFlops = 2e6;
// The emulator computes some 0.25 GFLOP/s.
constexpr double kMostEmulatedFlops = 2e8;

std::string precision_of(const Problem& problem) {
  return problem.inputs.empty() ? "" : std::string(name_of(problem.inputs[0].dtype));
}

bool computes_in(const Engine& engine, const std::string& precision) {
  return (engine.arithmetic == Arithmetic::kTensorCoreTf32) == (precision == "tf32");
}

// What a plan takes where nothing was measured; nullptr: the device has no engine for it.
const Engine* chosen_engine(const Problem& problem, const std::string& precision, Device device) {
  try {
    return candidates(problem, device, {.allow_tf32 = precision == "tf32"})[0];
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidArgument) throw;
    return nullptr;
  }
}

std::string mega(double flops) {
  return fmt::format("{:.0f} MFLOP", flops / 1e6);
}

// A problem with the precision that it is asked in, and where its rows go.
class Comparison {
 public:
  Comparison(const Problem& problem, std::string precision, int64_t count,
             const CompareSettings& settings, std::vector<CompareRow>& rows)
      : problem_(problem),
        precision_(std::move(precision)),
        count_(count),
        settings_(settings),
        rows_(rows),
        cost_(problem.op->cost(problem)) {}

  // False: stopped before it was done.
  bool run() {
    switch (settings_.mode) {
      case CompareMode::kTest:
        return test();
      case CompareMode::kPerf:
        return settings_.timed ? time() : test();
      case CompareMode::kGradient:
        return differentiate();
      case CompareMode::kSupport:
        tell_support();
    }
    return true;
  }

 private:
  CompareRow row(const Problem& problem, const Engine* engine) const {
    CompareRow row{.op = std::string(problem.op->name),
                   .pass = std::string(judge::direction_of(problem.op->name)),
                   .problem = describe(problem),
                   .precision = precision_,
                   .count = count_};
    const Cost cost = problem.op->cost(problem);
    row.flops = cost.flops, row.bytes = cost.bytes;
    if (engine == nullptr) return row;
    row.engine = engine->name;
    row.role = engine->role;
    row.chosen = engine == chosen_engine(problem, precision_, settings_.device);
    return row;
  }

  // The engines of the device that were asked for. Appends a row with the reason for each that
  // refuses, and one where there is none at all.
  std::vector<const Engine*> engines_for(const Problem& problem) {
    std::vector<const Engine*> found;
    bool any = false;
    for (const Engine& engine : problem.op->engines()) {
      if (engine.device != settings_.device.type || !settings_.engines.takes(engine) ||
          !computes_in(engine, precision_) || (times() && engine.role == EngineRole::kReference)) {
        continue;
      }
      any = true;
      const Support support = support_on(engine, problem, settings_.device);
      if (support.ok) {
        found.push_back(&engine);
        continue;
      }
      CompareRow refused = row(problem, &engine);
      refused.supported = false;
      refused.reason = support.reason;
      rows_.push_back(std::move(refused));
    }
    if (!any) {
      CompareRow none = row(problem, nullptr);
      none.supported = false;
      none.reason = fmt::format("no engine: {} has none of '{}' for {} on {}", problem.op->name,
                                settings_.engines.text(), precision_, to_string(settings_.device));
      rows_.push_back(std::move(none));
    }
    return found;
  }

  // The reference is timed only where it is asked for by name: it is made to be read.
  bool times() const {
    return settings_.mode == CompareMode::kPerf && settings_.timed &&
           settings_.engines.text() != "reference";
  }

  void tell_support() {
    for (const Engine* engine : engines_for(problem_)) {
      rows_.push_back(row(problem_, engine));
      rows_.back().supported = true;
    }
  }

  bool stopped() const { return settings_.stop != nullptr && *settings_.stop; }

  bool test() {
    const std::vector<const Engine*> engines = engines_for(problem_);
    const bool emulated = !settings_.timed && cost_.flops > kMostEmulatedFlops;
    std::optional<judge::Truths> truths;
    for (const Engine* engine : engines) {
      if (stopped()) return false;
      CompareRow result = row(problem_, engine);
      if (emulated) {
        result.reason = mega(cost_.flops) + " are too many for the emulator: a smaller --batch";
      } else {
        if (!truths) truths = judge::find_truths(problem_, settings_.seed);
        examine(*engine, problem_, &truths->integers, truths->reals, result);
        if (settings_.mode == CompareMode::kPerf && result.reason.empty()) {
          result.reason = "not timed: emulation";
        }
      }
      rows_.push_back(std::move(result));
    }
    return true;
  }

  void examine(const Engine& engine, const Problem& problem, const Truth* integers,
               const Truth& reals, CompareRow& result) {
    try {
      Stream stream(settings_.device);
      const auto run = [&](const Truth& truth) {
        return judge::run_guarded(engine, problem, truth.inputs, stream);
      };
      if (integers != nullptr) {
        const Truth allowed = integers_for_engine(*integers, engine, problem);
        const std::string bad = fault_of(allowed, run(allowed));
        if (!bad.empty()) result.reason = "integers: " + bad;
      }
      const Truth allowed = for_engine(reals, engine, problem);
      const judge::GuardedRun outcome = run(allowed);
      result.error = relative_error(allowed, outcome);
      result.bound = used_of_bounds(allowed, outcome);
      const std::string bad = fault_of(allowed, outcome);
      if (result.reason.empty() && !bad.empty()) result.reason = "reals: " + bad;
    } catch (const std::exception& error) {
      result.failed = true;
      result.reason = fmt::format("failed: {}", error.what());
    }
    result.correct = result.reason.empty();
  }

  bool differentiate() {
    if (!judge::is_differentiable(*problem_.op)) {
      CompareRow none = row(problem_, nullptr);
      none.reason = "has no gradient";
      rows_.push_back(std::move(none));
      return true;
    }
    CompareRow reference = row(problem_, &judge::reference_engine(*problem_.op));
    const double size = std::max(cost_.flops, cost_.bytes / 8);
    if (size > kMostDifferentiatedFlops) {
      reference.reason =
          fmt::format("{} are too many for central differences: a smaller problem", mega(size));
      rows_.push_back(std::move(reference));
      return true;
    }
    const judge::GradientAgreement agreement =
        judge::compare_with_differences(problem_, settings_.seed);
    reference.correct = agreement.failures.empty();
    reference.error = agreement.error;
    if (!agreement.failures.empty()) reference.reason = agreement.failures[0];
    rows_.push_back(std::move(reference));
    for (const judge::GradientNode& node : judge::gradient_nodes(problem_, settings_.seed)) {
      const Truth truth = judge::find_truth(node.problem, node.inputs, InputKind::kReals);
      for (const Engine* engine : engines_for(node.problem)) {
        if (stopped()) return false;
        CompareRow result = row(node.problem, engine);
        examine(*engine, node.problem, nullptr, truth, result);
        rows_.push_back(std::move(result));
      }
    }
    return true;
  }

  bool time() {
    const std::vector<const Engine*> engines = engines_for(problem_);
    if (engines.empty()) return true;
    const judge::RaceOptions options{.samples = settings_.samples,
                                     .stop = [this] { return stopped(); }};
    const InputKind kind = settings_.check ? InputKind::kReals : InputKind::kTimed;
    const std::vector<judge::Lap> laps = judge::race(
        engines, problem_, make_inputs(problem_, kind, settings_.seed), settings_.device, options);
    if (stopped()) return false;
    const std::size_t first = rows_.size();
    for (std::size_t i = 0; i < engines.size(); ++i) {
      rows_.push_back(row(problem_, engines[i]));
      enter(laps[i], rows_.back());
    }
    const std::span<CompareRow> timed = std::span(rows_).subspan(first);
    check_timed(engines, timed);
    compare_with_vendor(timed);
    return true;
  }

  // The times are there already: what goes wrong from here on is a reason, and no loss.
  void check_timed(const std::vector<const Engine*>& engines, std::span<CompareRow> rows) {
    const auto leave = [&](const std::string& why) {
      for (CompareRow& row : rows) {
        if (!row.ms || row.correct) continue;
        row.unchecked = true;
        row.reason = "not checked: " + why;
      }
    };
    if (!settings_.check) return leave("--no-check");
    if (cost_.flops > kMostCheckedFlops) {
      return leave(mega(cost_.flops) + " are too many for the reference");
    }
    try {
      const judge::Truths truths = judge::find_truths(problem_, settings_.seed);
      for (std::size_t i = 0; i < engines.size(); ++i) {
        if (stopped()) return leave("interrupted");
        if (rows[i].ms) examine(*engines[i], problem_, &truths.integers, truths.reals, rows[i]);
      }
    } catch (const std::exception& error) {
      leave(error.what());
    }
  }

  void enter(const judge::Lap& lap, CompareRow& result) const {
    if (!lap.failure.empty() || lap.ms.empty()) {
      result.failed = !lap.failure.empty();
      result.reason = lap.failure.empty() ? "not timed" : "failed: " + lap.failure;
      return;
    }
    const double ms = lap.median();
    result.ms = {ms, lap.ms.front(), lap.ms.back(), lap.spread(), static_cast<int>(lap.ms.size())};
    result.plan_ms = lap.plan_ms;
    if (!lap.loose_ms.empty()) result.loose_ms = lap.loose_median();
    result.plans = static_cast<int64_t>(lap.plans);
    result.gbps = cost_.bytes / ms * 1e-6;
    if (cost_.flops > 0) result.tflops = cost_.flops / ms * 1e-9;
    const Ceilings& most = settings_.ceilings;
    const auto peak =
        std::ranges::find(most.tflops, precision_, &std::pair<std::string, double>::first);
    if (most.bandwidth == 0 || peak == most.tflops.end()) return;
    const double least_seconds =
        std::max(cost_.bytes / most.bandwidth, cost_.flops / (peak->second * 1e12));
    result.roofline = least_seconds * 1e3 / ms;
  }

  void compare_with_vendor(std::span<CompareRow> rows) {
    constexpr double kNone = std::numeric_limits<double>::infinity();
    double best = kNone, loose = kNone;
    for (const CompareRow& row : rows) {
      if (row.role != EngineRole::kVendor || !row.ms || row.correct == false) continue;
      best = std::min(best, row.ms->median);
      if (row.loose_ms) loose = std::min(loose, *row.loose_ms);
    }
    if (best == kNone) return;
    for (CompareRow& row : rows) {
      if (!row.ms) continue;
      row.vs_cudnn = best / row.ms->median;
      if (loose < best) row.vs_cudnn_loose = loose / row.ms->median;
    }
  }

  const Problem& problem_;
  std::string precision_;
  int64_t count_;
  const CompareSettings& settings_;
  std::vector<CompareRow>& rows_;
  Cost cost_;
};

}  // namespace

CompareMode parse_compare_mode(const std::string& text) {
  if (text == "test") return CompareMode::kTest;
  if (text == "perf") return CompareMode::kPerf;
  if (text == "gradient") return CompareMode::kGradient;
  if (text == "support") return CompareMode::kSupport;
  invalid(fmt::format("--mode '{}' is unknown: test, perf, gradient or support", text));
}

bool compare_problem(const judge::WorkItem& item, const std::optional<Precision>& precision,
                     const CompareSettings& settings, std::vector<CompareRow>& rows) {
  Problem problem = judge::parse_problem(item.line);
  if (precision) {
    try {
      problem = judge::parse_problem(judge::with_dtype(item.line, precision->dtype));
    } catch (const Error& error) {
      rows.push_back({.op = std::string(problem.op->name),
                      .pass = std::string(judge::direction_of(problem.op->name)),
                      .problem = item.line,
                      .precision = precision->name,
                      .count = item.count,
                      .supported = false,
                      .reason = fmt::format("no engine: {}", error.what())});
      return true;
    }
  }
  return Comparison(problem, precision ? precision->name : precision_of(problem), item.count,
                    settings, rows)
      .run();
}

}  // namespace voluta::cli
