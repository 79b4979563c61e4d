// A loss that is no longer finite ends the run, and the message says where that began.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/train/digits.h>
#include <voluta/train/finite_check.h>
#include <voluta/train/sampler.h>
#include <voluta/train/trainer.h>

#include <algorithm>
#include <cmath>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

constexpr int64_t kImages = 200, kBatch = 16, kSeed = 3;  // 13 steps an epoch

InMemoryDataset digits() {
  return InMemoryDataset(draw_digits(kImages, 1, Split::kTrain), mnist_normalization());
}

// Digits, one of which has a pixel that is no number.
class SpoiltDigits : public InMemoryDataset {
 public:
  explicit SpoiltDigits(uint32_t index) : InMemoryDataset(digits()), index_(index) {}
  int64_t load(uint32_t index, uint64_t epoch, float* values) const override {
    const int64_t label = InMemoryDataset::load(index, epoch, values);
    if (index == index_) values[100] = NAN;
    return label;
  }
  PictureSource source() const override { return LoadedPictures{}; }

 private:
  uint32_t index_;
};

class NotFinite : public ::testing::Test {
 protected:
  NotFinite() { options_.plan.device = Device{}; }

  static std::map<std::string, Tensor> states_of(Session& session) {
    std::map<std::string, Tensor> states;
    for (const std::string& name : session.state_names()) states[name] = session.read_state(name);
    return states;
  }

  static void plant(Trainer& trainer, const std::string& name, float value) {
    Tensor tensor = trainer.session().read_state(name);
    std::ranges::fill(tensor.data<float>(), value);
    trainer.session().write_state(name, tensor);
  }

  // The message of a run that goes back to its last checkpoint, or to its start.
  static std::string message(Trainer& trainer) {
    RunPosition position;
    std::map<std::string, Tensor> states = states_of(trainer.session());
    const auto keep = [&](const RunPosition& here) {
      position = here;
      states = states_of(trainer.session());
    };
    const auto rewind = [&](Session& session) {
      for (const auto& [name, tensor] : states) session.write_state(name, tensor);
      return position;
    };
    try {
      trainer.run({.on_checkpoint = keep, .rewind = rewind});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailed);
      return error.what();
    }
    ADD_FAILURE() << "the run went through";
    return "";
  }

  Trainer make_trainer() { return Trainer(find_model("lenet5"), data_, data_, options_); }

  const InMemoryDataset data_ = digits();
  TrainOptions options_{.batch_size = kBatch,
                        .epochs = 2,
                        .schedule = {.kind = ScheduleKind::kConstant, .lr = 0.01},
                        .seed = kSeed,
                        .print_freq = 1000,
                        .evaluate = false};
};

TEST_F(NotFinite, NamesTheLayerThatOverflows) {
  for (const int64_t parts : {1, 3}) {
    options_.grad_accum_steps = parts;
    Trainer trainer = make_trainer();
    plant(trainer, "fc2.weight", 3e38f);
    const std::string text = message(trainer);
    EXPECT_NE(text.find("it began in step 1: fc2 (linear, forward) made "), std::string::npos)
        << text;
    EXPECT_NE(text.find("from finite inputs; 'fc2.weight' is up to 3e+38"), std::string::npos)
        << text;
  }
}

// The weights of a step are cast at once; the message names the one that f16 cannot hold.
TEST_F(NotFinite, NamesTheWeightThat16BitsCannotHold) {
  options_.data_type = DType::f16;
  Trainer trainer = make_trainer();
  plant(trainer, "fc2.weight", 1e5f);
  const std::string text = message(trainer);
  EXPECT_NE(text.find("from finite inputs; 'fc2.weight' is up to 1e+05"), std::string::npos)
      << text;
}

// What is drawn is drawn again when the steps are repeated, and moves no blame to the pictures.
TEST_F(NotFinite, NamesTheLayerBehindAugmentation) {
  options_.augmentation = {.mixup_alpha = 0.2,
                           .cutmix_alpha = 1,
                           .random_erase = 0.5,
                           .color_jitter = {0.4, 0.4},
                           .trivial_augment = true,
                           .normalization = mnist_normalization()};
  Trainer trainer = make_trainer();
  plant(trainer, "fc2.weight", 3e38f);
  const std::string text = message(trainer);
  EXPECT_NE(text.find("it began in step 1: fc2 (linear, forward) made "), std::string::npos)
      << text;
}

TEST_F(NotFinite, NamesWhatALearningRateTooLargeBroke) {
  options_.schedule.lr = 1e37;
  Trainer trainer = make_trainer();
  const std::string text = message(trainer);
  EXPECT_NE(text.find("after step 13; it began in step "), std::string::npos) << text;
  EXPECT_NE(text.find("from finite inputs"), std::string::npos) << text;
  EXPECT_NE(text.find("smaller ScheduleOptions::lr"), std::string::npos) << text;
}

TEST_F(NotFinite, NamesAParameterThatWasNotFiniteBefore) {
  Trainer trainer = make_trainer();
  plant(trainer, "fc1.bias", INFINITY);
  plant(trainer, "fc2.bias", NAN);
  const std::string text = message(trainer);
  EXPECT_NE(text.find("'fc1.bias' was not finite after step 0 already"), std::string::npos) << text;
}

// With checkpoints on the way the steps are repeated from the last one.
TEST_F(NotFinite, NamesThePicture) {
  constexpr uint32_t kPicture = 77;
  const SpoiltDigits data(kPicture);
  const std::vector<uint32_t> order = shuffled(kImages, kSeed, 0);
  const auto place = std::ranges::find(order, kPicture) - order.begin();
  for (const int64_t checkpoint_steps : {0, 2}) {
    options_.checkpoint_steps = checkpoint_steps;
    Trainer trainer(find_model("lenet5"), data, data, options_);
    const std::string text = message(trainer);
    EXPECT_NE(text.find("it began in step " + std::to_string(place / kBatch + 1) +
                        ": picture 77 of the training set"),
              std::string::npos)
        << text;
  }
}

TEST_F(NotFinite, SaysWhenRepeatingGivesFiniteNumbers) {
  Trainer trainer = make_trainer();
  const auto sound = states_of(trainer.session());
  plant(trainer, "fc2.bias", NAN);
  const auto rewind = [&](Session& session) {
    for (const auto& [name, tensor] : sound) session.write_state(name, tensor);
    return RunPosition{};
  };
  expect_error(ErrorKind::kFailed,
               {"after step 13; repeating steps 1 to 13", "fault of the machine"},
               [&] { trainer.run({.rewind = rewind}); });
}

TEST_F(NotFinite, WithoutAWayBackItSaysWhatItKnows) {
  options_.schedule.lr = 1e37;
  Trainer trainer = make_trainer();
  expect_error(ErrorKind::kFailed,
               {"no longer finite after step 13", "smaller ScheduleOptions::lr"},
               [&] { trainer.run({}); });
}

TEST_F(NotFinite, AFailedRunLeavesTheCheckpointsAsTheyAre) {
  options_.checkpoint_steps = 1;
  Trainer trainer = make_trainer();
  plant(trainer, "fc2.weight", 3e38f);
  expect_error(ErrorKind::kFailed, {"after step 1"},
               [&] { trainer.run({.on_checkpoint = [](const RunPosition&) { ADD_FAILURE(); }}); });
}

TEST(CountNotFinite, OfEveryType) {
  Tensor f32(DType::f32, {3}), f64(DType::f64, {2}), f16(DType::f16, {2}), i64(DType::i64, {2});
  f32.data<float>()[1] = NAN;
  f32.data<float>()[2] = -INFINITY;
  f64.data<double>()[0] = 1e300;
  f16.data<Float16>()[0] = Float16(1e6f);
  EXPECT_EQ(count_not_finite(f32), 2);
  EXPECT_EQ(count_not_finite(f64), 0);
  EXPECT_EQ(count_not_finite(f16), 1);
  EXPECT_EQ(count_not_finite(i64), 0);
}

// The last update spoils the weights; no training step follows that would meet them.
TEST_F(NotFinite, TheTestFindsWhatTheLastStepDid) {
  options_.evaluate = true;
  options_.max_steps = 2;
  options_.optimizer.weight_decay = 1e25;  // 0.1 becomes -1e24, and that -1e49
  options_.schedule.lr = 1;
  Trainer trainer = make_trainer();
  const std::string text = message(trainer);
  EXPECT_NE(text.find("no longer finite after step 2; it began in step 2: "), std::string::npos)
      << text;
  EXPECT_NE(text.find("of the new '"), std::string::npos) << text;
}

// With finite weights it is a figure like others, but never the best.
TEST_F(NotFinite, APictureOfTheTestEndsNoRun) {
  const SpoiltDigits test(7);
  options_.evaluate = true;
  Trainer trainer(find_model("lenet5"), data_, test, options_);
  std::vector<EpochReport> epochs;
  const TrainResult result =
      trainer.run({.on_epoch = [&](const EpochReport& r) { epochs.push_back(r); }});
  ASSERT_EQ(epochs.size(), 2U);
  for (const EpochReport& epoch : epochs) {
    EXPECT_FALSE(std::isfinite(epoch.test.mean_loss()));
    EXPECT_EQ(epoch.test.images, kImages);
    EXPECT_FALSE(epoch.best);
  }
  EXPECT_FALSE(std::isfinite(result.test.loss));
}

// What a test finds is looked for from the checkpoint before the step that did it.
TEST_F(NotFinite, StatesThatAreNotFiniteAreNotKeptForATest) {
  options_.evaluate = true;
  options_.max_steps = 2;
  options_.optimizer.weight_decay = 1e25;
  options_.schedule.lr = 1;
  Trainer trainer = make_trainer();
  expect_error(ErrorKind::kFailed, {"no longer finite after step 2"},
               [&] { trainer.run({.on_checkpoint = [](const RunPosition&) { ADD_FAILURE(); }}); });
}

}  // namespace
}  // namespace voluta
