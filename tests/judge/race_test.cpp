// The choice among a vendor's plans: planted ones that sleep.

#include <voluta/core/error.h>
#include <voluta/judge/race.h>
#include <voluta/judge/truth.h>

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace voluta::judge {
namespace {

constexpr const char* kLine = "linear n3f6m5 bias f32";

struct Plan {
  double ms;
  bool deterministic = true;
  int runs = 0;
};
std::vector<Plan> plans;

Support always(const Problem&) {
  return Support::yes();
}
Execution never(const Problem&) {
  fail(ErrorKind::kFailed, "prepare() is for those who do not compare");
}
std::vector<Execution> alternatives(const Problem&) {
  std::vector<Execution> found;
  for (Plan& plan : plans) {
    found.push_back({.workspace_bytes = 8,
                     .run =
                         [&plan](const Args&, Stream&) {
                           ++plan.runs;
                           std::this_thread::sleep_for(
                               std::chrono::duration<double, std::milli>(plan.ms));
                         },
                     .deterministic = plan.deterministic});
  }
  return found;
}

Lap lap_of(std::vector<Plan> planted) {
  plans = std::move(planted);
  const Engine engine{
      "planted", DeviceType::kCpu, EngineRole::kVendor, always, never, Arithmetic::kFloat,
      {},        alternatives};
  const Engine* const engines[] = {&engine};
  const Problem problem = parse_problem(kLine);
  return race(engines, problem, make_inputs(problem, InputKind::kReals, 1), {DeviceType::kCpu, 0},
              {.samples = 3})[0];
}

TEST(RaceTest, TheQuickestDeterministicPlanAndTheQuickestOfAllRunBeside) {
  const Lap lap = lap_of({{40}, {2, false}, {20}, {10, false}});
  ASSERT_EQ(lap.failure, "");
  EXPECT_EQ(lap.plans, 4U);
  ASSERT_EQ(lap.ms.size(), 3U);
  ASSERT_EQ(lap.loose_ms.size(), 3U);
  EXPECT_GE(lap.median(), 20);
  EXPECT_GE(lap.loose_median(), 2);
  EXPECT_LT(lap.loose_median(), lap.median());
  EXPECT_EQ(plans[2].runs, 4 + 3) << "chosen, and sampled";
  EXPECT_EQ(plans[1].runs, 4 + 3) << "chosen, and sampled";
  EXPECT_EQ(plans[0].runs, 4);
}

TEST(RaceTest, WhatIsNotDeterministicIsNamedOnlyWhereItIsQuicker) {
  EXPECT_TRUE(lap_of({{2}, {20, false}}).loose_ms.empty());
  EXPECT_TRUE(lap_of({{2}, {20}}).loose_ms.empty());
}

TEST(RaceTest, WithoutADeterministicPlanTheFailureSaysSo) {
  const Lap lap = lap_of({{5, false}, {2, false}});
  EXPECT_TRUE(lap.failure.starts_with("no deterministic plan; the quickest of all took "))
      << lap.failure;
  EXPECT_TRUE(lap.ms.empty());
}

// One run that loads code, one that is timed.
TEST(RaceTest, APlanFarBehindIsNotTimedFurther) {
  lap_of({{10}, {200}, {11}});
  EXPECT_EQ(plans[1].runs, 2);
  EXPECT_EQ(plans[2].runs, 4);
  EXPECT_EQ(plans[0].runs, 4 + 3) << "chosen, and sampled";
}

}  // namespace
}  // namespace voluta::judge
