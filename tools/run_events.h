#pragma once

// What a training run tells TensorBoard: curves with every report, and after each epoch how every
// parameter is spread, the first filters and the worst mistakes of the test.

#include <voluta/train/event_log.h>
#include <voluta/train/test_results.h>
#include <voluta/train/trainer.h>

#include <optional>

#include "output_folder.h"

namespace voluta::cli {

class RunEvents {
 public:
  // Nothing is written before the first report. `done` steps were reported by processes before.
  RunEvents(const OutputFolder& folder, Trainer& trainer, int64_t done)
      : folder_(folder), trainer_(trainer), done_(done) {}

  void record(const StepReport& report);
  void record(const EpochReport& report, const TestResults& results);

 private:
  EventLog& log();

  const OutputFolder& folder_;
  Trainer& trainer_;
  int64_t done_;
  std::optional<EventLog> log_;
};

}  // namespace voluta::cli
