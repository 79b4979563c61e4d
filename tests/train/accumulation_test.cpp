// Updates by the mean gradient of several batches: those of one batch as large as all of them.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/layers/loss.h>
#include <voluta/train/digits.h>
#include <voluta/train/trainer.h>

#include <algorithm>
#include <cmath>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

class Accumulation : public ::testing::Test {
 protected:
  TrainOptions options(int64_t batch, int64_t accumulated) const {
    TrainOptions options{.batch_size = batch, .grad_accum_steps = accumulated, .epochs = 1};
    options.plan.device = Device{};
    options.optimizer = {.weight_decay = 5e-4, .clip_grad_norm = 0.5};
    options.schedule = {.kind = ScheduleKind::kConstant, .lr = 0.05};
    options.print_freq = 1;
    return options;
  }

  Trainer trainer(const TrainOptions& options) const {
    return Trainer(find_model("lenet5"), train_, test_, options);
  }

  // Steps of 64, 64 and 62; in batches of 16 the last one ends with 14.
  InMemoryDataset train_{draw_digits(190, 1, Split::kTrain), mnist_normalization()};
  InMemoryDataset test_{draw_digits(20, 1, Split::kTest), mnist_normalization()};
};

TEST_F(Accumulation, MovesAsOneLargeBatch) {
  Trainer whole = trainer(options(64, 1)), parts = trainer(options(16, 4));
  std::vector<StepReport> of_whole, of_parts;
  whole.run({.on_step = [&](const StepReport& r) { of_whole.push_back(r); }});
  parts.run({.on_step = [&](const StepReport& r) { of_parts.push_back(r); }});
  ASSERT_EQ(of_parts.size(), 3U);
  ASSERT_EQ(of_whole.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(of_parts[i].sums.images, of_whole[i].sums.images);
    EXPECT_EQ(of_parts[i].images_left, of_whole[i].images_left);
    EXPECT_NEAR(of_parts[i].sums.loss, of_whole[i].sums.loss, 1e-6 * of_whole[i].sums.loss);
  }
  for (const Value parameter : parameters(whole.graph())) {
    const std::string& name = whole.graph().info(parameter).name;
    const Tensor a = whole.session().read_state(name), b = parts.session().read_state(name);
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < a.data<float>().size(); ++i) {
      const double x = a.data<float>()[i], y = b.data<float>()[i];
      largest = std::max(largest, std::fabs(x));
      difference = std::max(difference, std::fabs(x - y));
    }
    EXPECT_LE(difference, 1e-6 * largest) << name;
  }
}

TEST_F(Accumulation, RepeatsItselfBitForBit) {
  Trainer first = trainer(options(16, 4)), second = trainer(options(16, 4));
  EXPECT_EQ(first.run({}).test.loss, second.run({}).test.loss);
  const Tensor a = first.session().read_state("conv1.weight");
  const Tensor b = second.session().read_state("conv1.weight");
  EXPECT_TRUE(std::ranges::equal(a.data<float>(), b.data<float>()));
}

TEST_F(Accumulation, GroupsByWeightDecayAsWithoutIt) {
  StepOptions step{.model = &find_model("resnet20"), .image = {32, 32, 3}, .classes = 10};
  step.optimizer = {.weight_decay = 0.5, .norm_weight_decay = 0, .bias_weight_decay = 0.25};
  const auto updates = [](const Graph& graph) {
    std::vector<std::string> found;
    for (const Node& node : graph.nodes()) {
      if (node.pass == "update") found.push_back(node.path + ": " + describe(node.problem));
    }
    return found;
  };
  EXPECT_EQ(updates(update_step(step, accumulation_step(step)).graph),
            updates(training_step(step).graph));
}

TEST_F(Accumulation, RefusesNonsense) {
  expect_error(ErrorKind::kInvalidArgument, {"TrainOptions::grad_accum_steps"},
               [&] { trainer(options(16, 0)); });
}

}  // namespace
}  // namespace voluta
