// Pictures that Pillow wrote come out as Pillow reads them. goldens/pictures.safetensors, made by
// make_pictures.py.

#include "judge/tests_folder.h"

#include <gtest/gtest.h>
#include <voluta/io/image.h>
#include <voluta/io/safetensors.h>

#include <algorithm>
#include <cstdlib>

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

}  // namespace
}  // namespace voluta
