// The rounding rules of the option `width`.

#include <gtest/gtest.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

TEST(Width, RoundsToTheNearestMultipleOfTheGroups) {
  EXPECT_EQ(scale_channels(64, 1), 64);
  EXPECT_EQ(scale_channels(96, 0.5), 48);
  EXPECT_EQ(scale_channels(5, 0.5), 3);  // halves up
  EXPECT_EQ(scale_channels(64, 0.001), 1);
  EXPECT_EQ(scale_channels(128, 0.1, 32), 32);
  EXPECT_EQ(scale_channels(128, 0.7, 32), 96);
}

// Values of torchvision.models._utils._make_divisible(channels * width, 8).
TEST(Width, MobileNetsTakeMultiplesOfEight) {
  EXPECT_EQ(scale_channels_by_eight(32, 1), 32);
  EXPECT_EQ(scale_channels_by_eight(24, 0.75), 24);  // 18: 16 is less than nine tenths
  EXPECT_EQ(scale_channels_by_eight(32, 0.35), 16);  // 11.2
  EXPECT_EQ(scale_channels_by_eight(16, 0.1), 8);
  EXPECT_EQ(scale_channels_by_eight(96, 1.4), 136);  // 134.4
}

}  // namespace
}  // namespace voluta
