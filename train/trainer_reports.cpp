// When the trainer reports, and what.

#include <voluta/train/trainer.h>

#include <algorithm>

namespace voluta {

bool Trainer::report_due(double seconds) const {
  constexpr double kReportSeconds = 0.5;
  return options_.print_freq > 0 ? position_.step % options_.print_freq == 0
                                 : seconds >= kReportSeconds;
}

StepReport Trainer::step_report(const MetricSums& sums, double lr, double images_per_second) {
  StepReport report{.epoch = position_.epoch,
                    .epochs = options_.epochs,
                    .step = position_.step,
                    .steps_per_epoch = steps_per_epoch_,
                    .total_step = position_.total_step,
                    .images_left = images_left(),
                    .sums = sums - position_.reported,
                    .lr = lr,
                    .images_per_second = images_per_second};
  if (runners_.front().step.loss_scale) {
    report.loss_scale = session_.read_state(kLossScale).item<float>();
  }
  return report;
}

int64_t Trainer::images_left() const {
  const int64_t run = options_.epochs * train_.count();
  const int64_t limit =
      options_.max_steps > 0 ? std::min(run, options_.max_steps * images_of_step()) : run;
  const int64_t done = (position_.epoch - 1) * train_.count() +
                       std::min(position_.step * images_of_step(), train_.count());
  return std::max<int64_t>(limit - done, 0);
}

}  // namespace voluta
