#include <voluta/core/error.h>
#include <voluta/train/option_checks.h>
#include <voluta/train/schedule.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>

namespace voluta {
namespace {

constexpr std::string_view kNames[] = {"constant",      "steplr",       "multisteplr",
                                       "exponentiallr", "polynomiallr", "cosineannealinglr",
                                       "onecycle",      "plateau"};

// From `from` at 0 to `to` at 1 along half a cosine.
double cosine(double from, double to, double fraction) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * fraction));
}

void check_milestones(const ScheduleOptions& options) {
  const std::vector<int64_t>& at = options.milestones;
  if (options.kind == ScheduleKind::kMultiStep && at.empty()) {
    invalid(
        "multisteplr needs ScheduleOptions::milestones, the epochs at which the rate falls: "
        "30,60,80");
  }
  if (!std::ranges::is_sorted(at, std::less_equal<>{}) || (!at.empty() && at.front() < 1)) {
    invalid("ScheduleOptions::milestones must be rising epochs from 1");
  }
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
  invalid("schedule '" + std::string(name) + "' is unknown; known are " + known);
}

Schedule::Schedule(const ScheduleOptions& options, int64_t epochs, int64_t steps_per_epoch)
    : options_(options), epochs_(epochs), steps_per_epoch_(steps_per_epoch) {
  check_at_least_0("ScheduleOptions::lr", options.lr);
  check_at_least_0("ScheduleOptions::gamma", options.gamma);
  check_at_least_0("ScheduleOptions::power", options.power);
  check_at_least_0("ScheduleOptions::min", options.min);
  check_at_least_0("ScheduleOptions::warmup_decay", options.warmup_decay);
  check_milestones(options);
  if (epochs < 1 || steps_per_epoch < 1) invalid("a run needs at least one epoch of one step");
  if (options.step_size < 1) invalid("ScheduleOptions::step_size must be at least 1 epoch");
  if (options.patience < 0) invalid("ScheduleOptions::patience must not be negative");
  if (options.warmup_epochs < 0) invalid("ScheduleOptions::warmup_epochs must not be negative");
  if (options.warmup_epochs > 0 && options.kind == ScheduleKind::kOneCycle) {
    invalid("ScheduleOptions::warmup_epochs does not go with onecycle, which warms up by itself");
  }
}

double Schedule::at(int64_t step) const {
  if (options_.kind == ScheduleKind::kOneCycle) return one_cycle(step);
  const int64_t epoch = step / steps_per_epoch_, warmup = options_.warmup_epochs;
  if (epoch >= warmup) return after_warmup(epoch - warmup);
  const bool linear = options_.warmup_method == WarmupMethod::kLinear;
  const double done = linear ? static_cast<double>(epoch) / static_cast<double>(warmup) : 0;
  return options_.lr * (options_.warmup_decay + (1.0 - options_.warmup_decay) * done);
}

double Schedule::after_warmup(int64_t epoch) const {
  const double lr = options_.lr, gamma = options_.gamma;
  const double part =
      static_cast<double>(epoch) / static_cast<double>(epochs_ - options_.warmup_epochs);
  switch (options_.kind) {
    case ScheduleKind::kStep:
      return lr * std::pow(gamma, static_cast<double>(epoch / options_.step_size));
    case ScheduleKind::kMultiStep: {
      const auto reached = std::ranges::upper_bound(options_.milestones, epoch);
      return lr * std::pow(gamma, static_cast<double>(reached - options_.milestones.begin()));
    }
    case ScheduleKind::kExponential:
      return lr * std::pow(gamma, static_cast<double>(epoch));
    case ScheduleKind::kPolynomial:
      return lr * std::pow(1.0 - part, options_.power);
    case ScheduleKind::kCosine:
      return cosine(lr, options_.min, part);
    case ScheduleKind::kPlateau:
      return lr * std::pow(gamma, static_cast<double>(state_.reductions));
    default:
      return lr;
  }
}

void Schedule::observe(int64_t epoch, double test_loss) {
  constexpr double kThreshold = 1e-4;
  if (epoch <= options_.warmup_epochs) return;
  if (test_loss < state_.best_loss * (1.0 - kThreshold)) {
    state_.best_loss = test_loss;
    state_.epochs_without_progress = 0;
  } else if (++state_.epochs_without_progress > options_.patience) {
    ++state_.reductions;
    state_.epochs_without_progress = 0;
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
