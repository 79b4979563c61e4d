#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/train/augmentation.h>
#include <voluta/train/batch_loader.h>
#include <voluta/train/digits.h>
#include <voluta/train/sampler.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "batch_views.h"

namespace voluta {
namespace {

// Picture i is 2 x 1 pixels of two channels with the values i, i+1, i+2, i+3; its label is i.
InMemoryDataset numbered(int64_t count) {
  LabelledImages data{Tensor(DType::u8, {count, 2, 1, 2}), Tensor(DType::i64, {count}), count};
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    data.labels.data<int64_t>()[i] = static_cast<int64_t>(i);
    for (std::size_t p = 0; p < 4; ++p) {
      data.images.data<uint8_t>()[i * 4 + p] = static_cast<uint8_t>(i + p);
    }
  }
  return InMemoryDataset(std::move(data), {{0.5, 0.0}, {0.25, 1.0}});
}

TEST(DatasetTest, NormalizesByChannel) {
  const InMemoryDataset data = numbered(5);
  float values[4];
  EXPECT_EQ(data.load(4, 0, values), 4);
  EXPECT_FLOAT_EQ(values[0], (4 / 255.0f - 0.5f) / 0.25f);
  EXPECT_FLOAT_EQ(values[1], 5 / 255.0f);
  EXPECT_EQ(data.load(1, 0, values), 1);
  EXPECT_FLOAT_EQ(values[2], (3 / 255.0f - 0.5f) / 0.25f);
  EXPECT_FLOAT_EQ(values[3], 4 / 255.0f);
}

TEST(DatasetTest, RefusesANormalizationOfOtherChannels) {
  LabelledImages data{Tensor(DType::u8, {1, 1, 1, 3}), Tensor(DType::i64, {1}), 1};
  EXPECT_THROW(InMemoryDataset(std::move(data), mnist_normalization()), Error);
}

TEST(BatchLoaderTest, YieldsEveryEpochInItsOrder) {
  const InMemoryDataset data = numbered(10);
  constexpr int64_t kEpochs = 3, kBatch = 4;
  BatchLoader loader(data, kBatch, kEpochs, [](uint64_t epoch) { return shuffled(10, 1, epoch); });
  for (uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    std::vector<uint32_t> seen;
    for (const int64_t size : {4, 4, 2}) {
      const Batch& batch = loader.next();
      ASSERT_EQ(batch.count(), size);
      ASSERT_FALSE(batch.images.defined()) << "the device holds them";
      ASSERT_EQ(batch.views.shape(), (Shape{size, 4}));
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
        const int64_t label = batch.labels.data<int64_t>()[i];
        EXPECT_EQ(batch.views.data<int64_t>()[i * 4], label);
        seen.push_back(static_cast<uint32_t>(label));
      }
    }
    EXPECT_EQ(seen, shuffled(10, 1, epoch));
  }
}

TEST(BatchLoaderTest, TakesABatchLargerThanTheData) {
  const InMemoryDataset data = numbered(3);
  BatchLoader loader(data, 100, 1, [](uint64_t) { return in_order(3); });
  EXPECT_EQ(loader.next().count(), 3);
}

TEST(BatchLoaderTest, CanBeLeftAtAnyTime) {
  const InMemoryDataset data = numbered(10);
  for (int taken = 0; taken < 6; ++taken) {
    BatchLoader loader(data, 1, 1, [](uint64_t) { return in_order(10); });
    for (int i = 0; i < taken; ++i) loader.next();
  }
}

TEST(BatchLoaderTest, PassesOnWhatItsThreadThrows) {
  const InMemoryDataset data = numbered(2);
  BatchLoader loader(data, 1, 2, [](uint64_t epoch) {
    if (epoch == 1) throw std::runtime_error("no order");
    return in_order(2);
  });
  loader.next();
  loader.next();
  EXPECT_THROW(loader.next(), std::runtime_error);
}

// Picture i is the number i; each takes another time to load, and picture `bad` cannot be.
class Slow : public Dataset {
 public:
  Slow(int64_t workers, std::vector<uint32_t> bad = {}) : workers_(workers), bad_(std::move(bad)) {}
  int64_t count() const override { return 50; }
  int64_t classes() const override { return 1; }
  Shape image_shape() const override { return {1, 1, 1}; }
  int64_t workers() const override { return workers_; }
  int64_t load(uint32_t index, uint64_t epoch, float* values) const override {
    std::this_thread::sleep_for(std::chrono::microseconds(index * 7919 % 400));
    if (std::ranges::count(bad_, index) > 0) throw std::runtime_error(std::to_string(index));
    *values = static_cast<float>(index) + 100 * static_cast<float>(epoch);
    return index;
  }

 private:
  int64_t workers_;
  std::vector<uint32_t> bad_;
};

std::vector<float> all_values(const Dataset& data) {
  BatchLoader loader(data, 16, 3, [](uint64_t epoch) { return shuffled(50, 7, epoch); });
  std::vector<float> values;
  for (int i = 0; i < 3 * 4; ++i) {
    const auto batch = loader.next().images.data<float>();
    values.insert(values.end(), batch.begin(), batch.end());
  }
  return values;
}

TEST(BatchLoaderTest, YieldsTheSameForAnyNumberOfWorkers) {
  const std::vector<float> expected = all_values(Slow(1));
  ASSERT_EQ(expected.size(), 150u);
  EXPECT_EQ(expected[149], shuffled(50, 7, 2)[49] + 200.0f);
  for (const int64_t workers : {2, 3, 8, 100}) EXPECT_EQ(all_values(Slow(workers)), expected);
}

TEST(BatchLoaderTest, TheFirstBadPictureIsTheOneThatIsTold) {
  const std::vector<uint32_t> order = shuffled(50, 7, 0);
  const std::vector<uint32_t> bad = {order[30], order[21], order[44]};
  for (const int64_t workers : {1, 2, 5, 16}) {
    const Slow data(workers, bad);
    BatchLoader loader(data, 16, 1, [&](uint64_t) { return order; });
    loader.next();
    try {
      loader.next();
      ADD_FAILURE() << "picture " << order[21] << " was read";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), std::to_string(order[21]));
    }
  }
}

// The op makes of a batch of views what load() gives, every bit.
TEST(InMemoryDataset, ItsViewsAreWhatItLoads) {
  const InMemoryDataset data(draw_digits(30, 1, Split::kTrain), mnist_normalization(),
                             {.padding = 3, .flip = 0.5, .seed = 3});
  expect_views_are_what_is_loaded(data, 30, 1);
}

TEST(InMemoryDataset, ShiftsAndMirrorsByDrawsOfEpochAndPicture) {
  // Pixel (y,x) of every picture is 10 y + x + 1; black is 0.
  LabelledImages data{Tensor(DType::u8, {40, 4, 5, 1}), Tensor(DType::i64, {40}), 1};
  for (std::size_t i = 0; i < 800; ++i) {
    data.images.data<uint8_t>()[i] = static_cast<uint8_t>(10 * (i % 20 / 5) + i % 5 + 1);
  }
  const InMemoryDataset shifted(std::move(data), {{0}, {1 / 255.0}},
                                {.padding = 2, .flip = 0.5, .seed = 3});
  int mirrored = 0, moved = 0;
  for (uint32_t i = 0; i < 40; ++i) {
    float values[20];
    shifted.load(i, 1, values);
    const PictureDraws draws{3, 1, i};
    const Shift shift = random_shift(draws, 2);
    const bool flip = random_flip(draws, 0.5);
    for (int64_t y = 0; y < 4; ++y) {
      for (int64_t x = 0; x < 5; ++x) {
        const int64_t from_y = y + shift.down, from_x = (flip ? 4 - x : x) + shift.right;
        const bool inside = from_y >= 0 && from_y < 4 && from_x >= 0 && from_x < 5;
        EXPECT_FLOAT_EQ(values[y * 5 + x], inside ? float(10 * from_y + from_x + 1) : 0.0f);
      }
    }
    mirrored += flip;
    moved += shift.down != 0 || shift.right != 0;
  }
  EXPECT_GT(mirrored, 8);
  EXPECT_LT(mirrored, 32);
  EXPECT_GT(moved, 30);
}

}  // namespace
}  // namespace voluta
