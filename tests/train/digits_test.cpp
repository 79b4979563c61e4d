#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/train/digits.h>

#include <algorithm>
#include <cmath>

namespace voluta {
namespace {

constexpr std::size_t kPixels = 28 * 28;

std::span<const uint8_t> picture(const LabelledImages& data, std::size_t i) {
  return data.images.data<uint8_t>().subspan(i * kPixels, kPixels);
}

TEST(Digits, DependOnSeedSplitAndIndexAlone) {
  const LabelledImages few = draw_digits(30, 4, Split::kTrain);
  const LabelledImages more = draw_digits(50, 4, Split::kTrain);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_TRUE(std::ranges::equal(picture(few, i), picture(more, i))) << i;
  }
  const LabelledImages other_seed = draw_digits(30, 5, Split::kTrain);
  const LabelledImages other_split = draw_digits(30, 4, Split::kTest);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_FALSE(std::ranges::equal(picture(few, i), picture(other_seed, i))) << i;
    EXPECT_FALSE(std::ranges::equal(picture(few, i), picture(other_split, i))) << i;
  }
}

TEST(Digits, HaveEveryClass) {
  const LabelledImages data = draw_digits(100, 0, Split::kTest);
  EXPECT_EQ(data.classes, 10);
  for (int64_t digit = 0; digit < 10; ++digit) {
    EXPECT_EQ(std::ranges::count(data.labels.data<int64_t>(), digit), 10);
  }
}

// Ink and place are those of MNIST: a bright stroke on black, a tenth to a quarter of full ink,
// inside the border.
TEST(Digits, LookLikeMnist) {
  const LabelledImages data = draw_digits(500, 1, Split::kTrain);
  double ink = 0, border = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    const auto pixels = picture(data, i);
    EXPECT_GT(*std::ranges::max_element(pixels), 190) << i;
    for (std::size_t at = 0; at < kPixels; ++at) {
      const std::size_t row = at / 28, column = at % 28;
      ink += pixels[at] / 255.0;
      if (std::min({row, column, 27 - row, 27 - column}) == 0) border += pixels[at] / 255.0;
    }
  }
  ink /= 500 * double(kPixels);
  EXPECT_GT(ink, 0.08);
  EXPECT_LT(ink, 0.25);
  EXPECT_LT(border / (500 * 108.0), 0.02);
}

TEST(Digits, RefuseImpossibleCounts) {
  EXPECT_THROW(draw_digits(0, 0, Split::kTrain), Error);
  EXPECT_THROW(draw_digits(-1, 0, Split::kTrain), Error);
  EXPECT_THROW(draw_digits(int64_t{1} << 40, 0, Split::kTrain), Error);
}

}  // namespace
}  // namespace voluta
