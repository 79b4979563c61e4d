#include <gtest/gtest.h>
#include <voluta/io/idx.h>
#include <voluta/io/mnist.h>

#include <algorithm>
#include <filesystem>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

LabelledImages some_images(int64_t count) {
  LabelledImages data{Tensor(DType::u8, {count, 4, 5, 1}), Tensor(DType::i64, {count}), 10};
  for (int64_t i = 0; i < count; ++i)
    data.labels.data<int64_t>()[static_cast<std::size_t>(i)] = i % 10;
  std::ranges::fill(data.images.data<uint8_t>(), uint8_t{200});
  return data;
}

class Mnist : public ::testing::Test {
 protected:
  void expect_refused(std::initializer_list<std::string> parts) {
    expect_error(ErrorKind::kFailed, parts, [&] { read_mnist(folder_.path(), Split::kTest); });
  }
  TemporaryFolder folder_;
};

TEST_F(Mnist, ReadsWhatItWrites) {
  const LabelledImages data = some_images(13);
  write_mnist(folder_.path(), Split::kTest, data);
  const LabelledImages back = read_mnist(folder_.path(), Split::kTest);
  EXPECT_EQ(back.images.type(), data.images.type());
  EXPECT_EQ(back.classes, 10);
  EXPECT_TRUE(std::ranges::equal(back.images.data<uint8_t>(), data.images.data<uint8_t>()));
  EXPECT_TRUE(std::ranges::equal(back.labels.data<int64_t>(), data.labels.data<int64_t>()));
  EXPECT_FALSE(has_mnist(folder_.path())) << "the training images are absent";
}

TEST_F(Mnist, RefusesMissingFiles) {
  expect_refused({folder_.path(), "holds neither t10k-images-idx3-ubyte nor"});
  write_mnist(folder_.path(), Split::kTest, some_images(3));
  std::filesystem::remove(folder_ / "t10k-labels-idx1-ubyte");
  expect_refused({"holds neither t10k-labels-idx1-ubyte nor"});
  expect_error(ErrorKind::kFailed, {"absent", "is not a folder"},
               [&] { read_mnist(folder_ / "absent", Split::kTest); });
}

TEST_F(Mnist, RefusesDifferentCounts) {
  write_mnist(folder_.path(), Split::kTest, some_images(7));
  write_idx(folder_ / "t10k-labels-idx1-ubyte", Tensor(DType::u8, {8}));
  expect_refused({"t10k-images-idx3-ubyte", "7 images", "8 labels"});
}

TEST_F(Mnist, RefusesLabelsOutOfRange) {
  write_mnist(folder_.path(), Split::kTest, some_images(7));
  Tensor labels(DType::u8, {7});
  labels.data<uint8_t>()[5] = 10;
  write_idx(folder_ / "t10k-labels-idx1-ubyte", labels);
  expect_refused({"t10k-labels-idx1-ubyte", "label 10 at index 5", "0..9"});
}

TEST_F(Mnist, RefusesImagesWhereLabelsBelong) {
  write_mnist(folder_.path(), Split::kTest, some_images(7));
  std::filesystem::copy_file(folder_ / "t10k-images-idx3-ubyte", folder_ / "t10k-labels-idx1-ubyte",
                             std::filesystem::copy_options::overwrite_existing);
  expect_refused({"3 extents where 1 are needed (labels)"});
}

TEST_F(Mnist, WritesNothingThatItCouldNotRead) {
  const auto refused = [&](std::initializer_list<std::string> parts, auto&& change) {
    LabelledImages data = some_images(7);
    change(data);
    expect_error(ErrorKind::kInvalidArgument, parts,
                 [&] { write_mnist(folder_.path(), Split::kTest, data); });
    EXPECT_EQ(folder_.entries(), 0u);
  };
  refused({"7 pictures", "8 labels"}, [](auto& d) { d.labels = Tensor(DType::i64, {8}); });
  refused({"label 10 of picture 2"}, [](auto& d) { d.labels.template data<int64_t>()[2] = 10; });
  refused({"10 classes", "300"}, [](auto& d) {
    d.classes = 300;
    d.labels.template data<int64_t>()[2] = 256;
  });
  refused({"u8 [7, 20]"}, [](auto& d) { d.images = d.images.reshaped({7, 20}); });
  refused({"one channel"}, [](auto& d) { d.images = d.images.reshaped({7, 4, 1, 5}); });
}

}  // namespace
}  // namespace voluta
