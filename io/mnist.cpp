#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/io/idx.h>
#include <voluta/io/mnist.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace voluta {
namespace {

constexpr int64_t kClasses = 10;

std::string file_name(Split split, bool images) {
  return std::string(split == Split::kTrain ? "train" : "t10k") +
         (images ? "-images-idx3-ubyte" : "-labels-idx1-ubyte");
}

std::string require(const std::string& folder, const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    fail_at(folder, "is not a folder; one that holds the four MNIST files is needed");
  }
  const std::string path = find_file(folder, name);
  if (path.empty()) fail_at(folder, "holds neither " + name + " nor its .gz or .xz");
  return path;
}

Tensor widened(const Tensor& bytes, const std::string& path) {
  Tensor labels(DType::i64, bytes.shape());
  const std::span<const uint8_t> source = bytes.data<uint8_t>();
  const std::span<int64_t> target = labels.data<int64_t>();
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] >= kClasses) {
      fail_at(path,
              fmt::format("label {} at index {} is outside 0..{}", source[i], i, kClasses - 1));
    }
    target[i] = source[i];
  }
  return labels;
}

}  // namespace

LabelledImages read_mnist(const std::string& folder, Split split) {
  const std::string image_path = require(folder, file_name(split, true));
  const std::string label_path = require(folder, file_name(split, false));
  const Tensor labels = read_idx(label_path, 1);
  const Tensor images = read_idx(image_path, 3);
  const Shape& s = images.shape();
  if (s[0] != labels.shape()[0]) {
    fail_at(image_path, fmt::format("holds {} images, but {} holds {} labels", s[0], label_path,
                                    labels.shape()[0]));
  }
  return {images.reshaped({s[0], s[1], s[2], 1}), widened(labels, label_path), kClasses};
}

void write_mnist(const std::string& folder, Split split, const LabelledImages& data) {
  check_labelled_images(data);
  if (data.classes > kClasses) {
    invalid(fmt::format("MNIST files hold {} classes, not {}", kClasses, data.classes));
  }
  const Shape& s = data.images.shape();
  if (s[3] != 1) invalid("MNIST files hold pictures of one channel, not " + std::to_string(s[3]));
  Tensor labels(DType::u8, {data.count()});
  std::ranges::transform(data.labels.data<int64_t>(), labels.data<uint8_t>().begin(),
                         [](int64_t label) { return static_cast<uint8_t>(label); });
  const std::filesystem::path path(folder);
  write_idx((path / file_name(split, true)).string(), data.images.reshaped({s[0], s[1], s[2]}));
  write_idx((path / file_name(split, false)).string(), labels);
}

bool has_mnist(const std::string& folder) {
  return !find_file(folder, file_name(Split::kTrain, true)).empty();
}

std::string find_mnist_file(const std::string& folder) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    for (const bool images : {true, false}) {
      const std::string path = find_file(folder, file_name(split, images));
      if (!path.empty()) return path;
    }
  }
  return {};
}

}  // namespace voluta
