// Engines that are left out, runs that are traced, and a device that is lost.

#include "engine_filter.h"
#include "device_watch.h"

#include <voluta/core/device/fault_injector.h>
#include <voluta/core/error.h>
#include <voluta/kernels/linear/linear.h>

#include <gtest/gtest.h>

#include <cstdlib>

namespace voluta::judge {
namespace {

constexpr const char* kLine = "linear n3f6m5 bias f32";

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(EngineFilterTest, PatternsMatchWholeNames) {
  EXPECT_TRUE(matches("winograd", "winograd"));
  EXPECT_FALSE(matches("winograd", "winograd_f4"));
  EXPECT_TRUE(matches("winograd*", "winograd_f4"));
  EXPECT_TRUE(matches("*wgmma*", "implicit_gemm_tma_wgmma_half"));
  EXPECT_TRUE(matches("im*_half", "implicit_gemm_half"));
  EXPECT_FALSE(matches("im*_half", "implicit_gemm_half_2"));
  EXPECT_TRUE(matches("*", "direct"));
}

TEST(EngineFilterTest, OnlyTheseAndNoneOfThose) {
  const Engine onednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, nullptr, nullptr};
  const Engine openmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, nullptr, nullptr};
  const Engine reference{"reference", DeviceType::kCpu, EngineRole::kReference, nullptr, nullptr};
  const auto taken = [&](const EngineFilter& filter) {
    return std::string(filter.takes(onednn) ? "d" : "") + (filter.takes(openmp) ? "o" : "") +
           (filter.takes(reference) ? "r" : "");
  };
  EXPECT_EQ(taken({"", ""}), "dor");
  EXPECT_EQ(taken({"onednn", ""}), "dr");
  EXPECT_EQ(taken({"", "onednn"}), "or");
  EXPECT_EQ(taken({"o*", "*mp"}), "dr");
  EXPECT_EQ(taken({"", "*"}), "r");
}

TEST(EngineFilterTest, APatternWithoutAnEngineIsAnError) {
  for (const auto& [only, skip] : {std::pair{"onednn,no_such*", ""}, std::pair{"", "no_such*"}}) {
    try {
      EngineFilter filter(only, skip);
      FAIL() << only << skip;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("'no_such*'"), std::string::npos) << error.what();
    }
  }
}

#ifndef VOLUTA_SIMT
TEST(EngineFilterTest, TheJudgeLeavesThemOut) {
  const auto judged = [] {
    Ledger ledger;
    return judge(kLine, 1, ledger).judged;
  };
  const Variable devices("VOLUTA_DEVICES", "cpu");
  const int all = judged();
  EXPECT_GT(all, 1);
  const Variable skipped("VOLUTA_SKIP_ENGINES", "*");
  EXPECT_EQ(judged(), 1) << "the reference alone";
}
#endif

Support always(const Problem&) {
  return Support::yes();
}
Execution prepare_failure(const Problem&) {
  return {.workspace_bytes = 0,
          .run = [](const Args&, Stream&) { fail(ErrorKind::kFailed, "planted"); }};
}

// A fault that the engine brings about while it runs, as a kernel with a bad address does.
FaultInjector* injector = nullptr;
Execution prepare_loss(const Problem&) {
  return {.workspace_bytes = 0, .run = [](const Args&, Stream&) {
            injector->inject({.message = "an illegal memory access", .sticky = true});
            fail(ErrorKind::kFailed, "planted");
          }};
}

template <Execution (*prepare)(const Problem&)>
std::vector<std::string> verdict() {
  const Engine engine{"planted", DeviceType::kCpu, EngineRole::kProduct, always, prepare};
  return judge_engine(engine, parse_problem(kLine), 1);
}

TEST(TraceTest, NamesEngineAndProblemBeforeARun) {
  testing::internal::CaptureStderr();
  verdict<prepare_failure>();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const Variable traced("VOLUTA_TRACE", "1");
  testing::internal::CaptureStderr();
  verdict<prepare_failure>();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(said.starts_with("engine planted: linear n3f6m5 bias f32\n")) << said;
}

void lose_the_device() {
  FaultInjector faults(host_runtime());
  const ScopedRuntime scope(DeviceType::kCpu, faults);
  injector = &faults;
  before_leaving([] { std::fprintf(stderr, "last words\n"); });
  verdict<prepare_loss>();
}

TEST(LostDeviceDeathTest, EndsTheProgramAndSaysWhatLostIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(lose_the_device(), testing::ExitedWithCode(kLostDeviceExitCode),
              "engine planted, integers: threw: planted(.|\n)*cpu is lost(.|\n)*illegal memory "
              "access.*\nlast words");
}

void fail_a_case(bool sticky) {
  FaultInjector faults(host_runtime());
  const ScopedRuntime scope(DeviceType::kCpu, faults);
  const Variable devices("VOLUTA_DEVICES", "cpu");
  faults.inject({.call = sticky ? 1u : 1000u, .sticky = true});
  ADD_FAILURE() << "planted";
  DeviceWatch().OnTestEnd(*testing::UnitTest::GetInstance()->current_test_info());
  std::exit(0);
}

TEST(LostDeviceDeathTest, AnyCaseThatFailsIsALookAtTheDevice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(fail_a_case(true), testing::ExitedWithCode(kLostDeviceExitCode),
              "LostDeviceDeathTest.AnyCaseThatFails(.|\n)*cpu is lost");
  EXPECT_EXIT(fail_a_case(false), testing::ExitedWithCode(0), "");
}

TEST(LostDeviceDeathTest, AnEngineThatThrowsOnASoundDeviceIsOneFailure) {
  EXPECT_EQ(verdict<prepare_failure>().size(), 2u);  // integers and reals
}

}  // namespace
}  // namespace voluta::judge
