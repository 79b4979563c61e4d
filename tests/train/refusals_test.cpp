// What a program may give that makes no sense: pictures, sets and models. Each is one error at the
// constructor, before anything is read out of bounds or trained on nonsense.

#include <gtest/gtest.h>
#include <voluta/layers/linear.h>
#include <voluta/train/digits.h>
#include <voluta/train/predictor.h>
#include <voluta/train/trainer.h>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

constexpr auto kInvalid = ErrorKind::kInvalidArgument;

// Of seven classes, whatever it is asked for.
ModelOutput seven(Scope s, Value image, const ModelOptions&) {
  return linear(s["fc"], flatten(s["flat"], image), {.features = 7});
}
const ModelEntry kSeven{"seven", "", 28, 28, 1, 7, seven};

InMemoryDataset digits(int64_t count) {
  return InMemoryDataset(draw_digits(count, 1, Split::kTest), mnist_normalization());
}

class Refusals : public ::testing::Test {
 protected:
  StepOptions step(const ModelEntry& model) const {
    return {.model = &model, .image = {28, 28, 1}, .classes = 10, .batch = 16};
  }

  TrainOptions options_{.batch_size = 16, .epochs = 1};
  const ModelEntry& lenet_ = find_model("lenet5");
  InMemoryDataset data_ = digits(20);
  InMemoryDataset empty_{{Tensor(DType::u8, {0, 28, 28, 1}), Tensor(DType::i64, {0}), 10},
                         mnist_normalization()};
  Session session_{Device{}};
};

TEST_F(Refusals, LogitsOfOtherClasses) {
  const std::initializer_list<std::string> parts = {"seven", "[16, 7]", "10 classes"};
  expect_error(kInvalid, parts, [&] { Trainer(kSeven, data_, data_, options_); });
  expect_error(kInvalid, parts, [&] { Evaluator(session_, data_, step(kSeven), {}); });
  expect_error(kInvalid, parts, [&] { Predictor(session_, data_, step(kSeven), {}); });
  StepOptions as_published = step(kSeven);
  as_published.classes = 0;
  EXPECT_NO_THROW(Predictor(session_, data_, as_published, {}));
  expect_error(kInvalid, {"the data have 10 classes, the model 7"},
               [&] { Evaluator(session_, data_, as_published, {}); });
}

// An auxiliary classifier counts in training alone.
TEST_F(Refusals, AuxiliaryLogitsOfOtherClasses) {
  const ModelEntry model{
      "two", "", 28, 28, 1, 10, [](Scope s, Value image, const ModelOptions& options) {
        const Value x = flatten(s["flat"], image);
        return ModelOutput(linear(s["late"], x, {.features = options.classes}),
                           {{linear(s["early"], x, {.features = 7}), 0.3}});
      }};
  expect_error(kInvalid, {"two", "[16, 7]", "10 classes"},
               [&] { Trainer(model, data_, data_, options_); });
}

// The training set says how many there are.
TEST_F(Refusals, ATestSetOfMoreClasses) {
  LabelledImages more = draw_digits(20, 1, Split::kTest);
  more.classes = 12;
  const InMemoryDataset test(more, mnist_normalization());
  expect_error(kInvalid, {"the data have 12 classes, the model 10"},
               [&] { Trainer(lenet_, data_, test, options_); });
  more.classes = 11;
  more.labels.data<int64_t>()[0] = 10;
  const InMemoryDataset train(more, mnist_normalization());
  EXPECT_EQ(Trainer(lenet_, train, data_, options_).classes(), 11);
}

TEST_F(Refusals, SetsWithoutPictures) {
  expect_error(kInvalid, {"the training set is empty"},
               [&] { Trainer(lenet_, empty_, data_, options_); });
  expect_error(kInvalid, {"the test set is empty"},
               [&] { Trainer(lenet_, data_, empty_, options_); });
  expect_error(kInvalid, {"the test set is empty"},
               [&] { Evaluator(session_, empty_, step(lenet_), {}); });
  expect_error(kInvalid, {"the set is empty"},
               [&] { Predictor(session_, empty_, step(lenet_), {}); });
  const auto order = [](uint64_t) { return std::vector<uint32_t>{}; };
  expect_error(kInvalid, {"the set is empty"}, [&] { BatchLoader(empty_, 16, 1, order); });
}

// Of 1 x 1 pixels at the end, as a network for large pictures has of small ones.
TEST_F(Refusals, ALastBatchWithoutVariance) {
  options_.model.width = 0.125;
  const ModelEntry& model = find_model("mobilenet_v1");
  const InMemoryDataset train = digits(17);
  expect_error(kInvalid,
               {"the last batch of an epoch has 1 picture", "batch norm has no variance",
                "TrainOptions::batch_size than 16"},
               [&] { Trainer(model, train, data_, options_); });
  options_.batch_size = 15;
  EXPECT_NO_THROW(Trainer(model, train, data_, options_));
  options_.batch_size = 1;  // every batch
  expect_error(kInvalid, {"more than 1 value per channel", "[1, 1, 1, "},
               [&] { Trainer(model, train, data_, options_); });
}

TEST_F(Refusals, BatchesWithoutPictures) {
  StepOptions none = step(lenet_);
  none.batch = 0;
  expect_error(kInvalid, {"batch", "at least 1"}, [&] { Evaluator(session_, data_, none, {}); });
  expect_error(kInvalid, {"batch", "at least 1"}, [&] { Predictor(session_, data_, none, {}); });
}

TEST_F(Refusals, StepsWithoutAModel) {
  expect_error(kInvalid, {"StepOptions", "model"}, [] { inference_step({.image = {28, 28, 1}}); });
  const ModelEntry unbuilt{"unbuilt", "", 28, 28, 1, 10, nullptr};
  expect_error(kInvalid, {"unbuilt"}, [&] {
    inference_step({.model = &unbuilt, .image = {28, 28, 1}});
  });
}

TEST(RefusedPictures, ThatAreNotWhatTheirTypeSays) {
  const auto refused = [](std::initializer_list<std::string> parts, auto&& change) {
    LabelledImages data = draw_digits(6, 1, Split::kTest);
    change(data);
    expect_error(kInvalid, parts, [&] { InMemoryDataset(data, mnist_normalization()); });
  };
  refused({"6 pictures", "5 labels"}, [](auto& d) { d.labels = Tensor(DType::i64, {5}); });
  refused({"label 10 of picture 3", "0..9"},
          [](auto& d) { d.labels.template data<int64_t>()[3] = 10; });
  refused({"label -1 of picture 5", "0..9"},
          [](auto& d) { d.labels.template data<int64_t>()[5] = -1; });
  refused({"labels", "u8 [6]", "i64 [N]"}, [](auto& d) { d.labels = Tensor(DType::u8, {6}); });
  refused({"pictures", "u8 [6, 784]", "u8 [N,H,W,C]"}, [](auto& d) {
    d.images = d.images.reshaped({6, 784});
  });
  refused({"pictures", "f32 [6, 28, 28, 1]"}, [](auto& d) {
    d.images = Tensor(DType::f32, {6, 28, 28, 1});
  });
  refused({"labels", "f32 []"}, [](auto& d) { d.labels = {}; });
  refused({"classes", "0"}, [](auto& d) { d.classes = 0; });
}

TEST(RefusedPictures, NormalizationMakesNumbers) {
  const double nan = std::nan("");
  const LabelledImages data = draw_digits(2, 1, Split::kTest);
  for (const Normalization& bad : {Normalization{{0}, {0}}, {{0}, {-1}}, {{0}, {nan}}}) {
    expect_error(kInvalid, {"deviation of channel 0", "above 0"},
                 [&] { InMemoryDataset(data, bad); });
  }
  expect_error(kInvalid, {"mean of channel 0", "finite"}, [&] {
    InMemoryDataset(data, {{nan}, {1}});
  });
}

}  // namespace
}  // namespace voluta
