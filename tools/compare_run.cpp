#include "compare_run.h"

#include <voluta/core/error.h>
#include <voluta/judge/device_health.h>
#include <voluta/kernels/registry.h>
#include <voluta/train/progress.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "note.h"

namespace voluta::cli {
namespace {

// Seconds are as good as proportional to this: work, memory, and what every problem costs.
double weight_of(const Problem& problem) {
  const Cost cost = problem.op->cost(problem);
  return cost.flops + 8 * cost.bytes + 1e6;
}

std::vector<judge::WorkItem> items_of(const CompareSelection& selection, CompareMode mode) {
  if (mode != CompareMode::kGradient) {
    return judge::work_items(selection.items, selection.batch);
  }
  std::vector<judge::WorkItem> items;
  for (const std::string& word : selection.items) {
    if (find_op(word) == nullptr) {
      for (judge::WorkItem& item : judge::work_items({word}, selection.batch)) {
        items.push_back(item);
      }
      continue;
    }
    const std::size_t before = items.size();
    for (const std::string& line : judge::read_problem_list("gradients", false)) {
      if (line.starts_with(word + " ")) items.push_back({line});
    }
    if (items.size() == before) invalid(fmt::format("'{}' has no gradient", word));
  }
  return items;
}

// "compare 12/69, 0:45 left: conv2d n32h56..." on standard error, redrawn on a terminal and now and
// then elsewhere.
class StepProgress {
 public:
  StepProgress(const std::vector<CompareStep>& steps, bool quiet)
      : steps_(steps),
        style_(quiet ? ProgressStyle::kSilent : progress_style(stderr)),
        begin_(Clock::now()),
        printed_(begin_) {
    for (const CompareStep& step : steps) all_ += step.weight;
  }
  ~StepProgress() { clear(); }

  void show(std::size_t index) {
    constexpr auto kBetweenLines = std::chrono::seconds(5);
    if (index > 0) done_ += steps_[index - 1].weight;
    if (style_ == ProgressStyle::kSilent) return;
    if (style_ == ProgressStyle::kLines && Clock::now() - printed_ < kBetweenLines) return;
    printed_ = Clock::now();
    const double passed = std::chrono::duration<double>(printed_ - begin_).count();
    std::string line = fmt::format("compare {}/{}", index + 1, steps_.size());
    if (done_ > 0) {
      line += fmt::format(", {} left", clock_text(passed / done_ * (all_ - done_)));
    }
    line += ": " + steps_[index].item.line.substr(0, 60);
    if (style_ == ProgressStyle::kTerminal) {
      clear();
      note(line);
      std::fflush(stderr);
      shown_ = true;
    } else {
      note(line + "\n");
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  void clear() {
    if (shown_) note("\r\x1b[K");
    shown_ = false;
  }

  const std::vector<CompareStep>& steps_;
  ProgressStyle style_;
  Clock::time_point begin_, printed_;
  double done_ = 0, all_ = 0;
  bool shown_ = false;
};

CompareRow failed_row(const CompareStep& step, const std::string& why) {
  const Problem problem = judge::parse_problem(step.item.line);
  return {.op = std::string(problem.op->name),
          .pass = std::string(judge::direction_of(problem.op->name)),
          .problem = describe(problem),
          .precision = step.precision ? step.precision->name : "",
          .count = step.item.count,
          .failed = true,
          .reason = "failed: " + why};
}

// False: it was told to stop before it was done.
bool run_step(const CompareStep& step, const CompareSettings& settings,
              std::vector<CompareRow>& rows) {
  try {
    return compare_problem(step.item, step.precision, settings, rows);
  } catch (const std::exception& error) {
    rows.push_back(failed_row(step, error.what()));
    return true;
  }
}

}  // namespace

std::vector<CompareStep> compare_steps(const CompareSelection& selection, CompareMode mode) {
  for (const std::string& name : selection.ops) {
    if (find_op(name) == nullptr) {
      invalid(fmt::format("--ops '{}' is no op; --list shows the names", name));
    }
  }
  std::vector<CompareStep> steps;
  for (const judge::WorkItem& item : items_of(selection, mode)) {
    const Problem problem = judge::parse_problem(item.line);
    if (!selection.ops.empty() && std::ranges::count(selection.ops, problem.op->name) == 0) {
      continue;
    }
    if (mode == CompareMode::kGradient && judge::direction_of(problem.op->name) != "forward") {
      continue;
    }
    if (selection.precisions.empty()) steps.push_back({item, std::nullopt, weight_of(problem)});
    for (const Precision& precision : selection.precisions) {
      steps.push_back({item, precision, weight_of(problem)});
    }
  }
  if (steps.empty() && !selection.ops.empty()) {
    invalid(fmt::format("--ops leaves nothing of {}", fmt::join(selection.items, " ")));
  }
  if (steps.empty()) {
    invalid(fmt::format("'{}' has no forward problem; --mode gradient takes these, as conv2d",
                        fmt::join(selection.items, " ")));
  }
  return steps;
}

CompareEnd run_steps(const std::vector<CompareStep>& steps, const CompareSettings& settings,
                     RowJournal& journal, std::vector<CompareRow>& rows) {
  StepProgress progress(steps, settings.quiet);
  const auto after = [&](std::size_t count) {
    return fmt::format("after {} of {} problems", count, steps.size());
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    progress.show(i);
    const std::size_t first = rows.size();
    const bool finished = run_step(steps[i], settings, rows);
    const std::size_t done = i + (finished ? 1 : 0);
    const std::span<const CompareRow> added = std::span(rows).subspan(first);
    journal.append(added);
    if (std::ranges::any_of(added, &CompareRow::failed)) {
      const std::string fault = judge::device_fault(settings.device);
      if (!fault.empty()) {
        return {fmt::format("the device was lost {}: {}", after(done), fault), true};
      }
    }
    const bool stopped = settings.stop != nullptr && *settings.stop;
    if (stopped && done < steps.size()) return {"interrupted " + after(done), false};
  }
  return {};
}

}  // namespace voluta::cli
