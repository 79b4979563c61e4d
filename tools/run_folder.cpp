#include "run_folder.h"

#include <voluta/core/error.h>
#include <voluta/io/file.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "note.h"

namespace voluta::cli {
namespace {

constexpr const char* kCheckpoints = "checkpoints";
constexpr const char* kLog = "metrics.jsonl";
constexpr std::size_t kMistakes = 24;  // that a report shows

// What a run writes besides its checkpoints.
std::vector<std::string> files_of_run(const OutputFolder& folder) {
  std::vector<std::string> files = event_files(folder.file(""));
  for (const char* name : {"weights.safetensors", "weights_raw.safetensors", "best.safetensors",
                           "best_raw.safetensors", kLog, "report.html"}) {
    std::error_code error;
    const std::string path = folder.file(name);
    if (std::filesystem::exists(path, error)) files.push_back(path);
  }
  return files;
}

void remove_run(const OutputFolder& folder) {
  CheckpointFolder(folder.file(kCheckpoints), 1).clear();
  for (const std::string& path : files_of_run(folder)) {
    std::error_code error;
    std::filesystem::remove(path, error);
    if (error) fail_at(path, "cannot be removed: " + error.message());
  }
}

}  // namespace

void check_holds_no_run(const OutputFolder& folder) {
  const std::string path = folder.path();
  const bool resumable = !CheckpointFolder(folder.file(kCheckpoints), 1).empty();
  if (!resumable && files_of_run(folder).empty()) return;
  const std::string resume =
      resumable ? fmt::format("--resume {} goes on with it, ", path) : "it has no checkpoint; ";
  fail_at(path, fmt::format("holds a run: {}--overwrite removes it and starts anew, or take "
                            "another --output-dir",
                            resume));
}

void check_keeps(const OutputFolder& folder, const std::string& weights) {
  const std::vector<std::string> removed = files_of_run(folder);
  const std::string above = std::filesystem::path(weights).parent_path();
  const bool is_checkpoint = is_one_file(folder.file(kCheckpoints), above);
  const bool is_removed = std::ranges::any_of(
      removed, [&](const std::string& file) { return is_one_file(file, weights); });
  if (!is_checkpoint && !is_removed) return;
  invalid(fmt::format(
      "--overwrite would remove {}, which --weights names; take another --output-dir, or copy the "
      "weights out of {}",
      weights, folder.path()));
}

Checkpoint read_newest_checkpoint(const std::string& run) {
  const std::string folder = run + "/" + kCheckpoints;
  std::vector<std::string> damaged;
  std::optional<Checkpoint> found = CheckpointFolder(folder, 1).newest(damaged);
  if (!found && !damaged.empty()) fail(ErrorKind::kFailed, damaged.front());
  if (!found) fail_at(folder, "has no checkpoint; --resume takes the output folder of a run");
  for (const std::string& message : damaged) {
    note(fmt::format("{}; going on from {}\n", message, found->path));
  }
  return std::move(*found);
}

RunFolder::RunFolder(const OutputFolder& folder, Trainer& trainer, ModelDescription description,
                     ReportFacts facts, RunOptions options)
    : folder_(folder),
      trainer_(trainer),
      description_(std::move(description)),
      options_(std::move(options)),
      log_(folder.file(kLog), start().log_bytes),
      events_(folder, trainer, start().total_step),
      current_test_(description_.preprocessing.normalization, kMistakes),
      results_(current_test_),
      report_(folder, trainer, std::move(facts)),
      checkpoints_(folder.file(kCheckpoints), options_.keep_checkpoints),
      has_checkpoint_(options_.resumed_from.has_value()) {
  if (!options_.resumed_from) remove_run(folder);
}

RunPosition RunFolder::start() const {
  return options_.resumed_from ? options_.resumed_from->position : RunPosition{};
}

void RunFolder::record(const StepReport& report) {
  log_.write(report);
  events_.record(report);
}

void RunFolder::record(const EpochReport& report) {
  log_.write(report);
  results_ = current_test_;
  events_.record(report, results_);
  if (report.best) save_as("best");
  page_due_ = fmt::format("epoch {} of {}", report.epoch, report.epochs);
}

void RunFolder::report(const std::string& state) {
  page_due_.clear();
  try {
    report_.write(results_, state);
  } catch (const Error& error) {
    if (!missed_page_)
      note(fmt::format("no report was written: {}; the run does without\n", error.what()));
    missed_page_ = true;
  }
}

void RunFolder::checkpoint(RunPosition position) {
  position.log_bytes = log_.sync();
  checkpoints_.save(trainer_.session(), position, options_.settings, options_.origin);
  has_checkpoint_ = true;
  if (page_due_.empty()) return;
  report_.time_layers();
  report(page_due_);
}

std::optional<RunPosition> RunFolder::rewind() {
  std::vector<std::string> damaged;
  const auto found = has_checkpoint_ ? checkpoints_.newest(damaged) : std::nullopt;
  if (!found) return std::nullopt;
  restore(*found, trainer_.session());
  return found->position;
}

bool RunFolder::has_report() const {
  return std::filesystem::exists(folder_.file("report.html"));
}

std::string RunFolder::save_weights() {
  return save_as("weights");
}

std::string RunFolder::save_as(const std::string& name) {
  const std::string path = folder_.file(name + ".safetensors");
  const bool averaged = trainer_.averages_weights();
  voluta::save_weights(averaged ? folder_.file(name + "_raw.safetensors") : path,
                       trainer_.session(), trainer_.graph(), description_);
  if (averaged) save_averages(path, trainer_.session(), trainer_.graph(), description_);
  return path;
}

}  // namespace voluta::cli
