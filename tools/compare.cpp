// voluta compare: every engine against the reference and against cuDNN, in the open.

#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/kernels/registry.h>
#include <voluta/models/registry.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command_line.h"
#include "compare_run.h"
#include "interrupt.h"
#include "note.h"
#include "output_folder.h"

namespace voluta::cli {
namespace {

struct CompareArguments {
  std::vector<std::string> items;
  std::string mode = "test", device, engines = "all", precision, ops, html, output;
  std::optional<int64_t> batch;
  int64_t samples = 21;
  uint64_t seed = 1;
  std::optional<double> bandwidth, tflops;
  bool json = false, no_check = false, list = false, quiet = false;
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

// What is written under its own name is whole: rows of a run that ended early stay where they were
// collected.
void publish(const CompareArguments& a, const CompareReport& report, RowJournal& journal) {
  if (!report.incomplete.empty()) {
    journal.append_incomplete(report.incomplete);
  } else if (!a.output.empty()) {
    write_file(a.output, compare_json(report, 1) + "\n");
    journal.remove();
  }
  if (!a.html.empty()) write_file(a.html, compare_page(report));
  if (a.json) {
    fmt::print("{}\n", compare_json(report, 1));
  } else {
    fmt::print("{}\n{}", compare_table(report), compare_summary(report));
  }
  std::fflush(stdout);
}

CompareSettings settings_of(const CompareArguments& a) {
  CompareSettings settings{.mode = parse_compare_mode(a.mode),
                           .check = !a.no_check,
                           .quiet = a.quiet,
                           .engines = EngineChoice(a.engines),
                           .samples = static_cast<int>(std::min<int64_t>(a.samples, 100000)),
                           .seed = a.seed};
  return settings;
}

// The device, and what it can do at most.
void find_device(const CompareArguments& a, CompareSettings& settings) {
  settings.device = a.device.empty() ? default_device() : parse_device(a.device);
  if (!a.output.empty()) check_writable(a.output);
  if (!a.html.empty()) {
    const std::string rows = RowJournal::path_for(a.output);
    check_writable(a.html, {{"--output", a.output}, {"the rows of --output", rows}});
  }
  settings.timed = runtime(settings.device.type).name() != "simt";
  if (settings.mode != CompareMode::kPerf) return;
  const std::string precisions = a.precision.empty() ? "f32,tf32,bf16,f16" : a.precision;
  if (settings.timed) {
    settings.ceilings =
        find_ceilings(settings.device, true, parse_precisions(precisions), a.bandwidth, a.tflops);
  } else if (a.no_check) {
    invalid(fmt::format("{} is not timed: with --no-check nothing is left to do",
                        to_string(settings.device)));
  } else if (!a.quiet) {
    note(fmt::format("{} is not timed: emulation; engines run for correctness\n",
                     to_string(settings.device)));
  }
}

// A support table answers with refusals too; any other has a row at least that was compared or timed.
void check_not_in_vain(const std::vector<CompareRow>& rows, CompareMode mode) {
  const auto done = [](const CompareRow& row) { return row.correct || row.ms; };
  if (mode == CompareMode::kSupport || std::ranges::any_of(rows, done)) return;
  const std::string first = rows.empty() ? "" : "; the first: " + rows.front().reason;
  fail(ErrorKind::kFailed,
       fmt::format("nothing was compared: 0 of {} results{}; try other --engines, --precision or "
                   "--device, or --mode support to see who takes what",
                   rows.size(), first));
}

// Throws for results that are wrong, for what failed, and where nothing was compared, in this order.
void judge_rows(const std::vector<CompareRow>& rows, CompareMode mode) {
  if (const std::size_t wrong = failures_in(rows); wrong > 0) {
    fail(ErrorKind::kVerification,
         fmt::format("{} of {} results differ from their reference", wrong, rows.size()));
  }
  const auto failed = [](const CompareRow& row) {
    return row.failed && row.role != EngineRole::kVendor;
  };
  if (const auto first = std::ranges::find_if(rows, failed); first != rows.end()) {
    const std::string engine = first->engine.empty() ? "" : " " + first->engine;
    fail(ErrorKind::kFailed, fmt::format("{} of {} results failed; the first: {}{}: {}",
                                         std::ranges::count_if(rows, failed), rows.size(),
                                         first->problem, engine, first->reason));
  }
  check_not_in_vain(rows, mode);
}

int run(const CompareArguments& a) {
  if (a.list) return list_names();
  check(a);
  CompareSettings settings = settings_of(a);
  const std::vector<CompareStep> steps =
      compare_steps({.items = a.items,
                     .ops = split_at_commas(a.ops),
                     .batch = a.batch,
                     .precisions = parse_precisions(a.precision)},
                    settings.mode);
  find_device(a, settings);
  InterruptGuard interrupt;
  settings.stop = &interrupt.requested();
  CompareReport report = new_report(a, settings);
  RowJournal journal(a.output);
  const CompareEnd end = run_steps(steps, settings, journal, report.rows);
  report.incomplete = end.incomplete;
  publish(a, report, journal);
  const std::string kept =
      journal.path().empty() ? "" : fmt::format("; what was finished is in {}", journal.path());
  if (end.device_lost) fail(ErrorKind::kFailed, end.incomplete + kept);
  if (!end.incomplete.empty()) {
    note(fmt::format("compare: {}{}\n", end.incomplete, kept));
    return interrupt.exit_code();
  }
  judge_rows(report.rows, settings.mode);
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
  flags.add("--ops", a.ops, "Of the items only these ops, with commas: conv2d,pool2d");
  flags.add("--batch", a.batch, "n of every problem");
  flags.add("--samples", a.samples, "Times taken of each engine");
  flags.add_switch(
      "--no-check", a.no_check,
      "With --mode perf: only times, no comparison with the reference, on inputs that are "
      "copied and not drawn");
  flags.add("--seed", a.seed, "Of the inputs");
  flags.add("--bandwidth", a.bandwidth, "GB/s of the roofline (default: a copy, measured)");
  flags.add("--tflops", a.tflops, "TFLOP/s of the roofline (default: of a known chip)");
  flags.add_switch("--json", a.json, "The rows as one JSON list on standard output");
  flags.add("--output", a.output,
            "Also write the JSON list to this file, once it is whole; until then, and after an "
            "interruption, FILE.partial has a line a row");
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
          .run = [a] { return run(*a); },
          .needs = {{"--no-check", "--mode", {"perf"}},
                    {"--samples", "--mode", {"perf"}},
                    {"--bandwidth", "--mode", {"perf"}},
                    {"--tflops", "--mode", {"perf"}},
                    {"--seed", "--mode", {"test", "perf", "gradient"}}}};
}

}  // namespace voluta::cli
