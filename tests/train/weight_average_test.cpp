// Running averages of the weights: their rule, and that they are what a run tests and saves.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/io/safetensors.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/normalization.h>
#include <voluta/train/digits.h>
#include <voluta/train/trainer.h>
#include <voluta/train/weights.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

// Running statistics among the states, floating ones and a counter.
ModelOutput normed(Scope s, Value image, const ModelOptions& options) {
  const Value x = batch_norm(s["norm"], image, {});
  return linear(s["fc"], flatten(s["flat"], x), {.features = options.classes});
}
const ModelEntry kNormed{"normed", "", 28, 28, 1, 10, normed};

// 100 pictures in steps of 16: seven an epoch, the last with 4.
constexpr int64_t kStepsPerEpoch = 7;

class WeightAverage : public ::testing::Test {
 protected:
  WeightAverage() {
    options_.plan.device = Device{};
    options_.schedule = {.kind = ScheduleKind::kConstant, .lr = 0.05};
    options_.average = {.enabled = true, .decay = 0.99, .steps = 2};
  }

  InMemoryDataset train_{draw_digits(100, 1, Split::kTrain), mnist_normalization()};
  InMemoryDataset test_{draw_digits(30, 1, Split::kTest), mnist_normalization()};
  TrainOptions options_{.batch_size = 16, .epochs = 3, .print_freq = 1};
};

TEST_F(WeightAverage, SharesAreTorchvisions) {
  const WeightAverageOptions options{.enabled = true, .decay = 0.99, .steps = 4};
  const AverageSchedule schedule{.batch = 5, .epochs = 10, .warmup_epochs = 2};
  EXPECT_EQ(average_share(options, schedule, 0, 0), 1);
  EXPECT_EQ(average_share(options, schedule, 1, 4), 1);
  EXPECT_EQ(average_share(options, schedule, 2, 0), 1);
  EXPECT_EQ(average_share(options, schedule, 2, 3), 0);
  EXPECT_DOUBLE_EQ(average_share(options, schedule, 2, 4), (1 - 0.99) * 5 * 4 / 10);
  EXPECT_DOUBLE_EQ(average_share(options, schedule, 3, 0), (1 - 0.99) * 5 * 4 / 10);
  EXPECT_EQ(average_share({true, 0.5, 4}, schedule, 3, 0), 1) << "at most the weights themselves";
  expect_error(ErrorKind::kInvalidArgument, {"WeightAverageOptions::decay"}, [] {
    check_weight_average({true, 1, 1});
  });
  expect_error(ErrorKind::kInvalidArgument, {"WeightAverageOptions::steps"}, [] {
    check_weight_average({true, 0.9, 0});
  });
}

// 20 updates of 8 an epoch, averaged every fourth: the copy, then four averages; with an epoch of warm-up the
// copies last until the ninth update.
TEST_F(WeightAverage, SaysWhatIsLeftOfTheFirstWeights) {
  const WeightAverageOptions options{.enabled = true, .decay = 0.99, .steps = 4};
  const double alpha = (1 - 0.99) * 5 * 4 / 10;
  EXPECT_DOUBLE_EQ(first_weights_share(options, {5, 10, 0}, 8, 20), std::pow(1 - alpha, 4));
  EXPECT_DOUBLE_EQ(first_weights_share(options, {5, 10, 1}, 8, 20), std::pow(1 - alpha, 2));
  EXPECT_EQ(first_weights_share(options, {5, 10, 1}, 8, 8), 0);
  EXPECT_EQ(first_weights_share(options, {5, 10, 0}, 8, 4), 1);
}

TEST_F(WeightAverage, FollowsTheWeightsAndTheStatistics) {
  Trainer trainer(kNormed, train_, test_, options_);
  const double alpha = (1 - 0.99) * 16 * 2 / 3;
  std::map<std::string, std::vector<double>> expected;
  const auto on_step = [&](const StepReport& report) {
    if ((report.step - 1) % 2 != 0) return;
    for (const char* name : {"fc.weight", "norm.weight", "norm.running_var"}) {
      const Tensor now = trainer.session().read_state(name);
      std::vector<double>& average = expected[name];
      if (report.total_step == 1) average.assign(static_cast<std::size_t>(now.elements()), 0);
      for (std::size_t i = 0; i < average.size(); ++i) {
        const double x = now.data<float>()[i];
        average[i] += (report.total_step == 1 ? 1 : alpha) * (x - average[i]);
      }
    }
  };
  trainer.run({.on_step = on_step});
  ASSERT_EQ(expected.size(), 3U);
  for (const auto& [name, average] : expected) {
    const Tensor state = trainer.session().read_state("ema." + name);
    double differs = 0;
    const Tensor weights = trainer.session().read_state(name);
    for (std::size_t i = 0; i < average.size(); ++i) {
      ASSERT_NEAR(state.data<float>()[i], average[i], 1e-5 * (1 + std::fabs(average[i]))) << name;
      differs =
          std::max<double>(differs, std::fabs(state.data<float>()[i] - weights.data<float>()[i]));
    }
    EXPECT_GT(differs, 1e-4) << name << ": the averages are the weights";
  }
}

TEST_F(WeightAverage, IsWhatIsTestedAndSaved) {
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  options_.average.decay = 0.999;
  Trainer trainer(kNormed, train_, test_, options_);
  const TrainResult result = trainer.run({});
  const ModelDescription description{"normed", 10, {{28, 28, 1}, mnist_normalization(), 28}};
  const auto evaluated = [&] {
    Session session(Device{});
    const StepOptions step{.model = &kNormed, .image = {28, 28, 1}, .classes = 10, .batch = 16};
    Evaluator evaluator(session, test_, step, options_.plan);
    load_weights(read_safetensors(path), path, session, evaluator.graph());
    return evaluator.run();
  };
  save_averages(path, trainer.session(), trainer.graph(), description);
  EXPECT_EQ(evaluated().loss, result.test.loss);
  EXPECT_EQ(read_safetensors(path).tensors.at("norm.num_batches_tracked").item<int64_t>(),
            3 * kStepsPerEpoch);
  save_weights(path, trainer.session(), trainer.graph(), description);
  EXPECT_NE(evaluated().loss, result.test.loss);
  ASSERT_TRUE(result.raw_test);
  EXPECT_EQ(evaluated().loss, result.raw_test->loss);
  EXPECT_EQ(evaluated().top1, result.raw_test->top1);
}

}  // namespace
}  // namespace voluta
