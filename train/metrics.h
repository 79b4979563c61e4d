#pragma once

// What a run measures: sums that accumulate on the device, and the figures made of them.

#include <voluta/core/tensor.h>

#include <cstdint>
#include <optional>
#include <string>

namespace voluta {

// The state that classification_metrics adds to: {loss * images, top-1 right, top-5 right, images}.
struct MetricSums {
  double loss = 0, top1 = 0, top5 = 0, images = 0;

  static MetricSums from(const Tensor& state);  // f64 [4]
  MetricSums operator-(const MetricSums& before) const;

  // Means over the images; 0 of none.
  double mean_loss() const { return images > 0 ? loss / images : 0; }
  double top1_fraction() const { return images > 0 ? top1 / images : 0; }
  double top5_fraction() const { return images > 0 ? top5 / images : 0; }
};

// Progress of training since the last report of its kind.
struct StepReport {
  int64_t epoch = 0, epochs = 0;          // epoch counts from 1
  int64_t step = 0, steps_per_epoch = 0;  // step counts from 1, within the epoch
  int64_t total_step = 0;                 // from 1, over the run
  int64_t images_left = 0;                // over the run
  MetricSums sums;                        // since the report before
  double lr = 0;
  std::optional<double> loss_scale;  // where it is adapted: training in f16
  double images_per_second = 0;      // of this process
};

struct EpochReport {
  int64_t epoch = 0, epochs = 0, total_step = 0;
  MetricSums train, test;
  // Of the weights themselves, where `test` is of their averages.
  std::optional<MetricSums> raw_test;
  double lr = 0;  // of the last step
  // Of this process's training, without evaluation; empty where it took no step of the epoch.
  std::optional<double> train_seconds, images_per_second;
  bool best = false;  // no epoch before had more of the test pictures right
};

}  // namespace voluta
