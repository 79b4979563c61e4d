#pragma once

// The flags of the optimiser and of the learning rate's schedule.

#include <voluta/train/trainer.h>

#include "command_line.h"

namespace voluta::cli {

struct UpdateFlags {
  std::string opt = "sgd", lr_scheduler = "onecycle", lr_warmup_method = "linear";
  std::vector<double> lr_milestones;
  std::optional<double> lr, momentum, weight_decay, alpha, epsilon;  // empty: the optimiser's own

  // Writes numbers into the options at once; the words above wait for finish().
  void declare(TrainOptions& options, Flags& flags);
  // Which of these flags go with which optimiser, schedule or average.
  static std::vector<FlagNeed> needs();
  // Throws invalid() for names that are unknown.
  void finish(TrainOptions& options) const;
  // What is different from optimiser to optimiser, given or not, as flags: a run goes on with what it had.
  Settings settings() const;
  // The same of a checkpoint that names no rate: one default of each stood for all optimisers.
  static void add_missing(Settings& settings);
};

}  // namespace voluta::cli
