#pragma once

// The learning rate over a run: torchvision's --lr-scheduler names with PyTorch's formulas.

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace voluta {

enum class ScheduleKind {
  kConstant,
  kStep,         // lr * gamma^floor(epoch / step_size)                    torch StepLR
  kMultiStep,    // lr * gamma^(milestones reached)                        torch MultiStepLR
  kExponential,  // lr * gamma^epoch                                       torch ExponentialLR
  kPolynomial,   // lr * (1 - epoch / epochs)^power                        torch PolynomialLR
  kCosine,       // min + (lr - min) (1 + cos(pi epoch / epochs)) / 2      torch CosineAnnealingLR
  kOneCycle,     // up from lr/25 in 30 % of the steps, down to lr/250,000 torch OneCycleLR
                 // (the rate alone, cycle_momentum=False: momentum is not cycled)
  kPlateau,      // lr * gamma each time the test loss rests for longer than the patience
                 //                                                        torch ReduceLROnPlateau
};

// "constant", "steplr", "multisteplr", "exponentiallr", "polynomiallr", "cosineannealinglr",
// "onecycle", "plateau".
std::string_view name_of(ScheduleKind kind);
ScheduleKind parse_schedule(std::string_view name);  // throws invalid() and lists the names
std::vector<std::string_view> schedule_names();

enum class WarmupMethod {
  kLinear,    // from warmup_decay * lr up to lr, an epoch a step     torch LinearLR
  kConstant,  // warmup_decay * lr                                    torch ConstantLR
};

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kConstant;
  double lr = 0.1;
  int64_t step_size = 30;                // epochs; of steplr
  std::vector<int64_t> milestones = {};  // epochs, rising; of multisteplr
  double gamma = 0.1;                    // of steplr, multisteplr, exponentiallr and plateau
  double power = 1;                      // of polynomiallr
  double min = 0;                        // of cosineannealinglr
  int64_t patience = 10;                 // epochs without a better loss; of plateau
  // Epochs of warm-up at the beginning; the schedule proper takes the rest and counts from its own
  // beginning. Not with onecycle, which warms up by itself.
  int64_t warmup_epochs = 0;
  WarmupMethod warmup_method = WarmupMethod::kLinear;
  double warmup_decay = 0.01;
};

// What a schedule learns as it goes: plateau's.
struct ScheduleState {
  double best_loss = std::numeric_limits<double>::infinity();
  int64_t epochs_without_progress = 0, reductions = 0;
};

class Schedule {
 public:
  // Throws invalid() for a rate or factor that is negative or not finite, and for lengths below 1.
  Schedule(const ScheduleOptions& options, int64_t epochs, int64_t steps_per_epoch);

  double at(int64_t step) const;  // 0, 1, ... over the whole run

  // Tells the mean test loss after epoch `epoch` (from 1): what plateau goes by. Better is below the best by a
  // ten-thousandth of it. Epochs of warm-up do not count, as in timm.
  void observe(int64_t epoch, double test_loss);
  const ScheduleState& state() const { return state_; }
  void restore(const ScheduleState& state) { state_ = state; }

 private:
  double after_warmup(int64_t epoch) const;
  double one_cycle(int64_t step) const;

  ScheduleOptions options_;
  int64_t epochs_, steps_per_epoch_;
  ScheduleState state_;
};

}  // namespace voluta
