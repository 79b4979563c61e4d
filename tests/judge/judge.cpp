#include "judge.h"

#include "engine_filter.h"
#include "lost_device.h"
#include "schedule.h"

#include <voluta/judge/compare.h>
#include <voluta/judge/truth.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

namespace voluta::judge {
namespace {

// An engine that throws has failed, whatever it throws.
struct Complaint {
  std::string text;
  bool threw = false;
};
template <class F>
Complaint complaint_of(F&& f) {
  try {
    return {f()};
  } catch (const std::exception& error) {
    return {std::string("threw: ") + error.what(), true};
  }
}

std::string difference_of(const GuardedRun& run, const GuardedRun& other) {
  if (!other.complaint.empty()) return other.complaint;
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const std::string bad = compare_bits(other.outputs[i], run.outputs[i]);
    if (!bad.empty()) return "output " + std::to_string(i) + " " + bad;
  }
  return {};
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
    const Truth integers = integers_for_engine(truths.integers, engine_, problem_);
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
            [&] { return difference_of(first, run_once(reals, kAscending, Placing::kApart)); });
    }
    if (may_run_in_place(problem_)) {
      check("in place",
            [&] { return difference_of(first, run_once(reals, 4, Placing::kInPlace)); });
    }
    return failures_;
  }

  double used() const { return used_; }

 private:
  // Of threads under simt/: a warp goes as far as it can before the next one. What warps overwrite of each
  // other shows then, and seldom where all go on at one pace.
  static constexpr uint64_t kAscending = 0;

  GuardedRun run_once(const Truth& truth, uint64_t order, Placing placing) {
    const ScheduleScope scope(order == kAscending ? 0 : seed_ * 8 + order);
    return run_guarded(engine_, problem_, truth.inputs, stream_, placing);
  }

  template <class F>
  void check(const std::string& what, F&& f) {
    const Complaint bad = complaint_of(f);
    if (bad.text.empty()) return;
    const std::string line = describe(problem_);
    failures_.push_back(line + ", engine " + std::string(engine_.name) + ", " + what + ": " +
                        bad.text + " | replay: VOLUTA_PROBLEM='" + line +
                        "' VOLUTA_SEED=" + std::to_string(seed_));
    if (bad.threw) leave_if_lost(stream_.device(), failures_.back());
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

bool is_under_test(const Engine& engine) {
  const std::vector<DeviceType> types = device_types_under_test();
  return std::ranges::find(types, engine.device) != types.end() &&
         EngineFilter::from_environment().takes(engine);
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
  const EngineFilter filter = EngineFilter::from_environment();
  std::optional<Truths> truths;
  for (const Engine& engine : problem.op->engines()) {
    if (std::ranges::find(types, engine.device) == types.end()) continue;
    Support support = support_on(engine, problem, Device{engine.device, 0});
    if (!filter.takes(engine)) support = Support::no("left out by VOLUTA_ENGINES or _SKIP_ENGINES");
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
