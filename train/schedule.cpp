#include <voluta/core/error.h>
#include <voluta/train/schedule.h>

#include <cmath>
#include <numbers>
#include <string>

namespace voluta {
namespace {

constexpr std::string_view kNames[] = {"constant", "steplr", "cosineannealinglr", "onecycle"};

// From `from` at 0 to `to` at 1 along half a cosine.
double cosine(double from, double to, double fraction) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * fraction));
}

void check(bool ok, const char* what, double value) {
  if (!ok) invalid(std::string(what) + " is " + std::to_string(value));
}

}  // namespace

std::string_view name_of(ScheduleKind kind) {
  return kNames[static_cast<int>(kind)];
}

std::vector<std::string_view> schedule_names() {
  return {std::begin(kNames), std::end(kNames)};
}

ScheduleKind parse_schedule(std::string_view name) {
  std::string known;
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i) {
    if (kNames[i] == name) return static_cast<ScheduleKind>(i);
    known += (known.empty() ? "" : ", ") + std::string(kNames[i]);
  }
  invalid("--lr-scheduler '" + std::string(name) + "' is unknown; known are " + known);
}

Schedule::Schedule(const ScheduleOptions& options, int64_t epochs, int64_t steps_per_epoch)
    : options_(options), epochs_(epochs), steps_per_epoch_(steps_per_epoch) {
  check(options.lr >= 0 && std::isfinite(options.lr), "--lr must be finite and not negative; it",
        options.lr);
  check(options.gamma >= 0 && std::isfinite(options.gamma),
        "--lr-gamma must be finite and not negative; it", options.gamma);
  if (epochs < 1 || steps_per_epoch < 1) invalid("a run needs at least one epoch of one step");
  if (options.step_size < 1) invalid("--lr-step-size must be at least 1 epoch");
  if (options.warmup_epochs < 0) invalid("--lr-warmup-epochs must not be negative");
  if (options.warmup_epochs > 0 && options.kind == ScheduleKind::kOneCycle) {
    invalid("--lr-warmup-epochs does not go with onecycle, which warms up by itself");
  }
}

double Schedule::at(int64_t step) const {
  if (options_.kind == ScheduleKind::kOneCycle) return one_cycle(step);
  const int64_t epoch = step / steps_per_epoch_;
  const int64_t warmup = options_.warmup_epochs;
  if (epoch < warmup) {  // torch LinearLR with torchvision's --lr-warmup-decay 0.01
    constexpr double kStart = 0.01;
    const double done = static_cast<double>(epoch) / static_cast<double>(warmup);
    return options_.lr * (kStart + (1.0 - kStart) * done);
  }
  const int64_t since = epoch - warmup;
  switch (options_.kind) {
    case ScheduleKind::kStep:
      return options_.lr *
             std::pow(options_.gamma, static_cast<double>(since / options_.step_size));
    case ScheduleKind::kCosine:
      return cosine(options_.lr, 0.0,
                    static_cast<double>(since) / static_cast<double>(epochs_ - warmup));
    default:
      return options_.lr;
  }
}

// Smith and Topin 2017, "Super-convergence", with the two cosine phases of torch's OneCycleLR.
double Schedule::one_cycle(int64_t step) const {
  constexpr double kRising = 0.3, kInitialDivisor = 25.0, kFinalDivisor = 1e4;
  const double initial = options_.lr / kInitialDivisor, last = initial / kFinalDivisor;
  const auto total = static_cast<double>(epochs_ * steps_per_epoch_);
  const double top = kRising * total - 1.0, end = total - 1.0;  // steps where the phases end
  const auto now = static_cast<double>(step);
  if (top > 0 && now <= top) return cosine(initial, options_.lr, now / top);
  return end > top ? cosine(options_.lr, last, std::fmin(1.0, (now - top) / (end - top))) : last;
}

}  // namespace voluta
