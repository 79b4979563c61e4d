#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/io/layout.h>

namespace voluta {
namespace {

// Each element is its own index in [N,C,H,W].
template <class T>
Tensor counted(Shape shape) {
  Tensor tensor(kDTypeOf<T>, shape);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    tensor.data<T>()[static_cast<std::size_t>(i)] = static_cast<T>(i);
  }
  return tensor;
}

template <class T>
class Layout : public ::testing::Test {};
using ElementTypes = ::testing::Types<double, float, int64_t, int32_t, uint8_t>;
TYPED_TEST_SUITE(Layout, ElementTypes);

TYPED_TEST(Layout, MovesTheChannels) {
  constexpr int64_t kN = 2, kC = 3, kH = 4, kW = 5;
  const Tensor first = counted<TypeParam>({kN, kC, kH, kW});
  const Tensor last = channels_last(first);
  ASSERT_EQ(last.shape(), (Shape{kN, kH, kW, kC}));
  const auto from = first.data<TypeParam>(), to = last.template data<TypeParam>();
  for (int64_t n = 0; n < kN; ++n) {
    for (int64_t c = 0; c < kC; ++c) {
      for (int64_t h = 0; h < kH; ++h) {
        for (int64_t w = 0; w < kW; ++w) {
          EXPECT_EQ(to[static_cast<std::size_t>(((n * kH + h) * kW + w) * kC + c)],
                    from[static_cast<std::size_t>(((n * kC + c) * kH + h) * kW + w)]);
        }
      }
    }
  }
  const Tensor back = channels_first(last);
  EXPECT_EQ(back.type(), first.type());
  EXPECT_TRUE(std::ranges::equal(back.data<TypeParam>(), from));
}

TEST(ParameterLayout, TouchesOnlyFilters) {
  EXPECT_EQ(parameter_from_pytorch(counted<float>({6, 1, 5, 5})).shape(), (Shape{6, 5, 5, 1}));
  EXPECT_EQ(parameter_to_pytorch(counted<float>({6, 5, 5, 2})).shape(), (Shape{6, 2, 5, 5}));
  EXPECT_EQ(parameter_shape_in_pytorch({6, 5, 5, 2}), (Shape{6, 2, 5, 5}));
  EXPECT_EQ(parameter_from_pytorch(counted<float>({10, 84})).shape(), (Shape{10, 84}));
  EXPECT_EQ(parameter_shape_in_pytorch({10}), (Shape{10}));
  EXPECT_THROW(channels_last(counted<float>({10, 84})), Error);
}

TEST(ParameterLayout, MovesTheChannelsOfAnUntiedBias) {
  constexpr int64_t kC = 3, kH = 4, kW = 5;
  const Tensor first = counted<float>({kC, kH, kW});
  const Tensor last = parameter_from_pytorch(first);
  ASSERT_EQ(last.shape(), (Shape{kH, kW, kC}));
  EXPECT_EQ(parameter_shape_in_pytorch(last.shape()), first.shape());
  for (int64_t c = 0; c < kC; ++c) {
    for (int64_t i = 0; i < kH * kW; ++i) {
      EXPECT_EQ(last.data<float>()[static_cast<std::size_t>(i * kC + c)],
                first.data<float>()[static_cast<std::size_t>(c * kH * kW + i)]);
    }
  }
  const Tensor back = parameter_to_pytorch(last);
  EXPECT_EQ(back.type(), first.type());
  EXPECT_TRUE(std::ranges::equal(back.data<float>(), first.data<float>()));
}

}  // namespace
}  // namespace voluta
