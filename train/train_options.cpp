#include <voluta/core/error.h>
#include <voluta/train/trainer.h>

namespace voluta {

void check_options(const TrainOptions& o) {
  if (o.batch_size < 1) invalid("TrainOptions::batch_size must be at least 1");
  if (o.grad_accum_steps < 1) invalid("TrainOptions::grad_accum_steps must be at least 1");
  if (o.epochs < 1) invalid("TrainOptions::epochs must be at least 1");
  if (o.max_steps < 0) invalid("TrainOptions::max_steps must not be negative");
  if (o.print_freq < 0) invalid("TrainOptions::print_freq must not be negative");
  if (o.checkpoint_steps < 0) invalid("TrainOptions::checkpoint_steps must not be negative");
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1)) {
    invalid("TrainOptions::label_smoothing must be in [0, 1]");
  }
  check_optimizer(o.optimizer);
  check_batch_augmentation(o.augmentation);
  check_weight_average(o.average);
  Schedule(o.schedule, o.epochs, 1);
  if (o.schedule.kind == ScheduleKind::kPlateau && !o.evaluate) {
    invalid("plateau goes by the test loss: TrainOptions::evaluate must be true");
  }
}

}  // namespace voluta
