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

TEST(ScheduleTest, OneCycleOfOneStep) {
  const double rate = Schedule({.kind = ScheduleKind::kOneCycle, .lr = 0.1}, 1, 1).at(0);
  EXPECT_TRUE(std::isfinite(rate));
}

TEST(ScheduleTest, NamesAreTorchvisions) {
  for (const std::string_view name : schedule_names())
    EXPECT_EQ(name_of(parse_schedule(name)), name);
  EXPECT_EQ(parse_schedule("cosineannealinglr"), ScheduleKind::kCosine);
  EXPECT_THROW(parse_schedule("plateau"), Error);
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
  EXPECT_THROW(Schedule({.kind = ScheduleKind::kOneCycle, .lr = 0.1, .warmup_epochs = 1}, 2, 1),
               Error);
}

}  // namespace
}  // namespace voluta
