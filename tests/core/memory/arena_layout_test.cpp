#include <gmock/gmock.h>
#include <voluta/core/error.h>
#include <voluta/core/memory/arena_layout.h>

#include <climits>
#include <random>

namespace voluta {
namespace {

// Every rounded size and step looked at one by one.
std::size_t widest_step(const std::vector<Lifetime>& lifetimes, int steps) {
  std::size_t widest = 0;
  for (int step = 0; step < steps; ++step) {
    std::size_t alive = 0;
    for (const Lifetime& life : lifetimes) {
      if (life.first_step <= step && step <= life.last_step) {
        alive += (life.bytes + 255) / 256 * 256;
      }
    }
    widest = std::max(widest, alive);
  }
  return widest;
}

std::vector<Lifetime> random_lifetimes(std::mt19937& random, int count, int steps) {
  const auto below = [&](int end) {
    return static_cast<int>(random() % static_cast<unsigned>(end));
  };
  std::vector<Lifetime> lifetimes;
  for (int i = 0; i < count; ++i) {
    const int first = below(steps);
    const int last = std::min(steps - 1, first + below(1 + below(steps)));
    lifetimes.push_back({static_cast<std::size_t>(below(1 << below(20))), first, last});
  }
  return lifetimes;
}

TEST(ArenaLayout, NothingNeedsNothing) {
  const ArenaLayout layout = plan_arena({});
  EXPECT_EQ(layout.bytes, 0u);
  EXPECT_EQ(layout.naive_bytes, 0u);
  EXPECT_EQ(layout.lower_bound_bytes, 0u);
}

TEST(ArenaLayout, AChainNeedsTwoNeighbours) {
  std::vector<Lifetime> chain;
  for (int step = 0; step < 10; ++step) chain.push_back({1000, step, step + 1});
  const ArenaLayout layout = plan_arena(chain);
  EXPECT_EQ(layout.bytes, 2 * 1024u);
  EXPECT_EQ(layout.naive_bytes, 10 * 1024u);
  EXPECT_EQ(layout.lower_bound_bytes, 2 * 1024u);
  verify(layout, chain);
}

TEST(ArenaLayout, WhatIsAliveAtTheSameStepIsApart) {
  const std::vector<Lifetime> pair{{256, 0, 3}, {256, 3, 4}};  // they meet at step 3
  const ArenaLayout layout = plan_arena(pair);
  EXPECT_EQ(layout.bytes, 512u);
  EXPECT_NE(layout.offsets[0], layout.offsets[1]);
}

TEST(ArenaLayout, AGapIsFilledByWhatFitsBest) {
  // Steps 0..9: two gaps open at step 5, of 2048 and 1024 bytes; 1000 bytes belong in the latter.
  const std::vector<Lifetime> lifetimes{{4096, 0, 9}, {2048, 0, 4}, {4000, 0, 9}, {1024, 0, 4},
                                        {3900, 0, 9}, {1000, 5, 9}, {2000, 5, 9}};
  const ArenaLayout layout = plan_arena(lifetimes);
  verify(layout, lifetimes);
  EXPECT_EQ(layout.bytes, layout.lower_bound_bytes);
}

TEST(ArenaLayout, TrainingShapedLifetimesAreNearTheBound) {
  // Activations live from forward step i to backward step 2n-1-i; gradients to the next step.
  std::vector<Lifetime> lifetimes;
  const int layers = 100;
  for (int i = 0; i < layers; ++i) {
    const std::size_t bytes = (std::size_t{1} << 20) >> (i / 25);
    lifetimes.push_back({bytes, i, 2 * layers - 1 - i});
    lifetimes.push_back({bytes, 2 * layers - 1 - i, 2 * layers - i});
    lifetimes.push_back({bytes / 3, i, i});  // workspace
  }
  const ArenaLayout layout = plan_arena(lifetimes);
  verify(layout, lifetimes);
  EXPECT_LE(static_cast<double>(layout.bytes),
            1.05 * static_cast<double>(layout.lower_bound_bytes));
}

TEST(ArenaLayout, RandomLifetimesNeverOverlapAndKeepTheirBounds) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const int steps = 1 + static_cast<int>(random() % 60);
    const std::vector<Lifetime> lifetimes =
        random_lifetimes(random, static_cast<int>(random() % 120), steps);
    const ArenaLayout layout = plan_arena(lifetimes);
    verify(layout, lifetimes);
    EXPECT_EQ(layout.lower_bound_bytes, widest_step(lifetimes, steps));
    EXPECT_LE(layout.lower_bound_bytes, layout.bytes);
    EXPECT_LE(layout.bytes, layout.naive_bytes);
  }
}

TEST(ArenaLayout, OpenEndedLifetimesAndEmptyTensorsAreFine) {
  const std::vector<Lifetime> lifetimes{{512, 0, INT_MAX}, {0, 0, INT_MAX}, {256, 7, 7}};
  const ArenaLayout layout = plan_arena(lifetimes);
  verify(layout, lifetimes);
  EXPECT_EQ(layout.bytes, 768u);
}

TEST(ArenaLayout, ALifetimeThatEndsBeforeItBeginsIsAnError) {
  const std::vector<Lifetime> backwards{{256, 3, 2}};
  EXPECT_THROW(plan_arena(backwards), Error);
}

TEST(ArenaLayout, VerifyFindsWhatIsWrong) {
  const std::vector<Lifetime> pair{{300, 0, 1}, {300, 1, 2}};
  ArenaLayout layout = plan_arena(pair);
  verify(layout, pair);
  layout.offsets = {0, 256};  // share 44 bytes at step 1
  EXPECT_THROW(verify(layout, pair), Error);
  layout.offsets = {0, 100};
  EXPECT_THROW(verify(layout, pair), Error) << "misaligned";
  layout.offsets = {0, 4096};
  EXPECT_THROW(verify(layout, pair), Error) << "outside";
  layout.offsets = {0};
  EXPECT_THROW(verify(layout, pair), Error) << "one is missing";
}

}  // namespace
}  // namespace voluta
