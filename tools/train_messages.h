#pragma once

// What `voluta train` says of a run beside its progress.

#include <voluta/train/trainer.h>

#include <string>
#include <string_view>

namespace voluta::cli {

// Of averages that will hardly have left where they began: they say little of the model.
void note_averages(const TrainOptions& options, const Trainer& trainer);

// Of a test whose loss is infinite or no number, though all weights are finite.
void note_loss(const MetricSums& test, int64_t step);

// The result on standard output, as a line or as a JSON document.
void print_result(bool as_json, std::string_view model, const TrainResult& result, const Plan& plan,
                  const std::string& output_dir);

}  // namespace voluta::cli
