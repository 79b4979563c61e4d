#include <voluta/core/random.h>

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace voluta {
namespace {

struct KnownAnswer {
  PhiloxBlock counter;
  PhiloxKey key;
  PhiloxBlock want;
};

// Random123 1.14, tests/kat_vectors, the lines "philox4x32 10".
constexpr KnownAnswer kKnownAnswers[] = {
    {{{0, 0, 0, 0}}, {0, 0}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
    {{{~0u, ~0u, ~0u, ~0u}}, {~0u, ~0u}, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
    {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
     {0xa4093822, 0x299f31d0},
     {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
};

TEST(Philox, KnownAnswers) {
  for (const KnownAnswer& answer : kKnownAnswers) {
    const PhiloxBlock got = philox(answer.key, answer.counter);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(got.word[i], answer.want.word[i]) << i;
  }
}

TEST(Philox, UniformStaysBelowOne) {
  EXPECT_EQ(philox_uniform(0), 0.0f);
  EXPECT_EQ(philox_uniform(~0u), 1.0f - 0x1p-24f);
}

TEST(RandomTest, IsAFunctionOfSeedAndStream) {
  Random a(3, 5), b(3, 5), other_seed(4, 5), other_stream(3, 6);
  std::vector<uint32_t> first, same, seeds, streams;
  for (int i = 0; i < 9; ++i) {
    first.push_back(a.next_u32());
    same.push_back(b.next_u32());
    seeds.push_back(other_seed.next_u32());
    streams.push_back(other_stream.next_u32());
  }
  EXPECT_EQ(first, same);
  EXPECT_NE(first, seeds);
  EXPECT_NE(first, streams);
}

TEST(RandomTest, WalksThePhiloxBlocksInOrder) {
  Random random(0x0123456789abcdefull, 0xfedcba9876543210ull);
  for (uint32_t index = 0; index < 3; ++index) {
    const PhiloxBlock block =
        philox({0x89abcdef, 0x01234567}, {{index, 0, 0x76543210, 0xfedcba98}});
    for (uint32_t word : block.word) EXPECT_EQ(random.next_u32(), word);
  }
}

TEST(RandomTest, NextBelowReachesEveryValueEvenly) {
  Random random(1);
  constexpr int kBound = 7, kDraws = 70000;
  int counts[kBound] = {};
  for (int i = 0; i < kDraws; ++i) ++counts[random.next_below(kBound)];
  // Six standard deviations of a binomial count around its mean of 10,000.
  for (int count : counts) EXPECT_NEAR(count, kDraws / kBound, 6 * std::sqrt(10000 * 6.0 / 7));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.next_below(1), 0u);
}

TEST(RandomTest, UniformAndNormalMoments) {
  Random random(2);
  constexpr int kDraws = 100000;
  double uniform = 0, normal = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.next_uniform(-1, 3);
    ASSERT_GE(u, -1);
    ASSERT_LT(u, 3);
    uniform += u / kDraws;
    const double z = random.next_normal();
    ASSERT_TRUE(std::isfinite(z));
    normal += z / kDraws;
    squares += z * z / kDraws;
  }
  // Six standard errors each.
  EXPECT_NEAR(uniform, 1, 6 * 4 / std::sqrt(12.0 * kDraws));
  EXPECT_NEAR(normal, 0, 6 / std::sqrt(1.0 * kDraws));
  EXPECT_NEAR(squares, 1, 6 * std::sqrt(2.0 / kDraws));
}

}  // namespace
}  // namespace voluta
