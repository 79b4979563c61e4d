// Who judges the judge: engines with planted faults, each of which must be found, and a sound one,
// which must pass.

#include "judge.h"
#include <voluta/core/error.h>
#include <voluta/judge/compare.h>
#include <voluta/judge/gradient_check.h>
#include <voluta/judge/reference.h>
#include <voluta/kernels/linear/linear.h>
#include <voluta/kernels/registry.h>

#include <gtest/gtest.h>

#include <cmath>

namespace voluta::judge {
namespace {

constexpr const char* kLine = "linear n3f6m5 bias f32";

struct Linear3 {  // the problem above, as an engine sees it
  int64_t n, f, m;
  const float *x, *w, *b;
  float *y, *workspace;
};

Support always(const Problem&) {
  return Support::yes();
}

template <void (*body)(const Linear3&)>
Execution prepare(const Problem& problem) {
  const Shape &x = problem.inputs[0].shape, &w = problem.inputs[1].shape;
  return {.workspace_bytes = 64, .run = [x, w](const Args& args, Stream&) {
            body({x[0], x[1], w[0], args.in<float>(0), args.in<float>(1), args.in<float>(2),
                  args.out<float>(0), static_cast<float*>(args.workspace)});
          }};
}

template <void (*body)(const Linear3&)>
std::string verdict() {
  const Engine engine{"planted", DeviceType::kCpu, EngineRole::kProduct, always, prepare<body>};
  std::string all;
  for (const std::string& failure : judge_engine(engine, parse_problem(kLine), 1)) {
    all += failure + "\n";
  }
  return all;
}

float dot(const Linear3& a, int64_t n, int64_t m) {
  float sum = 0;
  for (int64_t f = 0; f < a.f; ++f) sum += a.x[n * a.f + f] * a.w[m * a.f + f];
  return sum + a.b[m];
}

void sound(const Linear3& a) {
  for (int64_t n = 0; n < a.n; ++n) {
    for (int64_t m = 0; m < a.m; ++m) a.y[n * a.m + m] = dot(a, n, m);
  }
}
void wrong_index(const Linear3& a) {
  sound(a);
  a.y[7] = dot(a, 1, 1);  // its neighbour's value
}
void forgotten_output(const Linear3& a) {
  const float kept = a.y[a.n * a.m - 1];
  sound(a);
  a.y[a.n * a.m - 1] = kept;
}
void writes_behind(const Linear3& a) {
  sound(a);
  a.y[a.n * a.m] = 0;
}
void writes_before(const Linear3& a) {
  sound(a);
  a.y[-1] = 0;
}
void reads_behind(const Linear3& a) {
  sound(a);
  a.y[0] += 0 * a.x[a.n * a.f];
}
void writes_behind_an_input(const Linear3& a) {
  sound(a);
  const_cast<float*>(a.w)[a.m * a.f] = 1;
}
void changes_an_input(const Linear3& a) {
  sound(a);
  const_cast<float*>(a.x)[4] += 1;
}
void writes_behind_the_workspace(const Linear3& a) {
  sound(a);
  a.workspace[16] = 1;
}
void trusts_the_workspace(const Linear3& a) {
  sound(a);
  a.y[2] += a.workspace[3];
}
void counts_runs(const Linear3& a) {
  static float run = 0;
  sound(a);
  a.y[0] = std::nextafter(a.y[0], a.y[0] + std::fmod(run++, 2.0f));
}
void rounds_to_bf16(const Linear3& a) {
  for (int64_t n = 0; n < a.n; ++n) {
    for (int64_t m = 0; m < a.m; ++m) {
      float sum = a.b[m];
      for (int64_t f = 0; f < a.f; ++f) {
        sum += static_cast<float>(BFloat16(a.x[n * a.f + f] * a.w[m * a.f + f]));
      }
      a.y[n * a.m + m] = sum;
    }
  }
}
void off_by_a_quarter(const Linear3& a) {
  sound(a);
  for (int64_t i = 0; i < a.n * a.m; ++i) a.y[i] += 0.25f;
}
void throws(const Linear3&) {
  fail(ErrorKind::kFailed, "planted");
}

void expect_said(const std::string& said, const std::string& word) {
  EXPECT_NE(said.find(word), std::string::npos) << "said: '" << said << "'";
}

TEST(JudgeTest, PassesASoundEngine) {
  EXPECT_EQ(verdict<sound>(), "");
}

TEST(JudgeTest, FindsPlantedFaults) {
  expect_said(verdict<wrong_index>(), "integers: output 0 at [1, 2]");
  expect_said(verdict<forgotten_output>(), "at [2, 4] got");
  expect_said(verdict<changes_an_input>(), "input 0 was changed at element 4");
  expect_said(verdict<trusts_the_workspace>(), "at [0, 2] got");
  expect_said(verdict<counts_runs>(), "second run: output 0 at [0, 0]");
  expect_said(verdict<rounds_to_bf16>(), "reals: output 0");
  expect_said(verdict<throws>(), "threw: planted");
}

TEST(JudgeTest, FindsAccessesOutOfBounds) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer ends the program at the first of them";
#endif
  expect_said(verdict<writes_behind>(), "output 0 was written out of bounds, at byte 60 of 60");
  expect_said(verdict<writes_before>(), "output 0 was written out of bounds, at byte -");
  expect_said(verdict<reads_behind>(), "at [0, 0] got");
  expect_said(verdict<writes_behind_an_input>(), "input 1 was written out of bounds");
  expect_said(verdict<writes_behind_the_workspace>(), "the workspace was written out of bounds");
}

std::vector<double> half_a_unit(const Problem& problem, const Args&) {
  return std::vector<double>(static_cast<std::size_t>(problem.outputs[0].shape.elements()), 0.5);
}

TEST(JudgeTest, HoldsAnEngineToItsOwnBounds) {
  Engine engine{"planted", DeviceType::kCpu, EngineRole::kProduct, always,
                prepare<off_by_a_quarter>};
  const auto failures = [&] { return judge_engine(engine, parse_problem(kLine), 1); };
  EXPECT_EQ(failures().size(), 2u);  // integers and reals
  engine.rounding.bounds = half_a_unit;
  ASSERT_EQ(failures().size(), 1u);
  expect_said(failures()[0], "integers: output 0 at [0, 0]");
  engine.rounding.exact_on_integers = false;
  EXPECT_TRUE(failures().empty());
}

TEST(JudgeTest, FailuresTellHowToReplayThem) {
  expect_said(verdict<wrong_index>(),
              "replay: VOLUTA_PROBLEM='linear n3f6m5 bias f32' VOLUTA_SEED=1");
}

TEST(JudgeTest, LedgerCountsSkippedApartFromPassed) {
  const Problem problem = parse_problem(kLine);
  const Engine engine{"planted", DeviceType::kCpu, EngineRole::kProduct, always, prepare<sound>};
  Ledger ledger;
  ledger.enter(problem, engine, Ledger::Outcome::kPassed);
  ledger.enter(problem, engine, Ledger::Outcome::kSkipped, "no such library");
  ledger.enter(problem, engine, Ledger::Outcome::kFailed);
  const std::string text = ledger.summary();
  expect_said(text, "3 problems       1 passed     1 failed      1 skipped");
  expect_said(text, "skipped 1: no such library");
}

TEST(CompareTest, NanAndInfinityNeverPass) {
  Tensor nan(DType::f32, {1}), one(DType::f32, {1});
  nan.data<float>()[0] = NAN;
  one.data<float>()[0] = 1;
  EXPECT_NE(compare_exact(nan, one), "");
  EXPECT_NE(compare_exact(one, nan), "");
  EXPECT_NE(compare_bounded(nan, one, {1e30}), "");
  EXPECT_NE(compare_bounded(one, nan, {1e30}), "");
  nan.data<float>()[0] = INFINITY;
  EXPECT_NE(compare_bounded(nan, one, {1e30}), "");
  EXPECT_NE(compare_bounded(one, nan, {1e30}), "");
}

TEST(CompareTest, BoundIsTheDesignsFormula) {
  Tensor reference(DType::f64, {1}), y(DType::f32, {1});
  reference.data<double>()[0] = 1;
  const double u = 0x1p-24, allowed = u + (1 + u) * 0x1p-20;
  y.data<float>()[0] = static_cast<float>(1 + allowed * 0.999);
  EXPECT_EQ(compare_bounded(y, reference, {0x1p-20}), "");
  y.data<float>()[0] = std::nextafter(static_cast<float>(1 + allowed), 2.0f);
  EXPECT_NE(compare_bounded(y, reference, {0x1p-20}), "");
}

TEST(ProblemLineTest, ReadsWhatDescribePrints) {
  ProblemLine line("conv2d_filter_gradient n2h7w5c3k4r3s2pt1pb0pl2pr1u2v1l2g1 bias relu");
  EXPECT_EQ(line.op(), "conv2d_filter_gradient");
  EXPECT_EQ(line.extent("pl"), 2);
  EXPECT_EQ(line.extent("m", 9), 9);
  EXPECT_TRUE(line.word("bias"));
  EXPECT_FALSE(line.word("tanh"));
  EXPECT_EQ(line.dtype(), DType::f32);
  EXPECT_THROW(line.check_all_read(), Error);  // most letters were not asked for
}

TEST(ProblemLineTest, RefusesNonsense) {
  for (const char* bad : {"", "conv2d", "conv2d 3n", "conv2d n", "conv2d n2n3", "conv2d n-2",
                          "no_such_op n2", "add n2c3 tnah", "linear n2f3", "linear n2f3m4q1",
                          "conv2d n1h1w1c1k1r3s3", "conv2d n1h4w4c3k4r1s1g2"}) {
    EXPECT_THROW(parse_problem(bad), Error) << bad;
  }
}

TEST(ProblemLineTest, RandomLinesOfEveryOpAreProblems) {
  for (const Op* op : all_ops()) {
    for (const std::string& line : random_problems(op->name, 50, 3)) {
      EXPECT_EQ(parse_problem(line).op->name, op->name) << line;
    }
    EXPECT_EQ(random_problems(op->name, 3, 3)[2], random_problems(op->name, 9, 3)[2]);
  }
}

}  // namespace
}  // namespace voluta::judge
