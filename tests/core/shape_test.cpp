#include <voluta/core/error.h>
#include <voluta/core/tensor.h>

#include <gtest/gtest.h>

namespace voluta {
namespace {

TEST(ShapeTest, ScalarHasOneElement) {
  EXPECT_EQ(Shape{}.rank(), 0);
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ(to_string(Shape{}), "[]");
}

TEST(ShapeTest, ExtentsAndElements) {
  const Shape shape{32, 56, 56, 64};
  EXPECT_EQ(shape.rank(), 4);
  EXPECT_EQ(shape[3], 64);
  EXPECT_EQ(shape.elements(), 32 * 56 * 56 * 64);
  EXPECT_EQ(to_string(shape), "[32, 56, 56, 64]");
  EXPECT_EQ((Shape{3, 0, 5}).elements(), 0);
  constexpr int64_t kMost = int64_t{1} << 59;
  EXPECT_EQ((TensorType{DType::f64, {kMost}}.bytes()), std::size_t{1} << 62);
  EXPECT_THROW((Shape{2, kMost}), Error);
}

TEST(ShapeTest, EqualityLooksAtRankAndExtents) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
  EXPECT_NE(Shape{}, Shape{1});
}

TEST(ShapeTest, RefusesWhatCannotBe) {
  EXPECT_THROW((Shape{1, -1}), Error);
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1}), Error);
  EXPECT_THROW((Shape{int64_t{1} << 31, int64_t{1} << 31, 2}), Error);
  EXPECT_NO_THROW((Shape{int64_t{1} << 31, int64_t{1} << 28}));
}

}  // namespace
}  // namespace voluta
