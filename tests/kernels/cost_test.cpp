// The least bytes that convolutions and some others move, counted by hand.

#include <voluta/judge/problem.h>

#include <gtest/gtest.h>

namespace voluta::judge {
namespace {

double bytes_of(const std::string& line) {
  const Problem problem = parse_problem(line);
  return problem.op->cost(problem).bytes;
}

TEST(Conv2dCost, PixelsUnderNoWindowAreNotRead) {
  const double filter = 4 * 4 * 4, x = 8 * 8 * 4 * 4, y = 4 * 4 * 4 * 4;
  EXPECT_EQ(bytes_of("conv2d n1h8w8c4k4r1s1u2"), x / 4 + filter + y);
  EXPECT_EQ(bytes_of("conv2d n1h8w8c4k4r1s1u2v1"), x / 2 + filter + 2 * y);
  EXPECT_EQ(bytes_of("conv2d_filter_gradient n1h8w8c4k4r1s1u2"), x / 4 + filter + y);
  EXPECT_EQ(bytes_of("conv2d_input_gradient n1h8w8c4k4r1s1u2"), x + filter + y);
  EXPECT_EQ(bytes_of("conv2d n1h8w8c4k4r2s2u2"), x + 4 * filter + y);
  // Rows 0, 2, .. of 9: taps two apart, windows one apart, cover all of them.
  EXPECT_EQ(bytes_of("conv2d n1h9w9c1k1r2s2l2"), (81 + 4 + 49) * 4);
}

TEST(BatchNormCost, ChannelsOfAWiderGradientThatAreNotOfXAreNotRead) {
  const double vectors = 5 * 8 * 4, x = 2 * 3 * 3 * 8 * 4;
  EXPECT_EQ(bytes_of("batch_norm_training_gradient n2h3w3c8"), 3 * x + vectors);
  EXPECT_EQ(bytes_of("batch_norm_training_gradient n2h3w3c8 wide40 offset8"), 3 * x + vectors);
}

}  // namespace
}  // namespace voluta::judge
