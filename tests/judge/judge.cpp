#include "judge.h"

#include "compare.h"
#include "guarded_run.h"
#include "reference.h"
#include "schedule.h"

#include <voluta/core/error.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

namespace voluta::judge {
namespace {

// A number per line, so that lines do not share inputs. FNV-1a.
uint64_t hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

Tensors make_inputs(const Problem& problem, InputKind kind, uint64_t seed) {
  const OpRules& rules = rules_of(problem.op->name);
  Random random(seed, hash(describe(problem)) ^ static_cast<uint64_t>(kind));
  return (rules.inputs ? rules.inputs : default_inputs)(problem, kind, random);
}

// An engine that throws has failed, whatever it throws.
template <class F>
std::string complaint_of(F&& f) {
  try {
    return f();
  } catch (const std::exception& error) {
    return std::string("threw: ") + error.what();
  }
}

// Inputs of one kind and what must come out.
struct Truth {
  Tensors inputs, outputs;
  Bounds bounds;  // empty: exact
};

Truth find_truth(const Problem& problem, InputKind kind, uint64_t seed) {
  const OpRules& rules = rules_of(problem.op->name);
  Truth truth{.inputs = make_inputs(problem, kind, seed)};
  truth.outputs = run_reference_f64(problem, truth.inputs);
  const bool exact = kind == InputKind::kIntegers
                         ? rules.exact_on_integers == nullptr || rules.exact_on_integers(problem)
                         : !rules.bounds && problem.op->reduction_length(problem) == 0;
  if (!exact) {
    truth.bounds =
        (rules.bounds ? rules.bounds : default_bounds)(problem, truth.inputs, truth.outputs);
  }
  return truth;
}

struct Truths {
  Truth integers, reals;
};

Truths find_truths(const Problem& problem, uint64_t seed) {
  return {find_truth(problem, InputKind::kIntegers, seed),
          find_truth(problem, InputKind::kReals, seed)};
}

// What the formula's c and the rounding of operands add for an engine's arithmetic (DESIGN section
// 5): c = 4 for tensor cores; tf32 operands are each off by 2^-11, their product by twice that.
double bound_factor(const Engine& engine, const Problem& problem) {
  constexpr double kTensorCore = 4, kTf32Product = 2 * 0x1p-11;
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  switch (engine.arithmetic) {
    case Arithmetic::kFloat:
      return 1;
    case Arithmetic::kTensorCore:
      return kTensorCore;
    case Arithmetic::kTensorCoreTf32:
      return kTensorCore + kTf32Product / ((n + 1) * 0x1p-24);
  }
  return 1;
}

// The truth as this engine may miss it.
Truth for_engine(Truth truth, const Engine& engine, const Problem& problem) {
  const double factor = bound_factor(engine, problem);
  for (std::vector<double>& bounds : truth.bounds) {
    for (double& bound : bounds) bound *= factor;
  }
  return truth;
}

std::string fault_of(const Truth& truth, const GuardedRun& run) {
  if (!run.complaint.empty()) return run.complaint;
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const std::string bad =
        truth.bounds.empty() ? compare_exact(run.outputs[i], truth.outputs[i])
                             : compare_bounded(run.outputs[i], truth.outputs[i], truth.bounds[i]);
    if (!bad.empty()) return "output " + std::to_string(i) + " " + bad;
  }
  return {};
}

std::string difference_of(const GuardedRun& run, const GuardedRun& other) {
  if (!other.complaint.empty()) return other.complaint;
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const std::string bad = compare_bits(other.outputs[i], run.outputs[i]);
    if (!bad.empty()) return "output " + std::to_string(i) + " " + bad;
  }
  return {};
}

double used_of_bounds(const Truth& truth, const GuardedRun& run) {
  double used = 0;
  for (std::size_t i = 0; i < truth.bounds.size(); ++i) {
    used = std::max(used, used_of_bound(run.outputs[i], truth.outputs[i], truth.bounds[i]));
  }
  return used;
}

Stream& stream_of(DeviceType type) {
  static std::map<DeviceType, std::unique_ptr<Stream>> streams;
  std::unique_ptr<Stream>& stream = streams[type];
  if (!stream) stream = std::make_unique<Stream>(Device{type, 0});
  return *stream;
}

bool may_run_in_place(const Problem& problem) {
  return std::ranges::any_of(problem.op->aliases(problem),
                             [](const Alias& alias) { return !alias.must; });
}

// One engine on one problem, tier by tier.
class Trial {
 public:
  Trial(const Engine& engine, const Problem& problem, uint64_t seed)
      : engine_(engine), problem_(problem), seed_(seed), stream_(stream_of(engine.device)) {}

  std::vector<std::string> run(const Truths& truths) {
    const Truth& integers = truths.integers;
    const Truth reals = for_engine(truths.reals, engine_, problem_);
    check("integers", [&] { return fault_of(integers, run_once(integers, 1, Placing::kApart)); });
    GuardedRun first;
    check("reals", [&] {
      first = run_once(reals, 2, Placing::kApart);
      const std::string bad = fault_of(reals, first);
      if (bad.empty()) used_ = used_of_bounds(reals, first);
      return bad;
    });
    if (!failures_.empty()) return failures_;
    if (engine_.role != EngineRole::kVendor) {
      check("second run",
            [&] { return difference_of(first, run_once(reals, 3, Placing::kApart)); });
    }
    if (may_run_in_place(problem_)) {
      check("in place",
            [&] { return difference_of(first, run_once(reals, 4, Placing::kInPlace)); });
    }
    return failures_;
  }

  double used() const { return used_; }

 private:
  GuardedRun run_once(const Truth& truth, uint64_t order, Placing placing) {
    const ScheduleScope scope(seed_ * 8 + order);
    return run_guarded(engine_, problem_, truth.inputs, stream_, placing);
  }

  template <class F>
  void check(const std::string& what, F&& f) {
    const std::string bad = complaint_of(f);
    if (bad.empty()) return;
    const std::string line = describe(problem_);
    failures_.push_back(line + ", engine " + std::string(engine_.name) + ", " + what + ": " + bad +
                        " | replay: VOLUTA_PROBLEM='" + line +
                        "' VOLUTA_SEED=" + std::to_string(seed_));
  }

  const Engine& engine_;
  const Problem& problem_;
  uint64_t seed_;
  Stream& stream_;
  std::vector<std::string> failures_;
  double used_ = 0;
};

std::string check_description(const Problem& problem) {
  const std::string line = describe(problem);
  const Problem again = parse_problem(line);
  if (again.inputs != problem.inputs || again.outputs != problem.outputs ||
      describe(again) != line) {
    return line + ": describe() prints a line that reads back as '" + describe(again) + "'";
  }
  return {};
}

}  // namespace

std::vector<DeviceType> device_types_under_test() {
  const char* chosen = std::getenv("VOLUTA_DEVICES");
#ifdef VOLUTA_SIMT
  const std::string devices = chosen ? chosen : "cuda";
#else
  const std::string devices = chosen ? chosen : "cpu,cuda";
#endif
  std::vector<DeviceType> types;
  if (devices.find("cpu") != devices.npos) types.push_back(DeviceType::kCpu);
  if (devices.find("cuda") != devices.npos && linked_cuda_runtime().device_count() > 0) {
    types.push_back(DeviceType::kCuda);
  }
  return types;
}

std::vector<std::string> judge_engine(const Engine& engine, const Problem& problem, uint64_t seed) {
  return Trial(engine, problem, seed).run(find_truths(problem, seed));
}

Verdict judge(const std::string& line, uint64_t seed, Ledger& ledger) {
  const Problem problem = parse_problem(line);
  Verdict verdict;
  if (const std::string bad = check_description(problem); !bad.empty()) {
    verdict.failures.push_back(bad);
  }
  const std::vector<DeviceType> types = device_types_under_test();
  std::optional<Truths> truths;
  for (const Engine& engine : problem.op->engines()) {
    if (std::ranges::find(types, engine.device) == types.end()) continue;
    const Support support = support_on(engine, problem, Device{engine.device, 0});
    if (!support.ok) {
      ledger.enter(problem, engine, Ledger::Outcome::kSkipped, support.reason);
      verdict.skipped.push_back(std::string(engine.name) + ": " + support.reason);
      continue;
    }
    if (!truths) truths = find_truths(problem, seed);
    Trial trial(engine, problem, seed);
    const std::vector<std::string> failures = trial.run(*truths);
    ledger.enter(problem, engine,
                 failures.empty() ? Ledger::Outcome::kPassed : Ledger::Outcome::kFailed);
    ledger.enter_used(problem, engine, trial.used());
    verdict.failures.insert(verdict.failures.end(), failures.begin(), failures.end());
    ++verdict.judged;
  }
  return verdict;
}

}  // namespace voluta::judge
