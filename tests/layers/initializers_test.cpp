// Initial values against the distributions that torch.nn.init defines: fans and gains as PyTorch
// prints them, then mean, deviation, bounds and the Kolmogorov-Smirnov distance of samples.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/layers/initializers.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace voluta {
namespace {

// torch.nn.init._calculate_fan_in_and_fan_out of the weights in PyTorch's layout.
TEST(Fans, EqualPyTorchs) {
  struct Case {
    Shape shape;  // [K,R,S,C/G] or [M,F]
    int64_t in, out;
  };
  const Case cases[] = {
      {{64, 7, 7, 3}, 147, 3136},     // [64,3,7,7]
      {{32, 3, 3, 1}, 9, 288},        // [32,1,3,3], depthwise
      {{6, 5, 5, 1}, 25, 150},        // [6,1,5,5]
      {{256, 5, 5, 48}, 1200, 6400},  // [256,48,5,5], two groups
      {{5, 1, 3, 2}, 6, 15},          // [5,2,1,3]
      {{10, 84}, 84, 10},
      {{1, 1}, 1, 1},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(fans_of(c.shape).in, c.in) << to_string(c.shape);
    EXPECT_EQ(fans_of(c.shape).out, c.out) << to_string(c.shape);
  }
  EXPECT_THROW(fans_of({10}), Error);
}

// torch.nn.init.calculate_gain.
TEST(Gains, EqualPyTorchs) {
  using enum ActivationKind;
  EXPECT_EQ(gain_of(kNone), 1);
  EXPECT_EQ(gain_of(kSigmoid), 1);
  EXPECT_DOUBLE_EQ(gain_of(kTanh), 1.6666666666666667);
  EXPECT_DOUBLE_EQ(gain_of(kRelu), 1.4142135623730951);
  EXPECT_DOUBLE_EQ(gain_of(kLeakyRelu), 1.4141428569978354);
  EXPECT_DOUBLE_EQ(gain_of(kLeakyRelu, 0.2), 1.3867504905630728);
  EXPECT_DOUBLE_EQ(gain_of(kLeakyRelu, 0.0), 1.4142135623730951);
  EXPECT_THROW(gain_of(kSilu), Error);
}

constexpr int64_t kCount = 40000;

std::vector<double> sample(const Initializer& initializer, const Shape& shape, uint64_t seed = 1) {
  Tensor tensor(DType::f32, shape);
  Random random(seed, 7);
  initializer(tensor, random);
  const auto values = tensor.data<float>();
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return sorted;
}

// The distance to a distribution function exceeds 2.23 / sqrt(n) once in 10,000 samples:
// P = 2 exp(-2 * 2.23^2) (Kolmogorov 1933).
template <class Cdf>
void expect_distribution(const std::vector<double>& sorted, const Cdf& cdf) {
  const auto n = static_cast<double>(sorted.size());
  double distance = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double at = cdf(sorted[i]), below = static_cast<double>(i) / n;
    distance = std::max({distance, at - below, below + 1 / n - at});
  }
  EXPECT_LT(distance, 2.23 / std::sqrt(n));
}

void expect_uniform(const std::vector<double>& sorted, double low, double high) {
  expect_distribution(sorted, [=](double x) { return (x - low) / (high - low); });
  const double last_bit = 0x1p-24 * std::max(std::fabs(low), std::fabs(high));
  EXPECT_GE(sorted.front(), low - last_bit);
  EXPECT_LE(sorted.back(), high + last_bit);
  // The outermost of n draws lies further from its end than 10 (high - low) / n once in e^10 times.
  EXPECT_LT(sorted.front(), low + 10 * (high - low) / static_cast<double>(sorted.size()));
  EXPECT_GT(sorted.back(), high - 10 * (high - low) / static_cast<double>(sorted.size()));
}

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

// Mean and deviation within four of their standard errors, sigma / sqrt(n) and sigma / sqrt(2 n).
void expect_normal(const std::vector<double>& sorted, double mean, double deviation) {
  expect_distribution(sorted, [=](double x) { return normal_cdf((x - mean) / deviation); });
  const auto n = static_cast<double>(sorted.size());
  double sum = 0, squares = 0;
  for (const double x : sorted) sum += x;
  for (const double x : sorted) squares += (x - sum / n) * (x - sum / n);
  EXPECT_NEAR(sum / n, mean, 4 * deviation / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), deviation, 4 * deviation / std::sqrt(2 * n));
}

TEST(Initializers, AreOfTheirDistribution) {
  expect_uniform(sample(uniform(-0.25, 0.75), {kCount}), -0.25, 0.75);
  expect_normal(sample(normal(3, 0.5), {kCount}), 3, 0.5);
  const std::vector<double> filled = sample(fill_with(0.25f), {5});
  EXPECT_EQ(filled.front(), 0.25);
  EXPECT_EQ(filled.back(), 0.25);
}

// [160,5,5,10]: fan_in 250, fan_out 4000.
TEST(Initializers, TakeTheirDeviationFromTheFans) {
  const Shape filters{160, 5, 5, 10};
  ASSERT_EQ(filters.elements(), kCount);
  const double xavier = 3 * std::sqrt(2.0 / 4250), in = std::sqrt(2.0 / 250);
  const double out = 0.5 / std::sqrt(4000.0), to_bound = std::sqrt(3.0);
  expect_uniform(sample(xavier_uniform(3), filters), -to_bound * xavier, to_bound * xavier);
  expect_normal(sample(xavier_normal(3), filters), 0, xavier);
  expect_uniform(sample(kaiming_uniform(), filters), -to_bound * in, to_bound * in);
  expect_normal(sample(kaiming_normal(), filters), 0, in);
  expect_uniform(sample(kaiming_uniform(Fan::kOut, 0.5), filters), -to_bound * out, to_bound * out);
  expect_normal(sample(kaiming_normal(Fan::kOut, 0.5), filters), 0, out);
  expect_normal(sample(kaiming_normal(Fan::kOut), {80, 500}), 0, std::sqrt(2.0 / 80));
  EXPECT_THROW(sample(xavier_normal(), {10}), Error);
}

TEST(Initializers, FanInIsPyTorchsDefaultOfLayers) {
  // kaiming_uniform_(a=sqrt(5)): a gain of sqrt(1/3).
  const std::vector<double> layer = sample(uniform_fan_in(500), {80, 500});
  expect_uniform(layer, -1 / std::sqrt(500.0), 1 / std::sqrt(500.0));
  const double gain = gain_of(ActivationKind::kLeakyRelu, std::sqrt(5.0));
  expect_uniform(sample(kaiming_uniform(Fan::kIn, gain), {80, 500}), -1 / std::sqrt(500.0),
                 1 / std::sqrt(500.0));
}

// (Phi(z) - Phi(low)) / (Phi(high) - Phi(low)), in the half where probabilities keep their digits.
double truncated_cdf(double z, double low, double high) {
  if (low > 0) return 1 - truncated_cdf(-z, -high, -low);
  return (normal_cdf(z) - normal_cdf(low)) / (normal_cdf(high) - normal_cdf(low));
}

TEST(TruncatedNormal, IsTheNormalDistributionInsideItsBounds) {
  struct Case {
    double mean, deviation, low, high;
  };
  const Case cases[] = {
      {0, 0.1, -0.2, 0.2},  // torchvision's GoogLeNet and Inception: two deviations
      {0, 1, -2, 2},         {1, 2, -1, 1.5},  // lopsided
      {0, 1, 0.5, INFINITY}, {0, 1, 3, 4},     // a tail, little of the whole
      {0, 1, -30, -8},                         // and one further than 1 - 2^-53
      {0, 1, 8, 30},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message()
                 << c.mean << " " << c.deviation << " " << c.low << " " << c.high);
    const std::vector<double> sorted =
        sample(truncated_normal(c.mean, c.deviation, c.low, c.high), {kCount});
    auto z = [&](double x) { return (x - c.mean) / c.deviation; };
    expect_distribution(sorted, [&](double x) { return truncated_cdf(z(x), z(c.low), z(c.high)); });
    EXPECT_GE(sorted.front(), static_cast<float>(c.low));
    EXPECT_LE(sorted.back(), static_cast<float>(c.high));
  }
  EXPECT_THROW(truncated_normal(0, 1, 2, 2), Error);
  EXPECT_THROW(truncated_normal(0, 0, -2, 2), Error);
}

TEST(Initializers, DependOnTheSeedAlone) {
  const Initializer initializer = truncated_normal(0, 1, -2, 2);
  EXPECT_EQ(sample(initializer, {100}, 3), sample(initializer, {100}, 3));
  EXPECT_NE(sample(initializer, {100}, 3), sample(initializer, {100}, 4));
}

}  // namespace
}  // namespace voluta
