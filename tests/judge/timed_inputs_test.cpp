// Inputs of timed runs: random enough, valid for every op, and the same for the same seed.

#include <voluta/judge/compare.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/truth.h>
#include <voluta/kernels/registry.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace voluta::judge {
namespace {

Tensors timed(const std::string& line, uint64_t seed = 1) {
  return make_inputs(parse_problem(line), InputKind::kTimed, seed);
}

TEST(TimedInputsTest, AreStandardNormalInEveryPrecision) {
  for (const char* dtype : {" f32", " bf16", " f16", " f64"}) {
    const Tensor x = timed("add n40h50w50c3" + std::string(dtype))[0];
    const auto count = static_cast<double>(x.elements());
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < x.elements(); ++i) {
      const double value = value_at(x, i);
      ASSERT_TRUE(std::isfinite(value));
      sum += value, squares += value * value;
    }
    EXPECT_NEAR(sum / count, 0, 0.02) << dtype;
    EXPECT_NEAR(squares / count, 1, 0.02) << dtype;
  }
}

TEST(TimedInputsTest, TensorsDifferAndSeedsRepeat) {
  const Tensors inputs = timed("add n2h8w8c4");
  EXPECT_NE(compare_bits(inputs[0], inputs[1]), "");
  EXPECT_EQ(compare_bits(inputs[0], timed("add n2h8w8c4")[0]), "");
  EXPECT_NE(compare_bits(inputs[0], timed("add n2h8w8c4", 2)[0]), "");
}

// Longer than what is drawn: it goes on from the beginning.
TEST(TimedInputsTest, LongTensorsRepeatAtAnOddDistance) {
  const Tensor x = timed("add n9h1000w1000c1")[0];
  constexpr int64_t kPeriod = (int64_t{1} << 22) - 3;
  for (int64_t i : {int64_t{0}, int64_t{4000000}, x.elements() - kPeriod - 1}) {
    EXPECT_EQ(value_at(x, i), value_at(x, i + kPeriod));
  }
  int64_t zeros = 0;
  for (int64_t i = 0; i < x.elements(); ++i) zeros += value_at(x, i) == 0;
  EXPECT_LT(zeros, 9);
}

// Labels, variances and places must be what the op allows: of those the reference makes numbers.
TEST(TimedInputsTest, EveryOpTakesThem) {
  for (const Op* op : all_ops()) {
    for (const std::string& line : random_problems(op->name, 3, 5)) {
      const Problem problem = parse_problem(line);
      const Tensors inputs = make_inputs(problem, InputKind::kTimed, 1);
      ASSERT_EQ(inputs.size(), problem.inputs.size()) << line;
      for (std::size_t i = 0; i < inputs.size(); ++i)
        EXPECT_EQ(inputs[i].type(), problem.inputs[i]);
      for (const Tensor& output : run_reference_f64(problem, inputs)) {
        for (int64_t i = 0; i < output.elements(); ++i) {
          ASSERT_TRUE(std::isfinite(value_at(output, i))) << line << ", element " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace voluta::judge
