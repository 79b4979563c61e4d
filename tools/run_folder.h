#pragma once

// The output folder of a training run: metrics.jsonl, TensorBoard's event files, report.html, checkpoints/,
// best.safetensors and, at the end, weights.safetensors. With --model-ema these two hold the averages,
// which are what was tested; best_raw.safetensors and weights_raw.safetensors then hold the weights
// themselves.

#include <voluta/train/metrics_log.h>
#include <voluta/train/trainer.h>
#include <voluta/train/weights.h>

#include "output_folder.h"
#include "run_events.h"
#include "run_report.h"

namespace voluta::cli {

// The newest whole checkpoint of the run in this folder; names damaged newer ones on standard error.
// Throws kFailed where there is none.
Checkpoint read_newest_checkpoint(const std::string& run);

// Throws kFailed where the folder holds a run, or parts of one, saying what can be done about it.
void check_holds_no_run(const OutputFolder& folder);

// Throws invalid() where this file, the start weights of a new run, is of the run that the folder holds: a new one
// removes it.
void check_keeps(const OutputFolder& folder, const std::string& weights);

struct RunOptions {
  int64_t keep_checkpoints = 2;
  RunSettings settings;  // what a resumed run is started with again
  RunOrigin origin;
  const std::optional<Checkpoint>& resumed_from;  // must outlive the folder
};

class RunFolder {
 public:
  // The folder must exist. What a run before a fresh one left there is removed, checkpoints first: what
  // is left of it if that is cut short can still go on.
  RunFolder(const OutputFolder& folder, Trainer& trainer, ModelDescription description,
            ReportFacts facts, RunOptions options);

  RunPosition start() const;  // where the run goes on

  void record(const StepReport& report);
  // And saves the model if it is the best yet. The page waits for the checkpoint that follows.
  void record(const EpochReport& report);
  void record(const TestBatch& batch) { current_test_.add(batch); }
  void checkpoint(RunPosition position);
  // Takes the session back to the run's newest checkpoint; nothing where there is none yet.
  std::optional<RunPosition> rewind();
  std::string save_weights();  // the path
  bool has_report() const;     // report.html
  // Writes report.html. One that cannot be written is no reason to end a run: it is said once.
  void report(const std::string& state);

 private:
  std::string save_as(const std::string& name);

  const OutputFolder& folder_;
  Trainer& trainer_;
  ModelDescription description_;
  RunOptions options_;
  MetricsLog log_;
  RunEvents events_;
  TestResults current_test_, results_;  // as far as it has come; of the last one that ended
  RunReport report_;
  std::string page_due_;  // its state in words, where an epoch has ended without a page of it
  bool missed_page_ = false;
  CheckpointFolder checkpoints_;
  bool has_checkpoint_;  // of this run
};

}  // namespace voluta::cli
