#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/train/batch_loader.h>
#include <voluta/train/sampler.h>

#include <stdexcept>

namespace voluta {
namespace {

// Picture i is 2 x 1 pixels of two channels with the values i, i+1, i+2, i+3; its label is i.
Dataset numbered(int64_t count) {
  LabelledImages data{Tensor(DType::u8, {count, 2, 1, 2}), Tensor(DType::i64, {count}), count};
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    data.labels.data<int64_t>()[i] = static_cast<int64_t>(i);
    for (std::size_t p = 0; p < 4; ++p) {
      data.images.data<uint8_t>()[i * 4 + p] = static_cast<uint8_t>(i + p);
    }
  }
  return Dataset(std::move(data), {{0.5, 0.0}, {0.25, 1.0}});
}

TEST(DatasetTest, NormalizesByChannel) {
  const Dataset data = numbered(5);
  Tensor images(DType::f32, {2, 2, 1, 2}), labels(DType::i64, {2});
  const uint32_t indices[] = {4, 1};
  data.gather(indices, images, labels);
  EXPECT_EQ(labels.data<int64_t>()[0], 4);
  EXPECT_EQ(labels.data<int64_t>()[1], 1);
  const auto values = images.data<float>();
  EXPECT_FLOAT_EQ(values[0], (4 / 255.0f - 0.5f) / 0.25f);
  EXPECT_FLOAT_EQ(values[1], 5 / 255.0f);
  EXPECT_FLOAT_EQ(values[6], (3 / 255.0f - 0.5f) / 0.25f);
  EXPECT_FLOAT_EQ(values[7], 4 / 255.0f);
}

TEST(DatasetTest, RefusesANormalizationOfOtherChannels) {
  LabelledImages data{Tensor(DType::u8, {1, 1, 1, 3}), Tensor(DType::i64, {1}), 1};
  EXPECT_THROW(Dataset(std::move(data), mnist_normalization()), Error);
}

TEST(BatchLoaderTest, YieldsEveryEpochInItsOrder) {
  const Dataset data = numbered(10);
  constexpr int64_t kEpochs = 3, kBatch = 4;
  BatchLoader loader(data, kBatch, kEpochs, [](uint64_t epoch) { return shuffled(10, 1, epoch); });
  for (uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    std::vector<uint32_t> seen;
    for (const int64_t size : {4, 4, 2}) {
      const Batch& batch = loader.next();
      ASSERT_EQ(batch.count(), size);
      ASSERT_EQ(batch.images.shape(), (Shape{size, 2, 1, 2}));
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
        const int64_t label = batch.labels.data<int64_t>()[i];
        EXPECT_FLOAT_EQ(batch.images.data<float>()[i * 4 + 1], float(label + 1) / 255.0f);
        seen.push_back(static_cast<uint32_t>(label));
      }
    }
    EXPECT_EQ(seen, shuffled(10, 1, epoch));
  }
}

TEST(BatchLoaderTest, TakesABatchLargerThanTheData) {
  const Dataset data = numbered(3);
  BatchLoader loader(data, 100, 1, [](uint64_t) { return in_order(3); });
  EXPECT_EQ(loader.next().count(), 3);
}

TEST(BatchLoaderTest, CanBeLeftAtAnyTime) {
  const Dataset data = numbered(10);
  for (int taken = 0; taken < 6; ++taken) {
    BatchLoader loader(data, 1, 1, [](uint64_t) { return in_order(10); });
    for (int i = 0; i < taken; ++i) loader.next();
  }
}

TEST(BatchLoaderTest, PassesOnWhatItsThreadThrows) {
  const Dataset data = numbered(2);
  BatchLoader loader(data, 1, 2, [](uint64_t epoch) {
    if (epoch == 1) throw std::runtime_error("no order");
    return in_order(2);
  });
  loader.next();
  loader.next();
  EXPECT_THROW(loader.next(), std::runtime_error);
}

}  // namespace
}  // namespace voluta
