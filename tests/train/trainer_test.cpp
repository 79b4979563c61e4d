// The training loop on a handful of drawn digits: it learns, repeats itself bit for bit, and its
// weights survive the way through a file.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/digits.h>
#include <voluta/train/metrics_log.h>
#include <voluta/train/trainer.h>
#include <voluta/train/weights.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <sstream>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

// Under SIMT one step takes seconds on the emulated device; here the loop is judged, on the CPU.
const Device kCpu{};

InMemoryDataset digits(int64_t count, Split split) {
  return InMemoryDataset(draw_digits(count, 1, split), mnist_normalization());
}

TrainOptions small_run() {
  TrainOptions options{.batch_size = 16, .epochs = 4};
  options.plan.device = kCpu;
  options.schedule = {.kind = ScheduleKind::kOneCycle, .lr = 0.05};
  options.optimizer = {.weight_decay = 5e-4};
  options.seed = 3;
  return options;
}

class TrainerTest : public ::testing::Test {
 protected:
  InMemoryDataset train_ = digits(200, Split::kTrain);  // 12 batches of 16 and one of 8
  InMemoryDataset test_ = digits(50, Split::kTest);
  const ModelEntry& model_ = find_model("lenet5");

  std::string weights_of(Trainer& trainer, const std::string& path) {
    save_weights(path, trainer.session(), trainer.graph(),
                 {"lenet5", 10, {train_.image_shape(), mnist_normalization(), 28}});
    return read_bytes(path);
  }
};

TEST_F(TrainerTest, Learns) {
  constexpr int64_t kEpochs = 8;
  TrainOptions options = small_run();
  options.epochs = kEpochs;
  Trainer trainer(model_, train_, test_, options);
  std::vector<EpochReport> epochs;
  const TrainResult result =
      trainer.run({.on_epoch = [&](const EpochReport& r) { epochs.push_back(r); }});
  ASSERT_EQ(epochs.size(), std::size_t{kEpochs});
  EXPECT_EQ(result.steps, kEpochs * 13);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(epochs[0].train.images, 200);
  EXPECT_EQ(epochs[0].test.images, 50);
  EXPECT_NEAR(epochs[0].train.mean_loss(), 2.2, 0.5);
  EXPECT_LT(epochs.back().train.mean_loss(), 0.5 * epochs[0].train.mean_loss());
  EXPECT_GT(epochs.back().train.top1_fraction(), 0.8);
  EXPECT_GE(epochs.back().train.top5, epochs.back().train.top1);
  EXPECT_EQ(result.test.top1, epochs.back().test.top1);
}

TEST_F(TrainerTest, RepeatsItselfBitForBit) {
  const TemporaryFolder folder;
  TrainOptions options = small_run();
  options.epochs = 2;
  std::string bytes[2];
  for (std::string& weights : bytes) {
    Trainer trainer(model_, train_, test_, options);
    trainer.run({});
    weights = weights_of(trainer, folder / "w");
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  options.seed = 4;
  Trainer other(model_, train_, test_, options);
  other.run({});
  EXPECT_NE(weights_of(other, folder / "w"), bytes[0]);
}

// How often metrics are read must not change what is computed.
TEST_F(TrainerTest, ReportsWithoutInfluence) {
  const TemporaryFolder folder;
  TrainOptions options = small_run();
  options.epochs = 1;
  Trainer silent(model_, train_, test_, options);
  silent.run({});
  options.print_freq = 1;
  Trainer talkative(model_, train_, test_, options);
  std::vector<StepReport> steps;
  talkative.run({.on_step = [&](const StepReport& r) { steps.push_back(r); }});
  ASSERT_EQ(steps.size(), 13u);
  double images = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].total_step, static_cast<int64_t>(i) + 1);
    images += steps[i].sums.images;
  }
  EXPECT_EQ(images, 200);
  EXPECT_EQ(steps.back().sums.images, 8);
  EXPECT_EQ(steps.back().images_left, 0);
  EXPECT_EQ(weights_of(silent, folder / "w"), weights_of(talkative, folder / "w"));
}

TEST_F(TrainerTest, StopsWhenAsked) {
  TrainOptions options = small_run();
  options.print_freq = 1;
  Trainer trainer(model_, train_, test_, options);
  std::atomic<bool> stop{false};
  int64_t epochs = 0;
  const TrainResult result = trainer.run({.on_step =
                                              [&](const StepReport& r) {
                                                if (r.total_step == 14) stop = true;
                                              },
                                          .on_epoch = [&](const EpochReport&) { ++epochs; }},
                                         &stop);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(epochs, 1);
  EXPECT_LE(result.steps, 15) << "at most the step that was under way";

  options.max_steps = 5;
  Trainer limited(model_, train_, test_, options);
  const TrainResult ended = limited.run({});
  EXPECT_EQ(ended.steps, 5);
  EXPECT_FALSE(ended.interrupted);
  EXPECT_EQ(ended.test.images, 50) << "a limited run is still evaluated";
}

TEST_F(TrainerTest, WithoutMomentumAndFusion) {
  TrainOptions options = small_run();
  options.epochs = 1;
  options.optimizer.momentum = 0;
  options.plan.passes.fuse = false;
  Trainer trainer(model_, train_, test_, options);
  trainer.run({});
  EXPECT_FALSE(trainer.session().has_state("momentum.conv1.weight"));
}

TEST_F(TrainerTest, SaysThatTheLossIsNoLongerFinite) {
  TrainOptions options = small_run();
  options.schedule = {.kind = ScheduleKind::kConstant, .lr = 1e30};
  Trainer trainer(model_, train_, test_, options);
  expect_error(ErrorKind::kFailed, {"no longer finite", "ScheduleOptions::lr"},
               [&] { trainer.run({}); });
}

TEST_F(TrainerTest, RefusesNonsense) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [&](const std::string& part, auto&& change) {
    TrainOptions options = small_run();
    change(options);
    expect_error(ErrorKind::kInvalidArgument, {part},
                 [&] { Trainer(model_, train_, test_, options); });
  };
  refused("TrainOptions::batch_size", [](TrainOptions& o) { o.batch_size = 0; });
  refused("TrainOptions::epochs", [](TrainOptions& o) { o.epochs = 0; });
  refused("TrainOptions::max_steps", [](TrainOptions& o) { o.max_steps = -1; });
  refused("OptimizerOptions::momentum", [&](TrainOptions& o) { o.optimizer.momentum = nan; });
  refused("OptimizerOptions::weight_decay", [](TrainOptions& o) { o.optimizer.weight_decay = -1; });
  refused("ScheduleOptions::lr", [&](TrainOptions& o) { o.schedule.lr = nan; });
  refused("TrainOptions::label_smoothing", [](TrainOptions& o) { o.label_smoothing = 2; });
  refused("OptimizerOptions::nesterov",
          [](TrainOptions& o) { o.optimizer = {.momentum = 0, .nesterov = true}; });
}

TEST_F(TrainerTest, WeightsComeBackFromTheirFile) {
  const TemporaryFolder folder;
  TrainOptions options = small_run();
  Trainer trainer(model_, train_, test_, options);
  const TrainResult result = trainer.run({});
  const std::string path = folder / "w.safetensors";
  weights_of(trainer, path);

  const TensorFile file = read_safetensors(path);
  EXPECT_EQ(file.tensors.at("conv1.weight").shape(), (Shape{6, 1, 5, 5}));
  EXPECT_EQ(file.tensors.size(), 10u) << "momentum and metrics stay out";
  const auto description = description_of(file, path);
  ASSERT_TRUE(description);
  EXPECT_EQ(description->model, "lenet5");
  EXPECT_EQ(description->classes, 10);
  EXPECT_EQ(description->preprocessing.image, (Shape{28, 28, 1}));
  EXPECT_EQ(description->preprocessing.normalization.mean, mnist_normalization().mean);

  Session session(kCpu);
  PlanOptions plan;
  plan.device = kCpu;
  Evaluator evaluator(session, test_,
                      {.model = &model_, .image = {28, 28, 1}, .classes = 10, .batch = 16}, plan);
  load_weights(file, path, session, evaluator.graph());
  const MetricSums sums = evaluator.run();
  EXPECT_EQ(sums.top1, result.test.top1);
  EXPECT_EQ(sums.loss, result.test.loss);
}

// Full batches and a last one, first captured, then replayed.
TEST_F(TrainerTest, EvaluatesTheSameWithAReplayedGraph) {
  for (const Device device : available_devices()) {
    Session session(device);
    const StepOptions step{.model = &model_, .image = {28, 28, 1}, .classes = 10, .batch = 24};
    Evaluator replayed(session, test_, step, {.device = device}, {.use_graph = true});
    Evaluator launched(session, test_, step, {.device = device}, {.use_graph = false});
    for (int i = 0; i < 2; ++i) {
      const MetricSums a = replayed.run(), b = launched.run();
      EXPECT_EQ(a.images, static_cast<double>(test_.count()));
      EXPECT_EQ(a.top1, b.top1) << to_string(device);
      EXPECT_EQ(a.loss, b.loss) << to_string(device);
      EXPECT_GT(a.loss, 0);
    }
  }
}

TEST_F(TrainerTest, RemembersTheOptionsItsShapesDependOn) {
  const TemporaryFolder folder;
  Trainer trainer(model_, train_, test_, small_run());
  const std::string path = folder / "w.safetensors";
  save_weights(path, trainer.session(), trainer.graph(),
               {"lenet5",
                trainer.classes(),
                {{28, 28, 1}, mnist_normalization(), 32, Interpolation::kBicubic, {"a", "b"}},
                0.5,
                1e-3});
  TensorFile file = read_safetensors(path);
  const auto description = description_of(file, path);
  ASSERT_TRUE(description);
  EXPECT_EQ(description->width, 0.5);
  EXPECT_EQ(description->epsilon, 1e-3);
  EXPECT_EQ(description->preprocessing.resize, 32);
  EXPECT_EQ(description->preprocessing.interpolation, Interpolation::kBicubic);
  EXPECT_EQ(class_name(description->preprocessing, 1), "b");
  EXPECT_EQ(class_name(description->preprocessing, 2), "class 2");
  for (const auto& [key, value] :
       std::multimap<std::string, std::string>{{"voluta.width", "-1"},
                                               {"voluta.width", "1e999"},
                                               {"voluta.bn_eps", "\"a\""},
                                               {"voluta.classes", "0"},
                                               {"voluta.mean", "[1,2]"},
                                               {"voluta.std", "[0]"},
                                               {"voluta.resize", "27"},
                                               {"voluta.interpolation", "nearest"},
                                               {"voluta.class_names", "7"},
                                               {"voluta.input", "[1]"}}) {
    TensorFile bad = file;
    bad.metadata[key] = value;
    EXPECT_THROW(description_of(bad, path), Error) << key;
  }
}

TEST_F(TrainerTest, MoreOutputsThanClasses) {
  TrainOptions options = small_run();
  options.max_steps = 1;
  options.model.classes = 12;
  Trainer trainer(model_, train_, test_, options);
  trainer.run({});
  EXPECT_EQ(trainer.classes(), 12);
  options.model.classes = 9;
  expect_error(ErrorKind::kInvalidArgument, {"the data have 10 classes, the model 9"},
               [&] { Trainer(model_, train_, test_, options); });
}

TEST_F(TrainerTest, LogsOneJsonObjectALine) {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  {
    MetricsLog log(path);
    EXPECT_FALSE(std::filesystem::exists(path)) << "made by the first line";
    log.write(StepReport{.epoch = 1, .total_step = 2, .sums = {4, 1, 2, 2}, .lr = 0.5});
    log.write(EpochReport{.epoch = 1, .total_step = 2, .train = {4, 1, 2, 2}});
    log.write(EpochReport{.epoch = 1, .test = {NAN, 1, 2, 2}});
  }
  std::istringstream lines(read_bytes(path));
  std::string step, epoch, spoilt, none;
  std::getline(lines, step);
  std::getline(lines, epoch);
  std::getline(lines, spoilt);
  EXPECT_EQ(step, R"({"event":"step","epoch":1,"step":2,"loss":2.0,"top1":0.5,"lr":0.5,)"
                  R"("images_per_second":0.0})");
  EXPECT_EQ(epoch, R"({"event":"epoch","epoch":1,"step":2,"train_loss":2.0,"train_top1":0.5,)"
                   R"("test_loss":null,"test_top1":null,"test_top5":null,"lr":0.0,)"
                   R"("train_seconds":null,"images_per_second":null})")
      << "what was not measured";
  EXPECT_NE(spoilt.find(R"("test_loss":null,"test_top1":0.5)"), std::string::npos) << spoilt;
  EXPECT_FALSE(std::getline(lines, none));
}

}  // namespace
}  // namespace voluta
