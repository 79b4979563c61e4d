#pragma once

// Checkpoints: all that a run needs to go on as if it had never stopped. One safetensors file holds
// every state of the session (parameters, buffers, optimiser, metric sums), where the run stands, and what
// it was started with: settings, pictures, weights. Orders of pictures, dropout and augmentation are
// functions of (seed, position), so the position is all there is to random numbers.
//
//   <run>/checkpoints/step-00004690.safetensors     the newest, and a few before it

#include <voluta/core/graph/executor.h>
#include <voluta/train/metrics.h>
#include <voluta/train/schedule.h>
#include <voluta/train/training_data.h>

#include <optional>

namespace voluta {

// Where a run stands.
struct RunPosition {
  int64_t epoch = 1;       // the one at hand, from 1; beyond the last one the run is complete
  int64_t step = 0;        // done, of this epoch
  int64_t total_step = 0;  // done, over the run
  int64_t images_per_step =
      0;                   // 0: not known, of a run that has not begun or of an older checkpoint
  MetricSums epoch_start;  // sums of training when the epoch began
  MetricSums reported;     // and at the last report
  ScheduleState schedule;
  double best_top1 = -1;  // of the test pictures; -1: none yet
  int64_t best_epoch = 0;
  int64_t epoch_report = 0;  // total_step of the last report of an epoch, which follows its test
  int64_t log_bytes = 0;     // of metrics.jsonl
};

// Flags by their names without dashes, with their values.
using RunSettings = std::map<std::string, std::vector<std::string>>;

// What a run was started from: it goes on with the same, and without the file of its start weights.
struct RunOrigin {
  TrainingData data;
  // The metadata of their file (weights.h); empty where it has none.
  std::map<std::string, std::string> start_weights;
};

struct Checkpoint {
  std::string path;
  RunPosition position;
  RunSettings settings;             // those that the run was started with
  std::optional<RunOrigin> origin;  // empty: of an older version
  std::map<std::string, Tensor> states;
};

// Throws kFailed, naming the path, for a file that is not a whole checkpoint of this version.
Checkpoint read_checkpoint(const std::string& path);

// Throws invalid(), naming the flag, for a value that a checkpoint cannot give back as it is: its text is UTF-8, a path
// is any bytes.
void check_settings(const RunSettings& settings);

// Gives the session its states back. Throws kFailed unless both have the same ones, of the same
// types: a checkpoint of another model or optimiser.
void restore(const Checkpoint& checkpoint, Session& session);

// The checkpoints of one run.
class CheckpointFolder {
 public:
  CheckpointFolder(std::string folder, int64_t keep);  // `keep` >= 1 files stay

  // Writes one (AtomicFile: aside, durable, read back, renamed), then removes the oldest beyond
  // `keep`. Throws kFailed where it cannot be written, naming the last good one. The settings are such as
  // check_settings() takes.
  void save(Session& session, const RunPosition& position, const RunSettings& settings,
            const RunOrigin& origin);

  // The newest that is whole, if any. What is wrong with newer ones is appended to `damaged`.
  std::optional<Checkpoint> newest(std::vector<std::string>& damaged) const;

  bool empty() const { return paths().empty(); }
  // Removes all of them, and the folder where nothing else is in it. Throws kFailed where one stays.
  void clear();

  const std::string& folder() const { return folder_; }

 private:
  std::vector<std::string> paths() const;  // newest first

  std::string folder_;
  int64_t keep_;
};

}  // namespace voluta
