// What is gathered from the batches of a test.

#include <gtest/gtest.h>
#include <voluta/train/digits.h>
#include <voluta/train/test_results.h>
#include <voluta/train/trainer.h>

#include <cmath>
#include <cstring>

namespace voluta {
namespace {

// Two pictures of 1 x 2 pixels a batch, three classes.
struct Given {
  Batch batch{.labels = Tensor(DType::i64, {2})};
  Tensor logits{DType::f32, {2, 3}};

  Given(std::vector<float> values, std::vector<int64_t> labels) {
    std::ranges::copy(values, logits.data<float>().begin());
    std::ranges::copy(labels, batch.labels.data<int64_t>().begin());
  }
};

// What those pictures are of: those of the first batch are 1 throughout, of the second 2.
class SmallPictures : public Dataset {
 public:
  int64_t count() const override { return 4; }
  int64_t classes() const override { return 3; }
  Shape image_shape() const override { return {1, 2, 1}; }
  int64_t load(uint32_t index, uint64_t, float* values) const override {
    std::fill_n(values, 2, index < 2 ? 1.0f : 2.0f);
    return 0;
  }
};

using Confusion = std::map<std::array<int64_t, 2>, int64_t>;

TEST(TestResultsTest, CountsPairsAndKeepsTheWorstMistakes) {
  const Given first({5, 1, 0, /**/ 0, 0, 2}, {0, 0});   // right; taken for 2
  const Given second({9, 0, 0, /**/ 1, 1, 0}, {1, 1});  // taken for 0; of a tie the first: 0
  TestResults results({{0.5}, {0.25}}, 2);
  results.add({0, first.batch, first.logits, SmallPictures()});
  results.add({2, second.batch, second.logits, SmallPictures()});
  EXPECT_EQ(results.images(), 4);
  EXPECT_EQ(results.confusion(), (Confusion{{{0, 0}, 1}, {{0, 2}, 1}, {{1, 0}, 2}}));

  ASSERT_EQ(results.worst().size(), 2u);
  const Mistake& worst = results.worst()[0];
  EXPECT_EQ(worst.index, 2);
  EXPECT_EQ(worst.label, 1);
  EXPECT_EQ(worst.predicted, 0);
  EXPECT_NEAR(worst.loss, 9 + std::log(1 + 2 * std::exp(-9.)), 1e-12);
  EXPECT_NEAR(worst.label_probability, std::exp(-worst.loss), 1e-12);
  EXPECT_NEAR(worst.predicted_probability, 1 / (1 + 2 * std::exp(-9.)), 1e-12);
  EXPECT_EQ(worst.image.height, 1);
  EXPECT_EQ(worst.image.rgb, std::vector<uint8_t>(6, 255));  // (2 * 0.25 + 0.5) * 255
  EXPECT_EQ(results.worst()[1].index, 1);
  EXPECT_EQ(results.worst()[1].image.rgb, std::vector<uint8_t>(6, 191));

  results.add({0, first.batch, first.logits, SmallPictures()});  // another test
  EXPECT_EQ(results.images(), 2);
  EXPECT_EQ(results.confusion(), (Confusion{{{0, 0}, 1}, {{0, 2}, 1}}));
  EXPECT_EQ(results.worst().size(), 1u);
}

TEST(TestResultsTest, NanIsTheWorstMistake) {
  const Given given({0, NAN, 1, /**/ 50, 0, 0}, {0, 1});
  TestResults results({{0.5}, {0.25}}, 1);
  results.add({0, given.batch, given.logits, SmallPictures()});
  ASSERT_EQ(results.worst().size(), 1u);
  EXPECT_EQ(results.worst()[0].index, 0);
  EXPECT_EQ(results.worst()[0].predicted, 1);
  EXPECT_EQ(results.worst()[0].image.rgb, std::vector<uint8_t>(6, 191));
}

class ResultsOfARun : public ::testing::Test {
 protected:
  ResultsOfARun() { options_.plan.device = Device{}; }

  const InMemoryDataset data_{draw_digits(50, 1, Split::kTest), mnist_normalization()};
  TrainOptions options_{.batch_size = 16, .epochs = 1, .optimizer = {.momentum = 0.9}};
};

TEST_F(ResultsOfARun, TheyAgreeWithTheAccuracy) {
  Trainer trainer(find_model("lenet5"), data_, data_, options_);
  TestResults results(mnist_normalization(), 5);
  const TrainResult run =
      trainer.run({.on_test_batch = [&](const TestBatch& batch) { results.add(batch); }});
  double right = 0;
  for (const auto& [pair, count] : results.confusion()) {
    if (pair[0] == pair[1]) right += static_cast<double>(count);
  }
  EXPECT_EQ(results.images(), 50);
  EXPECT_EQ(right, run.test.top1);
}

TEST_F(ResultsOfARun, TimingTheStepsLeavesTheStatesAsTheyAre) {
  Trainer trainer(find_model("lenet5"), data_, data_, options_);
  trainer.run({});
  std::map<std::string, Tensor> before;
  for (const std::string& name : trainer.session().state_names()) {
    before[name] = trainer.session().read_state(name);
  }
  const std::vector<StepTime> times = trainer.time_steps();
  ASSERT_EQ(times.size(), trainer.plan().steps().size());
  EXPECT_EQ(times[0].path, "pictures");
  EXPECT_EQ(times[1].path, "conv1");
  for (const StepTime& time : times) EXPECT_GE(time.ms, 0);
  for (const auto& [name, tensor] : before) {
    const Tensor after = trainer.session().read_state(name);
    EXPECT_EQ(std::memcmp(after.raw(), tensor.raw(), tensor.bytes()), 0) << name;
  }
}

// As of a run that goes on where an epoch's last step has been taken.
TEST_F(ResultsOfARun, StepsThatWereNotTakenHaveNoTimes) {
  Trainer trainer(find_model("lenet5"), data_, data_, options_);
  EXPECT_FALSE(trainer.has_stepped());
  EXPECT_TRUE(trainer.time_steps().empty());
  trainer.run({});
  EXPECT_TRUE(trainer.has_stepped());
}

}  // namespace
}  // namespace voluta
