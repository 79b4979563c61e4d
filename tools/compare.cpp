// voluta compare: every engine against the reference and against cuDNN, in the open.

#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/judge/work.h>
#include <voluta/kernels/registry.h>
#include <voluta/models/registry.h>
#include <voluta/train/progress.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "command_line.h"
#include "compare_modes.h"
#include "interrupt.h"
#include "output_folder.h"

namespace voluta::cli {
namespace {

struct CompareArguments {
  std::vector<std::string> items;
  std::string mode = "test", device, engines = "all", precision, html, output;
  std::optional<int64_t> batch;
  int64_t samples = 21;
  uint64_t seed = 1;
  std::optional<double> bandwidth, tflops;
  bool json = false, list = false, quiet = false;
};

// A problem in a precision: a step of the work.
struct Step {
  judge::WorkItem item;
  std::optional<Precision> precision;
  double weight;  // of the estimate
};

// Seconds are as good as proportional to this: work, memory, and what every problem costs.
double weight_of(const Problem& problem) {
  const Cost cost = problem.op->cost(problem);
  return cost.flops + 8 * cost.bytes + 1e6;
}

std::vector<judge::WorkItem> items_of(const CompareArguments& a, CompareMode mode) {
  if (mode != CompareMode::kGradient) return judge::work_items(a.items, a.batch);
  std::vector<judge::WorkItem> items;
  for (const std::string& word : a.items) {
    if (find_op(word) == nullptr) {
      for (judge::WorkItem& item : judge::work_items({word}, a.batch)) items.push_back(item);
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

std::vector<Step> steps_of(const CompareArguments& a, CompareMode mode) {
  const std::vector<Precision> precisions = parse_precisions(a.precision);
  std::vector<Step> steps;
  for (const judge::WorkItem& item : items_of(a, mode)) {
    const Problem problem = judge::parse_problem(item.line);
    if (mode == CompareMode::kGradient && judge::direction_of(problem.op->name) != "forward")
      continue;
    if (precisions.empty()) steps.push_back({item, std::nullopt, weight_of(problem)});
    for (const Precision& precision : precisions) {
      steps.push_back({item, precision, weight_of(problem)});
    }
  }
  return steps;
}

// "compare 12/69, 0:45 left: conv2d n32h56..." on standard error, redrawn on a terminal and now and
// then elsewhere.
class StepProgress {
 public:
  StepProgress(const std::vector<Step>& steps, bool quiet)
      : steps_(steps),
        style_(quiet ? ProgressStyle::kSilent : progress_style(stderr)),
        begin_(Clock::now()),
        printed_(begin_) {
    for (const Step& step : steps) all_ += step.weight;
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
      fmt::print(stderr, "{}", line);
      std::fflush(stderr);
      shown_ = true;
    } else {
      fmt::print(stderr, "{}\n", line);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  void clear() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
    shown_ = false;
  }

  const std::vector<Step>& steps_;
  ProgressStyle style_;
  Clock::time_point begin_, printed_;
  double done_ = 0, all_ = 0;
  bool shown_ = false;
};

int list_names() {
  fmt::print("ops:\n");
  for (const Op* op : all_ops()) fmt::print("  {}\n", op->name);
  fmt::print("batches, any number for 32:\n");
  for (const ModelEntry& model : all_models()) fmt::print("  {}.n32\n", model.name);
  return 0;
}

void write_file(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void check(const CompareArguments& a) {
  if (a.items.empty()) {
    invalid(
        "nothing to compare: name an op, a batch such as resnet50.n32, or a problem line; "
        "--list shows the names");
  }
  if (a.batch && *a.batch < 1) invalid("--batch must be at least 1");
  if (a.samples < 3) invalid("--samples must be at least 3");
  for (const std::optional<double>& most : {a.bandwidth, a.tflops}) {
    if (most && !(*most > 0)) invalid("--bandwidth and --tflops must be above 0");
  }
}

CompareReport new_report(const CompareArguments& a, const CompareSettings& settings) {
  const DeviceProperties found = properties(settings.device);
  return {.mode = a.mode,
          .device = to_string(settings.device),
          .device_name = found.name,
          .driver = found.driver,
          .timed = settings.timed,
          .ceilings = settings.ceilings.text,
          .bandwidth = settings.ceilings.bandwidth,
          .tflops = settings.ceilings.tflops};
}

void publish(const CompareArguments& a, const CompareReport& report) {
  if (!a.output.empty()) write_file(a.output, compare_json(report.rows, 1) + "\n");
  if (!a.html.empty()) write_file(a.html, compare_page(report));
  if (a.json) {
    fmt::print("{}\n", compare_json(report.rows, 1));
  } else {
    fmt::print("{}\n{}", compare_table(report), compare_summary(report));
  }
  std::fflush(stdout);
}

int run(const CompareArguments& a) {
  if (a.list) return list_names();
  check(a);
  CompareSettings settings{.mode = parse_compare_mode(a.mode),
                           .engines = EngineChoice(a.engines),
                           .samples = static_cast<int>(std::min<int64_t>(a.samples, 100000)),
                           .seed = a.seed};
  const std::vector<Step> steps = steps_of(a, settings.mode);
  settings.device = a.device.empty() ? default_device() : parse_device(a.device);
  for (const std::string* path : {&a.output, &a.html}) {
    if (!path->empty()) check_writable(*path);
  }
  settings.timed = runtime(settings.device.type).name() != "simt";
  const bool perf = settings.mode == CompareMode::kPerf && settings.timed;
  const std::string precisions = a.precision.empty() ? "f32,tf32,bf16,f16" : a.precision;
  if (perf) {
    settings.ceilings =
        find_ceilings(settings.device, true, parse_precisions(precisions), a.bandwidth, a.tflops);
  } else if (settings.mode == CompareMode::kPerf && !a.quiet) {
    fmt::print(stderr, "{} is not timed: emulation; engines run for correctness\n",
               to_string(settings.device));
  }
  InterruptGuard interrupt;
  settings.stop = &interrupt.requested();
  CompareReport report = new_report(a, settings);
  {
    StepProgress progress(steps, a.quiet);
    for (std::size_t i = 0; i < steps.size() && !interrupt.requested(); ++i) {
      progress.show(i);
      compare_problem(steps[i].item, steps[i].precision, settings, report.rows);
    }
  }
  if (interrupt.requested()) {
    fmt::print(stderr, "compare: interrupted; nothing was written\n");
    return interrupt.exit_code();
  }
  publish(a, report);
  if (const std::size_t wrong = failures_in(report.rows); wrong > 0) {
    fail(ErrorKind::kVerification,
         fmt::format("{} of {} results differ from their reference", wrong, report.rows.size()));
  }
  return 0;
}

void declare(CompareArguments& a, Flags& flags) {
  flags.add("item", a.items,
            "An op (its problem lists), a batch (resnet50.n32), or a problem line in quotes");
  flags.add("--mode", a.mode,
            "test: errors; perf: times; gradient: central differences; support: which engine takes "
            "which problem");
  flags.add("--device", a.device,
            "cpu, cuda or cuda:1; in voluta-simt also simt (default: the GPU, else the CPU)");
  flags.add("--engines", a.engines, "default, all, vendor, reference, or names with commas");
  flags.add("--precision", a.precision,
            "f32, tf32, bf16, f16, f64 with commas (default: the line's)");
  flags.add("--batch", a.batch, "n of every problem");
  flags.add("--samples", a.samples, "Times taken of each engine");
  flags.add("--seed", a.seed, "Of the inputs");
  flags.add("--bandwidth", a.bandwidth, "GB/s of the roofline (default: a copy, measured)");
  flags.add("--tflops", a.tflops, "TFLOP/s of the roofline (default: of a known chip)");
  flags.add_switch("--json", a.json, "The rows as one JSON list on standard output");
  flags.add("--output", a.output, "Also write the JSON list to this file");
  flags.add("--html", a.html, "Also write a page with roofline and ratio plots to this file");
  flags.add_switch("--list", a.list, "Show the names of ops and batches");
  flags.add_switch("-q,--quiet", a.quiet, "No progress and no notes on standard error");
}

}  // namespace

Command compare_command() {
  auto a = std::make_shared<CompareArguments>();
  return {.name = "compare",
          .description = "Hold every engine against the reference and against cuDNN",
          .examples =
              "  voluta compare conv2d\n"
              "  voluta compare --mode perf resnet50.n32 --precision bf16 --html resnet50.html\n"
              "  voluta compare --mode gradient pool2d\n"
              "  voluta compare --mode support 'conv2d n1h8w8c3k4r3s3p1 f16'",
          .declare = [a](Flags& flags) { declare(*a, flags); },
          .run = [a] { return run(*a); }};
}

}  // namespace voluta::cli
