#include <gtest/gtest.h>
#include <voluta/train/sampler.h>

#include <algorithm>

namespace voluta {
namespace {

TEST(Sampler, ShufflesEveryIndexOnce) {
  for (const uint32_t count : {1u, 2u, 7u, 1000u}) {
    std::vector<uint32_t> order = shuffled(count, 3, 5);
    std::ranges::sort(order);
    EXPECT_EQ(order, in_order(count));
  }
}

TEST(Sampler, IsAFunctionOfSeedAndEpoch) {
  EXPECT_EQ(shuffled(500, 1, 2), shuffled(500, 1, 2));
  EXPECT_NE(shuffled(500, 1, 2), shuffled(500, 1, 3));
  EXPECT_NE(shuffled(500, 1, 2), shuffled(500, 2, 2));
}

// Each index stands at each place about equally often: chi-square with 8 * 7 degrees of freedom
// stays below its 99.99 % point, 103.
TEST(Sampler, IsUniform) {
  constexpr uint32_t kCount = 8;
  constexpr int kEpochs = 8000;
  int seen[kCount][kCount] = {};
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<uint32_t> order = shuffled(kCount, 11, static_cast<uint64_t>(epoch));
    for (uint32_t place = 0; place < kCount; ++place) ++seen[place][order[place]];
  }
  double chi_square = 0;
  for (const auto& row : seen) {
    for (const int count : row) {
      const double expected = double(kEpochs) / kCount;
      chi_square += (count - expected) * (count - expected) / expected;
    }
  }
  EXPECT_LT(chi_square, 103.0);
}

}  // namespace
}  // namespace voluta
