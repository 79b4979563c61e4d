// Learning rates against those of torch.optim.lr_scheduler (PyTorch 2.x, printed by each class for
// the same arguments).

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/train/schedule.h>

#include <cmath>
#include <limits>
#include <vector>

namespace voluta {
namespace {

constexpr double kNear = 1e-12;

void expect_rates(const Schedule& schedule, const std::vector<double>& rates) {
  for (std::size_t i = 0; i < rates.size(); ++i) {
    EXPECT_NEAR(schedule.at(static_cast<int64_t>(i)), rates[i], kNear) << "step " << i;
  }
}

TEST(ScheduleTest, Constant) {
  expect_rates(Schedule({.kind = ScheduleKind::kConstant, .lr = 0.1}, 2, 3),
               {0.1, 0.1, 0.1, 0.1, 0.1, 0.1});
}

TEST(ScheduleTest, StepFallsAtEpochs) {
  expect_rates(
      Schedule({.kind = ScheduleKind::kStep, .lr = 0.5, .step_size = 2, .gamma = 0.1}, 5, 2),
      {0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.05, 0.005, 0.005});
}

TEST(ScheduleTest, CosineFallsToZero) {
  const double r = std::sqrt(0.5);
  expect_rates(Schedule({.kind = ScheduleKind::kCosine, .lr = 0.2}, 4, 1),
               {0.2, 0.1 * (1 + r), 0.1, 0.1 * (1 - r)});
}

TEST(ScheduleTest, WarmUpRisesFromAHundredth) {
  expect_rates(Schedule({.kind = ScheduleKind::kConstant, .lr = 1.0, .warmup_epochs = 3}, 5, 1),
               {0.01, 0.34, 0.67, 1.0, 1.0});
  // The schedule proper starts after the warm-up.
  expect_rates(Schedule({.kind = ScheduleKind::kCosine, .lr = 1.0, .warmup_epochs = 1}, 3, 1),
               {0.01, 1.0, 0.5});
}

// OneCycleLR(SGD, max_lr=0.1, total_steps=10, cycle_momentum=False).
TEST(ScheduleTest, OneCycle) {
  expect_rates(
      Schedule({.kind = ScheduleKind::kOneCycle, .lr = 0.1}, 5, 2),
      {0.0040000000000000036, 0.052000000000000005, 0.1, 0.09504846320134738, 0.0811745653949763,
       0.06112620219362893, 0.03887419780637107, 0.0188258346050237, 0.004951936798652629, 4e-07});
}

TEST(ScheduleTest, MultiStepFallsAtItsMilestones) {
  expect_rates(
      Schedule({.kind = ScheduleKind::kMultiStep, .lr = 1.0, .milestones = {2, 3, 6}, .gamma = 0.5},
               8, 1),
      {1.0, 1.0, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125});
}

TEST(ScheduleTest, ExponentialAndPolynomial) {
  expect_rates(Schedule({.kind = ScheduleKind::kExponential, .lr = 1.0, .gamma = 0.9}, 4, 1),
               {1.0, 0.9, 0.81, 0.729});
  expect_rates(Schedule({.kind = ScheduleKind::kPolynomial, .lr = 1.0, .power = 2}, 5, 1),
               {1.0, 0.64, 0.36, 0.16, 0.04});
}

TEST(ScheduleTest, CosineEndsAtItsMinimum) {
  expect_rates(Schedule({.kind = ScheduleKind::kCosine, .lr = 1.0, .min = 0.1}, 4, 1),
               {1.0, 0.868198051533946, 0.55, 0.231801948466054});
}

// SequentialLR(ConstantLR(factor=0.25, total_iters=3), MultiStepLR([1], gamma=0.5)).
TEST(ScheduleTest, MilestonesCountFromTheEndOfAConstantWarmUp) {
  expect_rates(Schedule({.kind = ScheduleKind::kMultiStep,
                         .lr = 1.0,
                         .milestones = {1},
                         .gamma = 0.5,
                         .warmup_epochs = 3,
                         .warmup_method = WarmupMethod::kConstant,
                         .warmup_decay = 0.25},
                        6, 1),
               {0.25, 0.25, 0.25, 1.0, 0.5, 0.5});
}

// ReduceLROnPlateau(mode="min", factor=0.5, patience=1) on these losses.
TEST(ScheduleTest, PlateauFallsWhereTheLossRests) {
  Schedule schedule({.kind = ScheduleKind::kPlateau, .lr = 1.0, .gamma = 0.5, .patience = 1}, 9, 1);
  std::vector<double> rates;
  for (const double loss : {3.0, 2.0, 1.9999, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0}) {
    rates.push_back(schedule.at(0));
    schedule.observe(static_cast<int64_t>(rates.size()), loss);
  }
  EXPECT_EQ(rates, (std::vector{1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25}));
}

// timm's PlateauLRScheduler passes no metric on in the epochs of warm-up: neither the best loss, which is of the
// first epoch here, nor the patience knows of them.
TEST(ScheduleTest, PlateauDoesNotCountTheWarmUp) {
  Schedule schedule(
      {.kind = ScheduleKind::kPlateau, .lr = 1.0, .gamma = 0.5, .patience = 1, .warmup_epochs = 2},
      6, 1);
  std::vector<double> rates;
  for (const double loss : {1.0, 2.0, 2.0, 2.0, 1.9, 1.9}) {
    schedule.observe(static_cast<int64_t>(rates.size()) + 1, loss);
    rates.push_back(schedule.at(5));
  }
  EXPECT_EQ(rates, std::vector(6, 1.0));
  schedule.observe(7, 1.9);
  EXPECT_EQ(schedule.at(5), 0.5);
}

TEST(ScheduleTest, OneCycleOfOneStep) {
  const double rate = Schedule({.kind = ScheduleKind::kOneCycle, .lr = 0.1}, 1, 1).at(0);
  EXPECT_TRUE(std::isfinite(rate));
}

TEST(ScheduleTest, NamesAreTorchvisions) {
  for (const std::string_view name : schedule_names())
    EXPECT_EQ(name_of(parse_schedule(name)), name);
  EXPECT_EQ(parse_schedule("cosineannealinglr"), ScheduleKind::kCosine);
  EXPECT_THROW(parse_schedule("cosine"), Error);
}

TEST(ScheduleTest, RefusesNonsense) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double lr : {-1.0, nan, infinity}) {
    EXPECT_THROW(Schedule({.lr = lr}, 1, 1), Error) << lr;
    EXPECT_THROW(Schedule({.lr = 0.1, .gamma = lr}, 1, 1), Error) << lr;
  }
  EXPECT_THROW(Schedule({.lr = 0.1}, 0, 1), Error);
  EXPECT_THROW(Schedule({.lr = 0.1}, 1, 0), Error);
  EXPECT_THROW(Schedule({.lr = 0.1, .step_size = 0}, 1, 1), Error);
  EXPECT_THROW(Schedule({.lr = 0.1, .warmup_epochs = -1}, 1, 1), Error);
  EXPECT_THROW(Schedule({.kind = ScheduleKind::kMultiStep}, 1, 1), Error);
  EXPECT_THROW(Schedule({.milestones = {3, 3}}, 1, 1), Error);
  EXPECT_THROW(Schedule({.milestones = {0, 3}}, 1, 1), Error);
  EXPECT_THROW(Schedule({.kind = ScheduleKind::kOneCycle, .lr = 0.1, .warmup_epochs = 1}, 2, 1),
               Error);
}

}  // namespace
}  // namespace voluta
