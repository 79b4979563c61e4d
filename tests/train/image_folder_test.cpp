// Folders of pictures as data sets.

#include <gtest/gtest.h>
#include <voluta/kernels/picture_resize/resizer.h>
#include <voluta/train/batch_loader.h>
#include <voluta/train/image_folder.h>
#include <voluta/train/sampler.h>

#include <cmath>

#include "batch_views.h"
#include "io/picture_files.h"
#include "io/temporary_folder.h"

namespace voluta {
namespace {

constexpr ErrorKind kFailed = ErrorKind::kFailed;
const Normalization kPlain{{0, 0, 0}, {1 / 255.0, 1 / 255.0, 1 / 255.0}};

class ImageFolderTest : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& bytes) {
    std::filesystem::create_directories(std::filesystem::path(folder_ / path).parent_path());
    write_bytes(folder_ / path, bytes);
  }
  // Two classes with six pictures of several sizes.
  void fill() {
    for (int i = 0; i < 3; ++i) {
      put("dog/" + std::to_string(i) + ".jpg", jpeg_file(test_picture(90 + 7 * i, 70)));
      put("cat/" + std::to_string(i) + ".PNG", png_file(test_picture(40, 50 + 9 * i)));
    }
  }
  PictureIndex index(const std::vector<std::string>& classes = {}) {
    return index_pictures(folder_.path(), classes);
  }

  TemporaryFolder folder_;
};

TEST_F(ImageFolderTest, ListsClassesAndPicturesInOrder) {
  fill();
  put("dog/notes.txt", "no picture");
  put("dog/.hidden.jpg", "");
  put(".git/x.jpg", "");
  put("cat/more/0.jpeg", "");
  const PictureIndex found = index();
  EXPECT_EQ(found.classes, (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(found.count(), 7);
  EXPECT_EQ(found.pictures[0].path, "cat/0.PNG");
  EXPECT_EQ(found.pictures[3].path, "cat/more/0.jpeg");
  EXPECT_EQ(found.pictures[4].path, "dog/0.jpg");
  EXPECT_EQ(found.pictures[4].label, 1);
}

TEST_F(ImageFolderTest, LabelsAreThoseOfTheGivenClasses) {
  fill();
  EXPECT_EQ(index({"bird", "dog", "cat"}).pictures[0].label, 2);
  expect_error(kFailed, {folder_.path(), "'dog'", "none of the 2"}, [&] {
    index({"bird", "cat"});
  });
}

TEST_F(ImageFolderTest, RefusesFoldersWithoutPictures) {
  expect_error(kFailed, {folder_.path(), "holds no folders"}, [&] { index(); });
  put("cat/0.txt", "");
  expect_error(kFailed, {folder_ / "cat", "holds no .jpg"}, [&] { index(); });
  expect_error(kFailed, {"cannot be listed"}, [&] { index_pictures(folder_ / "none"); });
}

TEST_F(ImageFolderTest, CountsFilesOfOtherKinds) {
  fill();
  for (const char* path : {"dog/a.gif", "dog/b.GIF", "cat/more/c.webp", "cat/README", "cat/.gif"}) {
    put(path, "");
  }
  EXPECT_EQ(index().others, (std::map<std::string, int64_t>{{"", 1}, {".gif", 2}, {".webp", 1}}));
  EXPECT_EQ(text_of(index().others), "1 without an ending, 2 .gif, 1 .webp");
  put("bird/a.bmp", "");
  expect_error(kFailed, {folder_ / "bird", "holds no .jpg", "but 1 .bmp"}, [&] { index(); });
  expect_error(kFailed, {"but 1 .bmp"}, [&] { list_pictures({folder_ / "bird"}); });
}

TEST_F(ImageFolderTest, LinksToFoldersAreFollowedUnlessTheyLeadBack) {
  fill();
  put("elsewhere.d/9.png", "");
  std::filesystem::create_directory(folder_ / "set");
  for (const char* name : {"cat", "dog"}) {
    std::filesystem::create_directory_symlink("../" + std::string(name), folder_ / "set/" + name);
  }
  std::filesystem::create_directory_symlink("../elsewhere.d", folder_ / "cat/more");
  EXPECT_EQ(index_pictures(folder_ / "set").count(), 7);
  const auto expect_loop = [&](const std::string& target, const std::string& link) {
    std::filesystem::create_directory_symlink(target, folder_ / link);
    for (int i = 0; i < 2; ++i) {
      expect_error(kFailed, {folder_ / link, "leads back", "remove"}, [&] {
        i == 0 ? index_pictures(folder_ / "set") : list_pictures({folder_ / "set"});
      });
    }
    std::filesystem::remove(folder_ / link);
  };
  expect_loop("self", "set/self");
  expect_loop(".", "set/all");
  expect_loop("..", "set/up");
}

TEST_F(ImageFolderTest, FindsEveryBadPictureForAnyNumberOfWorkers) {
  fill();
  put("cat/0.PNG", "");
  put("cat/1.PNG", png_file(test_picture(40, 50)).substr(0, 100));
  put("dog/1.jpg", "text that is called a picture");
  std::filesystem::create_symlink("nowhere", folder_ / "dog/9.jpg");
  PictureIndex found = index();
  ASSERT_EQ(found.count(), 7);
  for (const int64_t workers : {1, 2, 7}) {
    const BadPictures bad = find_bad_pictures(found, workers);
    EXPECT_EQ(bad.indices, (std::vector<std::size_t>{0, 1, 4, 6}));
    ASSERT_EQ(bad.messages.size(), 4u);
    EXPECT_EQ(bad.messages[0], folder_ / "cat/0.PNG" + ": is empty");
    EXPECT_TRUE(bad.messages[3].starts_with(folder_ / "dog/9.jpg")) << bad.messages[3];
  }
  remove_pictures(found, {0, 1, 4, 6});
  ASSERT_EQ(found.count(), 3);
  EXPECT_EQ(found.pictures[0].path, "cat/2.PNG");
  EXPECT_EQ(found.pictures[1].path, "dog/0.jpg");
  EXPECT_EQ(found.pictures[2].path, "dog/2.jpg");
}

TEST_F(ImageFolderTest, ABadPictureIsNamedWhenItIsLoaded) {
  fill();
  put("dog/1.jpg", "text");
  const ImageFolder pictures(index(), TrainingView{.crop = 24}, kPlain, 3);
  std::vector<float> values(24 * 24 * 3);
  EXPECT_EQ(pictures.load(3, 0, values.data()), 1);
  EXPECT_THROW(pictures.load(4, 0, values.data()), BadPicture);
}

// The pixels that batches hold, and how they are seen.
using Seen = std::pair<std::vector<std::vector<uint8_t>>, std::vector<int64_t>>;

Seen epoch_of(const Dataset& data, uint64_t seed) {
  const auto count = static_cast<uint32_t>(data.count());
  BatchLoader loader(data, 4, 2, [&](uint64_t epoch) { return shuffled(count, seed, epoch); });
  Seen seen;
  for (int i = 0; i < 4; ++i) {
    const Batch& batch = loader.next();
    const auto views = batch.views.data<int64_t>();
    seen.second.insert(seen.second.end(), views.begin(), views.end());
    const std::size_t numbers = views.size() / static_cast<std::size_t>(batch.count());
    const auto capacity = static_cast<std::size_t>(batch.images.shape()[1]);
    for (std::size_t n = 0; n < static_cast<std::size_t>(batch.count()); ++n) {
      const uint8_t* pixels = batch.images.data<uint8_t>().data() + n * capacity;
      const auto bytes = views[n * numbers + 1] * views[n * numbers + 2] * 3;
      seen.first.emplace_back(pixels, pixels + bytes);
    }
  }
  return seen;
}

TEST_F(ImageFolderTest, BatchesDoNotDependOnTheNumberOfWorkers) {
  fill();
  const TrainingView view{.crop = 24, .seed = 5};
  const Seen expected = epoch_of(ImageFolder(index(), view, kPlain, 1), 5);
  for (const int64_t workers : {2, 3, 16}) {
    EXPECT_EQ(epoch_of(ImageFolder(index(), view, kPlain, workers), 5), expected);
  }
}

TEST_F(ImageFolderTest, EachEpochCropsOtherwiseAndEachSeedToo) {
  fill();
  const ImageFolder one(index(), TrainingView{.crop = 24, .seed = 5}, kPlain, 1);
  const ImageFolder other(index(), TrainingView{.crop = 24, .seed = 6}, kPlain, 1);
  const auto load = [](const ImageFolder& pictures, uint64_t epoch) {
    std::vector<float> values(24 * 24 * 3);
    pictures.load(1, epoch, values.data());
    return values;
  };
  EXPECT_EQ(load(one, 0), load(one, 0));
  EXPECT_NE(load(one, 0), load(one, 1));
  EXPECT_NE(load(one, 0), load(other, 0));
}

TEST(FittingEighths, LeaveTheCropItsPixels) {
  EXPECT_EQ(fitting_eighths({0, 0, 447, 900}, 224), 8);
  EXPECT_EQ(fitting_eighths({0, 0, 448, 900}, 224), 4);
  EXPECT_EQ(fitting_eighths({0, 0, 900, 895}, 224), 4);
  EXPECT_EQ(fitting_eighths({0, 0, 896, 896}, 224), 2);
  EXPECT_EQ(fitting_eighths({0, 0, 1792, 1791}, 224), 2);
  EXPECT_EQ(fitting_eighths({0, 0, 1792, 9999}, 224), 1);
  EXPECT_EQ(fitting_eighths({0, 0, 3, 5}, 224), 8);
}

// A box that is whole and has the size of the crop is copied, mirrored or not.
TEST_F(ImageFolderTest, ACropOfItsOwnSizeIsThePicture) {
  const Image image = test_picture(24, 24);
  put("a/0.png", png_file(image));
  for (const double flip : {0.0, 1.0}) {
    const ImageFolder pictures(
        index(), TrainingView{.crop = 24, .range = {1, 1, 1, 1}, .flip = flip}, kPlain, 1);
    std::vector<float> values(24 * 24 * 3);
    pictures.load(0, 0, values.data());
    for (std::size_t y = 0; y < 24; ++y) {
      for (std::size_t x = 0; x < 24; ++x) {
        const std::size_t from = flip > 0 ? 23 - x : x;
        for (std::size_t c = 0; c < 3; ++c) {
          ASSERT_NEAR(values[(y * 24 + x) * 3 + c], image.rgb[(y * 24 + from) * 3 + c], 1e-4);
        }
      }
    }
  }
}

// Decoded at a half, a quarter or an eighth, a smooth picture shows the same crop.
TEST_F(ImageFolderTest, ScaledDecodingShowsTheSame) {
  Image image{800, 640, {}};
  for (int64_t y = 0; y < 800; ++y) {
    for (int64_t x = 0; x < 640; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double wave =
            std::sin(static_cast<double>(x) / 60 + c) * std::cos(static_cast<double>(y) / 80);
        image.rgb.push_back(static_cast<uint8_t>(std::lround(128 + 100 * wave)));
      }
    }
  }
  put("a/0.jpg", jpeg_file(image));
  put("a/1.png", png_file(image));
  for (const int64_t crop : {40, 90, 200, 400}) {
    // The same draws for both: the picture's number is part of them, so each is alone in its list.
    PictureIndex jpeg = index(), png = index();
    remove_pictures(jpeg, {1});
    remove_pictures(png, {0});
    const TrainingView view{.crop = crop, .range = {0.6, 0.9, 0.9, 1.1}, .seed = 2};
    std::vector<float> a(static_cast<std::size_t>(crop * crop * 3)), b(a.size());
    ImageFolder(jpeg, view, kPlain, 1).load(0, 0, a.data());
    ImageFolder(png, view, kPlain, 1).load(0, 0, b.data());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
    EXPECT_LT(sum / static_cast<double>(a.size()), 2.0) << crop;
  }
}

// Pictures of training and of evaluation, grey and coloured, some with more pixels than a batch has room for.
TEST_F(ImageFolderTest, TheDeviceSeesWhatIsLoaded) {
  fill();
  put("dog/large.png", png_file(test_picture(310, 280)));
  put("dog/long.jpg", jpeg_file(test_picture(40, 900)));
  for (const Interpolation interpolation : {Interpolation::kBilinear, Interpolation::kBicubic}) {
    const ImageFolder training(
        index(), TrainingView{.crop = 24, .interpolation = interpolation, .seed = 5}, kPlain, 2);
    expect_views_are_what_is_loaded(training, 4, 1);
    const ImageFolder evaluation(index(), EvaluationView{32, 28, interpolation}, {{0.4}, {0.2}}, 1);
    expect_views_are_what_is_loaded(evaluation, 8, 0);
  }
}

TEST_F(ImageFolderTest, ALongAndNarrowPictureIsSeen) {
  put("a/0.png", png_file(test_picture(30000, 2)));
  const ImageFolder pictures(index(), EvaluationView{32, 32}, kPlain, 1);
  std::vector<float> values(32 * 32 * 3);
  pictures.load(0, 0, values.data());
  // Sixteen of the result's rows and columns show a pixel of the source, from the 14999th row on; this is
  // half a result's pixel below the middle of it.
  const Image image = test_picture(30000, 2);
  for (std::size_t i = 0; i < 6; ++i) {
    const std::size_t row = 14999 + i / 3, c = i % 3;
    const double expected = (31.0 * image.rgb[row * 6 + c] + image.rgb[(row + 1) * 6 + c]) / 32;
    EXPECT_NEAR(values[((8 + 16 * (i / 3)) * 32 + 0) * 3 + c], expected, 1) << i;
  }
}

// Where it is resized makes no difference: by the worker, or from the pixels around the crop.
TEST_F(ImageFolderTest, APictureTooLargeForABatchIsResizedAlike) {
  using namespace picture_resize;
  for (const int64_t side : {60, 300}) {
    SCOPED_TRACE(side);
    const Image image = test_picture(side, side + side / 3);
    put("a/0.png", png_file(image));
    const ImageFolder pictures(index(), EvaluationView{40, 32, Interpolation::kBicubic}, kPlain, 1);
    std::vector<float> values(32 * 32 * 3);
    pictures.load(0, 0, values.data());
    Resizer resizer;
    const int64_t width = 40 * image.width / image.height;
    const ResizedPixels all = resizer.resize(image.rgb.data(),
                                             {0,
                                              image.height,
                                              image.width,
                                              {0, 8 * image.height, 40, 0, 40},
                                              {0, 8 * image.width, width, 0, width},
                                              false},
                                             Interpolation::kBicubic);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t y = 4 + i / 96, x = static_cast<std::size_t>(width - 32) / 2 + i % 96 / 3;
      ASSERT_NEAR(values[i], all.rgb[y * all.line_bytes + 3 * x + i % 3], 1e-4) << i;
    }
    std::vector<int64_t> numbers(kViewNumbers);
    std::vector<uint8_t> pixels(4 * 32 * 32 * 3);
    pictures.view(0, 0, numbers.data(), pixels.data());
    EXPECT_EQ(numbers[1] == 32, side == 300) << "who resizes it";
  }
}

TEST_F(ImageFolderTest, RefusesViewsThatMakeNoSense) {
  fill();
  const auto refused = [&](const ImageFolder::View& view) {
    EXPECT_THROW(ImageFolder(index(), view, kPlain, 1), Error);
  };
  refused(EvaluationView{.resize = 20, .crop = 24});
  refused(EvaluationView{.resize = 20, .crop = 0});
  refused(TrainingView{.crop = 0});
  refused(TrainingView{.range = {0, 1, 1, 1}});
  refused(TrainingView{.range = {0.5, 0.4, 1, 1}});
  refused(TrainingView{.range = {0.5, 1, std::nan(""), 1}});
  refused(TrainingView{.flip = 1.5});
}

TEST(RandomResizedCrop, StaysInThePictureAndInTheRange) {
  const CropRange range;
  double area = 0;
  for (uint32_t picture = 0; picture < 2000; ++picture) {
    const int64_t height = 50 + picture % 97, width = 60 + picture % 89;
    const CropBox box = random_resized_crop({9, 3, picture}, height, width, range);
    ASSERT_GE(box.top, 0);
    ASSERT_GE(box.left, 0);
    ASSERT_LE(box.top + box.height, height);
    ASSERT_LE(box.left + box.width, width);
    const double ratio = static_cast<double>(box.width) / static_cast<double>(box.height);
    ASSERT_GT(ratio, 0.75 * 0.9);  // sides are rounded to pixels
    ASSERT_LT(ratio, 1.34 * 1.1);
    area += static_cast<double>(box.height * box.width) / static_cast<double>(height * width);
  }
  // torchvision's own get_params: 0.411 of these pictures, over 10,000 draws.
  EXPECT_NEAR(area / 2000, 0.411, 0.02);
}

// torchvision's fallback: no box of these ratios has so large a share of so long a picture.
TEST(RandomResizedCrop, FallsBackToTheMiddle) {
  const CropBox wide = random_resized_crop({1, 0, 0}, 10, 100, {.least_area = 0.9});
  EXPECT_EQ(wide.top, 0);
  EXPECT_EQ(wide.height, 10);
  EXPECT_EQ(wide.width, 13);
  EXPECT_EQ(wide.left, 43);
  const CropBox tall = random_resized_crop({1, 0, 0}, 100, 10, {.least_area = 0.9});
  EXPECT_EQ(tall.height, 13);
  EXPECT_EQ(tall.top, 43);
  EXPECT_EQ(random_resized_crop({1, 0, 0}, 1, 1, {}).width, 1);
}

TEST(Interpolation, HasNames) {
  EXPECT_EQ(to_string(parse_interpolation("bicubic")), "bicubic");
  EXPECT_THROW(parse_interpolation("nearest"), Error);
}

}  // namespace
}  // namespace voluta
