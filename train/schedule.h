#pragma once

// The learning rate over a run: torchvision's --lr-scheduler names with PyTorch's formulas.

#include <cstdint>
#include <string_view>
#include <vector>

namespace voluta {

enum class ScheduleKind {
  kConstant,
  kStep,      // lr * gamma^floor(epoch / step_size)                       torch StepLR
  kCosine,    // lr * (1 + cos(pi epoch / epochs)) / 2                     torch CosineAnnealingLR
  kOneCycle,  // up from lr/25 in 30 % of the steps, down to lr/250,000    torch OneCycleLR
};

// "constant", "steplr", "cosineannealinglr", "onecycle".
std::string_view name_of(ScheduleKind kind);
ScheduleKind parse_schedule(std::string_view name);  // throws invalid() and lists the names
std::vector<std::string_view> schedule_names();

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kConstant;
  double lr = 0.1;
  int64_t step_size = 30;  // epochs
  double gamma = 0.1;
  // Epochs at the beginning in which the rate rises linearly from a hundredth to lr; the schedule
  // proper takes the rest. Not with onecycle, which warms up by itself.
  int64_t warmup_epochs = 0;
};

class Schedule {
 public:
  // Throws invalid() for a rate or factor that is negative or not finite, and for lengths below 1.
  Schedule(const ScheduleOptions& options, int64_t epochs, int64_t steps_per_epoch);

  double at(int64_t step) const;  // 0, 1, ... over the whole run

 private:
  double one_cycle(int64_t step) const;

  ScheduleOptions options_;
  int64_t epochs_, steps_per_epoch_;
};

}  // namespace voluta
