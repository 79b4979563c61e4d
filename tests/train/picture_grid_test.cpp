// Numbers as pictures, and what training sees of a real one.

#include <gtest/gtest.h>
#include <voluta/train/image_folder.h>
#include <voluta/train/picture_grid.h>

#include <cstdlib>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

Tensor numbers(Shape shape, std::vector<float> values) {
  Tensor tensor(DType::f32, shape);
  std::ranges::copy(values, tensor.data<float>().begin());
  return tensor;
}

TEST(PictureGrid, ColorMaps) {
  EXPECT_EQ(grey(0.5), (Rgb{128, 128, 128}));
  EXPECT_EQ(grey(2), (Rgb{255, 255, 255}));
  EXPECT_EQ(grey(NAN), (Rgb{0, 0, 0}));
  // matplotlib's viridis and Mikhailov's turbo within what their polynomials leave.
  const auto expect_near = [](const Rgb& color, const Rgb& wanted) {
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(color[c], wanted[c], 6);
  };
  expect_near(viridis(0), {68, 1, 84});
  expect_near(viridis(0.5), {33, 145, 140});
  expect_near(viridis(1), {253, 231, 37});
  expect_near(turbo(0), {35, 23, 27});
  expect_near(turbo(0.5), {149, 251, 81});
  expect_near(turbo(1), {144, 12, 0});
}

TEST(PictureGrid, TilesStandRowByRowOnWhite) {
  const Image black{1, 2, {0, 0, 0, 0, 0, 0}}, red{1, 2, {255, 0, 0, 255, 0, 0}};
  const Image made = grid({black, red, black}, 2, 1);
  EXPECT_EQ(made.height, 5);
  EXPECT_EQ(made.width, 7);
  const auto at = [&](int y, int x) {
    return Rgb{made.rgb[(y * 7 + x) * 3], made.rgb[(y * 7 + x) * 3 + 1],
               made.rgb[(y * 7 + x) * 3 + 2]};
  };
  EXPECT_EQ(at(1, 1), (Rgb{0, 0, 0}));
  EXPECT_EQ(at(1, 3), (Rgb{255, 255, 255}));
  EXPECT_EQ(at(1, 5), (Rgb{255, 0, 0}));
  EXPECT_EQ(at(3, 2), (Rgb{0, 0, 0}));
  EXPECT_EQ(at(3, 5), (Rgb{255, 255, 255})) << "no fourth tile";
  EXPECT_EQ(square_columns(17), 5);
  EXPECT_EQ(enlarged(red, 3).rgb.size(), 3u * 6 * 3);
}

TEST(PictureGrid, FiltersHaveTheirOwnContrastAroundGrey) {
  // [K,R,S,C]: two filters of one pixel, RGB; a tile a filter.
  const auto colors = filter_tiles(numbers({2, 1, 1, 3}, {1, 0, -1, 10, 5, 0}), 64);
  ASSERT_EQ(colors.size(), 2u);
  EXPECT_EQ(colors[0].rgb, (std::vector<uint8_t>{255, 128, 0}));
  EXPECT_EQ(colors[1].rgb, (std::vector<uint8_t>{255, 191, 128}));
  // Two channels: a tile each.
  const auto planes = filter_tiles(numbers({1, 1, 2, 2}, {1, 0, -0.5, 0}), 64);
  ASSERT_EQ(planes.size(), 2u);
  EXPECT_EQ(planes[0].rgb, (std::vector<uint8_t>{255, 255, 255, 64, 64, 64}));
  EXPECT_EQ(planes[1].rgb, (std::vector<uint8_t>(6, 128))) << "all zero";
  EXPECT_EQ(filter_tiles(Tensor(DType::f32, {9, 3, 3, 5}), 4).size(), 16u);
}

TEST(PictureGrid, MapsHaveTheirOwnContrast) {
  const auto tiles = map_tiles(numbers({1, 1, 2, 2}, {3, 7, 4, 7}), grey);
  ASSERT_EQ(tiles.size(), 2u);
  EXPECT_EQ(tiles[0].rgb, (std::vector<uint8_t>{0, 0, 0, 255, 255, 255}));
  EXPECT_EQ(tiles[1].rgb, (std::vector<uint8_t>(6, 0))) << "flat";
}

TEST(PictureGrid, NormalisedNumbersAreThePictureAgain) {
  const Normalization normalization = imagenet_normalization();
  const Tensor table = pixel_values(normalization, 3);
  std::vector<uint8_t> pixels(256 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i / 3);
  std::vector<float> values(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    values[i] = table.data<float>()[i % 3 * 256 + pixels[i]];
  }
  EXPECT_EQ(picture_of(values.data(), {1, 256, 3}, normalization).rgb, pixels);
}

// A photograph as training sees it in four epochs: boxes at random, some mirrored. $VOLUTA_LOOK names
// a folder that keeps the file.
TEST(PictureGrid, TrainingPicturesAreWorthALook) {
  const char* given = std::getenv("VOLUTA_DATA");
  const std::string data = given && *given ? given : VOLUTA_TESTS_FOLDER "/../../shared/data";
  const std::string photographs = data + "/caltech101-10/train";
  if (!std::filesystem::exists(photographs)) GTEST_SKIP() << "no " << photographs;
  const Normalization normalization = imagenet_normalization();
  const ImageFolder folder(index_pictures(photographs), TrainingView{.crop = 160, .seed = 3},
                           normalization, 1);
  std::vector<float> values(160 * 160 * 3);
  std::vector<Image> tiles;
  for (const uint32_t picture : {0u, 400u}) {
    for (const uint64_t epoch : {0u, 1u, 2u, 3u}) {
      folder.load(picture, epoch, values.data());
      tiles.push_back(picture_of(values.data(), folder.image_shape(), normalization));
      if (epoch > 0) {
        EXPECT_NE(tiles.back().rgb, tiles[tiles.size() - 2].rgb);
      }
    }
  }
  const TemporaryFolder temporary;
  const char* look = std::getenv("VOLUTA_LOOK");
  const std::string path = (look ? std::string(look) : temporary.path()) + "/training.png";
  write_png(path, grid(tiles, 4, 4));
  EXPECT_EQ(read_image(path).rgb, grid(tiles, 4, 4).rgb);
}

}  // namespace
}  // namespace voluta
