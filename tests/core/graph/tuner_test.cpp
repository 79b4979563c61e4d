// Which engine a plan takes: by preference, by measurement, and by the scratch memory it may have.

#include <gtest/gtest.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/graph/plan.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "io/temporary_folder.h"
#include "toy_ops.h"

namespace voluta {
namespace {

using nlohmann::json;

int runs = 0;  // of any engine below

template <std::size_t kWorkspace, int kMilliseconds>
Execution prepare(const Problem&) {
  return {.workspace_bytes = kWorkspace, .run = [](const Args&, Stream&) {
            ++runs;
            std::this_thread::sleep_for(std::chrono::milliseconds(kMilliseconds));
          }};
}

// Engines that differ in scratch memory and time alone.
struct Choosy : toy::Elementwise, NotDifferentiable {
  static constexpr std::string_view kName = "toy_choosy";
  static std::span<const Engine> engines() {
    static const Engine kEngines[] = {
        {"large", DeviceType::kCpu, EngineRole::kProduct, toy::always, prepare<4096, 3>},
        {"small", DeviceType::kCpu, EngineRole::kProduct, toy::always, prepare<64, 6>},
        {"slow", DeviceType::kCpu, EngineRole::kProduct, toy::always, prepare<0, 9>}};
    return kEngines;
  }
};

const Problem kProblem = make_problem<Choosy>({}, {{DType::f32, {5}}});

Choice choose(const EnginePolicy& policy) {
  return Tuner(policy, Device{}).choose(kProblem);
}

TEST(EngineChoice, TakesTheFirstThatKeepsToTheLimit) {
  EXPECT_EQ(choose({}).engine->name, "large");
  EXPECT_EQ(choose({}).passed_over, "");
  EXPECT_EQ(choose({.workspace_limit = 4096}).engine->name, "large");
  const Choice small = choose({.workspace_limit = 4095});
  EXPECT_EQ(small.engine->name, "small");
  EXPECT_EQ(small.execution.workspace_bytes, 64U);
  EXPECT_EQ(small.passed_over, "large needs 4096 bytes of workspace");
  const Choice slow = choose({.workspace_limit = 0});
  EXPECT_EQ(slow.engine->name, "slow");
  EXPECT_EQ(slow.passed_over,
            "large needs 4096 bytes of workspace; small needs 64 bytes of workspace");
}

// An engine that pays for wide rows alone, in front of one that always does.
struct Weighed : toy::Elementwise, NotDifferentiable {
  static constexpr std::string_view kName = "toy_weighed";
  static std::span<const Engine> engines() {
    static const Engine kEngines[] = {
        {.name = "for_wide",
         .device = DeviceType::kCpu,
         .role = EngineRole::kProduct,
         .supports = toy::always,
         .prepare = prepare<0, 0>,
         .pays = [](const Problem& p) { return p.inputs[0].shape[0] > 8; }},
        {"for_all", DeviceType::kCpu, EngineRole::kProduct, toy::always, prepare<0, 9>},
        {"judge", DeviceType::kCpu, EngineRole::kReference, toy::always, prepare<0, 0>}};
    return kEngines;
  }
};

std::vector<std::string_view> order_for_row(int64_t elements, const EnginePolicy& policy = {}) {
  const Problem problem = make_problem<Weighed>({}, {{DType::f32, {elements}}});
  std::vector<std::string_view> names;
  for (const Engine* engine : candidates(problem, Device{}, policy)) names.push_back(engine->name);
  return names;
}

// Never behind the reference, which only judges, and never against a name or a measurement.
TEST(EngineChoice, WhatDoesNotPayComesBehindTheOthers) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(order_for_row(9), (Names{"for_wide", "for_all", "judge"}));
  EXPECT_EQ(order_for_row(8), (Names{"for_all", "for_wide", "judge"}));
  EXPECT_EQ(order_for_row(8, {.only = "for_wide"})[0], "for_wide");
  const Problem narrow = make_problem<Weighed>({}, {{DType::f32, {8}}});
  EXPECT_EQ(Tuner({}, Device{}).choose(narrow).engine->name, "for_all");
  EXPECT_EQ(Tuner({.tune = true}, Device{}).choose(narrow).engine->name, "for_wide");
}

// A vendor's library prepares for the current device.
TEST(EngineChoice, AnEngineIsPreparedWithItsDeviceCurrent) {
  FaultInjector faults(runtime(DeviceType::kCpu));
  const ScopedRuntime replaced(DeviceType::kCpu, faults);
  Tuner tuner({}, Device{});
  faults.inject({.kind = CallKind::kInfo, .message = "gone"});
  expect_error(ErrorKind::kFailed, {"gone", "current device"}, [&] { tuner.choose(kProblem); });
}

TEST(EngineChoice, AStepTellsWhatWasPassedOver) {
  Graph graph;
  const Value x = graph.input("x", {DType::f32, {5}});
  const Value y = graph.add<Choosy>({}, {x}, "layer");
  const Plan plan(graph, {y}, {.engines = {.workspace_limit = 100}});
  ASSERT_EQ(plan.steps().size(), 1U);
  EXPECT_EQ(plan.steps()[0].engine->name, "small");
  EXPECT_EQ(plan.steps()[0].passed_over, "large needs 4096 bytes of workspace");
}

TEST(EngineChoice, WhereNoneKeepsToTheLimitThatIsAnError) {
  Graph graph;
  const Value x = graph.input("x", {DType::f32, {5}});
  const Value y = graph.add<toy::Negate>({}, {x}, "layer");
  expect_error(ErrorKind::kInvalidArgument,
               {"layer", "limit of 63 bytes", "reference needs 64 bytes"},
               [&] { Plan(graph, {y}, {.engines = {.workspace_limit = 63}}); });
}

std::vector<float> met;

// Two engines that note what they are given.
struct Noting : toy::Elementwise, NotDifferentiable {
  static constexpr std::string_view kName = "toy_noting";
  static Execution prepare(const Problem& problem) {
    const int64_t count = problem.inputs[0].shape.elements();
    return {.run = [count](const Args& args, Stream&) {
      met.assign(args.in<float>(0), args.in<float>(0) + count);
    }};
  }
  static std::span<const Engine> engines() {
    static const Engine kEngines[] = {
        {"first", DeviceType::kCpu, EngineRole::kProduct, toy::always, prepare},
        {"second", DeviceType::kCpu, EngineRole::kProduct, toy::always, prepare}};
    return kEngines;
  }
};

TEST(EngineChoice, MeasuresOnNumbersAndNotOnZeros) {
  const Problem problem = make_problem<Noting>({}, {{DType::f32, {20000}}});
  Tuner({.tune = true}, Device{}).choose(problem);
  ASSERT_EQ(met.size(), 20000U);
  EXPECT_LE(std::ranges::count(met, 0.0f), 3);
  EXPECT_LE(std::ranges::max(met), 1);
  EXPECT_GE(std::ranges::min(met), -1);
}

TEST(EngineChoice, MeasuresOnceAndKeepsWhatItMeasured) {
  const TemporaryFolder folder;
  EnginePolicy policy{.tune = true, .cache_path = folder / "tuning.json"};
  runs = 0;
  EXPECT_EQ(choose(policy).engine->name, "large");
  EXPECT_EQ(runs, 3 * 9);  // two to warm up and seven to measure, of each engine
  json cache = json::parse(read_bytes(policy.cache_path));
  ASSERT_EQ(cache.size(), 1U);  // devices
  json& known = cache.begin().value()[describe(kProblem)];
  EXPECT_EQ(known.size(), 3U);
  EXPECT_GE(known["slow"], 9);

  known["slow"] = 0.5;
  known["small"] = 1;
  write_bytes(policy.cache_path, cache.dump());
  EXPECT_EQ(choose(policy).engine->name, "slow");
  known["slow"] = 2;
  write_bytes(policy.cache_path, cache.dump());
  EXPECT_EQ(choose(policy).engine->name, "small");
  policy.workspace_limit = 10;
  EXPECT_EQ(choose(policy).engine->name, "slow");
  EXPECT_EQ(runs, 3 * 9) << "what is known was measured again";

  write_bytes(policy.cache_path, "torn");
  runs = 0;
  EXPECT_EQ(choose(policy).engine->name, "slow");
  EXPECT_EQ(runs, 0) << "the one engine that keeps to the limit was measured against none";
  policy.workspace_limit = 64;
  EXPECT_EQ(choose(policy).engine->name, "small");
  EXPECT_EQ(runs, 2 * 9);
}

// A file may grow no further than a few bytes, as on a full disk.
TEST(EngineChoice, AFullDiskLeavesTheCacheAsItWas) {
  const TemporaryFolder folder;
  const EnginePolicy policy{.tune = true, .cache_path = folder / "tuning.json"};
  write_bytes(policy.cache_path, R"({"another device": {}})");
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{10, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  choose(policy);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_bytes(policy.cache_path), R"({"another device": {}})");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace voluta
