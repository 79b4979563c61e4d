#include <voluta/core/error.h>
#include <voluta/core/tensor.h>

#include <gtest/gtest.h>

#include <cstdint>

namespace voluta {
namespace {

TEST(TensorTest, NewMemoryIsZeroAndAligned) {
  Tensor tensor(DType::f32, {5, 7});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.raw()) % 64, 0u);
  EXPECT_EQ(tensor.bytes(), 5u * 7 * 4);
  for (float value : tensor.data<float>()) EXPECT_EQ(value, 0.0f);
}

TEST(TensorTest, DefaultIsUndefined) {
  const Tensor tensor;
  EXPECT_FALSE(tensor.defined());
  EXPECT_THROW(tensor.data<float>(), Error);
}

TEST(TensorTest, ScalarsAndEmptyTensorsHaveMemory) {
  const Tensor scalar(DType::f64, Shape{}), empty(DType::f32, {0});
  EXPECT_EQ(scalar.data<double>().size(), 1u);
  EXPECT_TRUE(empty.defined());
  EXPECT_TRUE(empty.data<float>().empty());
}

TEST(TensorTest, ReadingAsAnotherTypeThrows) {
  Tensor tensor(DType::bf16, {2});
  EXPECT_NO_THROW(tensor.data<BFloat16>());
  EXPECT_THROW(tensor.data<float>(), Error);
  EXPECT_THROW(tensor.data<Float16>(), Error);
}

TEST(TensorTest, CopiesShareAndClonesDoNot) {
  Tensor tensor(DType::i64, {3});
  Tensor shared = tensor;
  const Tensor apart = tensor.clone();
  shared.data<int64_t>()[1] = 9;
  EXPECT_EQ(tensor.data<int64_t>()[1], 9);
  EXPECT_EQ(apart.data<int64_t>()[1], 0);
  EXPECT_FALSE(Tensor().clone().defined());
}

template <class T>
concept GivesElements = requires(T&& tensor) {
  std::forward<T>(tensor).template data<float>();
};

// The elements of a temporary would be gone with it.
TEST(TensorTest, ATemporaryGivesNoSpan) {
  EXPECT_TRUE((GivesElements<Tensor&>));
  EXPECT_TRUE((GivesElements<const Tensor&>));
  EXPECT_FALSE((GivesElements<Tensor>));
  EXPECT_FALSE((GivesElements<const Tensor>));
}

TEST(TensorTest, ItemIsTheOnlyElement) {
  Tensor tensor(DType::f32, {1, 1});
  tensor.data<float>()[0] = 2.5f;
  EXPECT_EQ(tensor.item<float>(), 2.5f);
  EXPECT_EQ(Tensor(DType::i64, Shape{}).item<int64_t>(), 0);
  EXPECT_THROW(tensor.item<int64_t>(), Error);
  EXPECT_THROW(Tensor(DType::f32, {2}).item<float>(), Error);
  EXPECT_THROW(Tensor().item<float>(), Error);
}

TEST(TensorTest, ReshapedViewsTheSameBytes) {
  Tensor tensor(DType::f32, {2, 6});
  Tensor view = tensor.reshaped({3, 4});
  view.data<float>()[11] = 1.0f;
  EXPECT_EQ(tensor.data<float>()[11], 1.0f);
  EXPECT_EQ(view.shape(), (Shape{3, 4}));
  EXPECT_THROW(tensor.reshaped({5}), Error);
}

TEST(TensorTest, TypesPrint) {
  EXPECT_EQ(to_string(TensorType{DType::f32, {32, 10}}), "f32 [32, 10]");
  EXPECT_EQ((TensorType{DType::f16, {3}}).bytes(), 6u);
}

}  // namespace
}  // namespace voluta
