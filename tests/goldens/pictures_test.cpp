// Pictures that Pillow wrote come out as Pillow reads and resizes them. goldens/pictures.safetensors, made by
// make_pictures.py.

#include "judge/tests_folder.h"

#include <gtest/gtest.h>
#include <voluta/io/image.h>
#include <voluta/io/layout.h>
#include <voluta/io/safetensors.h>
#include <voluta/kernels/picture_resize/resizer.h>
#include <voluta/train/image_folder.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

const TensorFile& goldens() {
  static const TensorFile file =
      read_safetensors(judge::tests_path("goldens/pictures.safetensors"));
  return file;
}

int largest_difference(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

// The inverse DCT, the interpolation of chroma and the conversion of colours are integer arithmetic
// that all versions of libjpeg-turbo share. Inks and 16-bit samples may round the other way.
TEST(PictureGoldens, DecodeAsPillow) {
  int cases = 0;
  for (const auto& [key, rgb] : goldens().tensors) {
    if (!key.ends_with("/rgb")) continue;
    std::string name = key.substr(0, key.size() - 4);
    const std::size_t slash = name.find('/');
    const int eighths = slash == std::string::npos ? 8 : std::atoi(name.c_str() + slash + 1);
    name = name.substr(0, slash);
    SCOPED_TRACE(key);
    const Tensor& file = goldens().tensors.at(name + "/file");
    const ImageHeader header = read_image_header(file.data<uint8_t>(), name);
    const Image image = decode_image(file.data<uint8_t>(), name, eighths);
    ASSERT_EQ((Shape{image.height, image.width, 3}), rgb.shape());
    if (eighths == 8) {
      EXPECT_EQ((Shape{header.height, header.width, 3}), rgb.shape());
    }
    EXPECT_LE(largest_difference(image.rgb, rgb.data<uint8_t>()), name == "jpeg_cmyk" ? 1 : 0);
    ++cases;
  }
  EXPECT_EQ(cases, 29);
}

// The integers between the underscores.
std::vector<int64_t> numbers(const std::string& text) {
  std::vector<int64_t> found;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, '_') && std::isdigit(word[0]);) {
    found.push_back(std::stoll(word));
  }
  return found;
}

std::vector<std::string> parts(const std::string& key) {
  std::vector<std::string> found;
  std::istringstream words(key);
  for (std::string word; std::getline(words, word, '/');) found.push_back(word);
  return found;
}

// Rounding twice, as Pillow does: weights of 14 bits where it has 22 may turn one of them.
TEST(PictureGoldens, ResizeAsPillow) {
  picture_resize::Resizer resizer;
  int cases = 0;
  for (const auto& [key, expected] : goldens().tensors) {
    if (!key.starts_with("resize/") || key.ends_with("source")) continue;
    SCOPED_TRACE(key);
    const std::vector<std::string> words = parts(key);
    const bool hard = words[1].starts_with("hard_");
    const Tensor& source = goldens().tensors.at(hard ? "resize/hard_source" : "resize/source");
    const auto pixels = source.data<uint8_t>();
    const std::vector<int64_t> box = numbers(words[2]), size = numbers(words[3]);
    const picture_resize::ResizeView view{0,
                                          source.shape()[0],
                                          source.shape()[1],
                                          {8 * box[0], 8 * box[2], size[0], 0, size[0]},
                                          {8 * box[1], 8 * box[3], size[1], 0, size[1]},
                                          false};
    const picture_resize::ResizedPixels resized = resizer.resize(
        pixels.data(), view,
        words[1].ends_with("bilinear") ? Interpolation::kBilinear : Interpolation::kBicubic);
    const auto line = static_cast<std::size_t>(size[1] * 3);
    for (std::size_t y = 0; y < static_cast<std::size_t>(size[0]); ++y) {
      EXPECT_LE(largest_difference({resized.rgb + y * resized.line_bytes, line},
                                   expected.data<uint8_t>().subspan(y * line, line)),
                1);
    }
    ++cases;
  }
  EXPECT_EQ(cases, 36);
}

TEST(PictureGoldens, EvaluationSeesWhatTorchvisionSees) {
  int cases = 0;
  for (const auto& [key, expected] : goldens().tensors) {
    if (!key.starts_with("view/")) continue;
    SCOPED_TRACE(key);
    const std::vector<std::string> words = parts(key);
    const std::vector<int64_t> sizes = numbers(words[2]);
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "only");
    const auto file = goldens().tensors.at(words[1] + "/file").data<uint8_t>();
    write_bytes(folder / "only/p.jpg", std::string(file.begin(), file.end()));
    const EvaluationView view{sizes[0], sizes[1],
                              parse_interpolation(words[2].substr(words[2].rfind('_') + 1))};
    const ImageFolder pictures(index_pictures(folder.path()), view, {{0, 0, 0}, {1, 1, 1}}, 1);
    Tensor seen(DType::f32, {1, sizes[1], sizes[1], 3});
    pictures.load(0, 0, seen.data<float>().data());
    const Tensor planes = channels_first(seen);
    const auto a = planes.data<float>(), b = expected.data<float>();
    float largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    EXPECT_LE(largest * 255, words[1] == "jpeg_cmyk" ? 2.01f : 1.01f);
    ++cases;
  }
  EXPECT_EQ(cases, 12);
}

}  // namespace
}  // namespace voluta
