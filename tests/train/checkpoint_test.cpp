// Checkpoints: a run that is stopped anywhere and resumed gives the bits of one that never stopped.

#include <voluta/core/error.h>
#include <voluta/io/checksum.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/checkpoint.h>
#include <voluta/train/digits.h>
#include <voluta/train/picture_index.h>
#include <voluta/train/sampler.h>
#include <voluta/train/trainer.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

const Device kCpu{};
const RunOrigin kOrigin = {{190, {"a", "b"}, 0xfedcba98}, {{"voluta.model", "lenet5"}}};

InMemoryDataset digits(int64_t count, Split split) {
  return InMemoryDataset(draw_digits(count, 1, split), mnist_normalization());
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

// What a run leaves: its states, and every report but its times.
struct Trace {
  std::map<std::string, Tensor> states;
  std::vector<std::string> reports;
  double last_lr = 0;

  void add(const MetricSums& sums, double lr, int64_t step) {
    if (lr > 0) last_lr = lr;
    reports.push_back(std::to_string(step) + " " + std::to_string(lr) + " " +
                      std::to_string(sums.loss) + " " + std::to_string(sums.images));
  }
};

class ResumeTest : public ::testing::Test {
 protected:
  ResumeTest() {
    options_.plan.device = kCpu;
    options_.schedule = {.kind = ScheduleKind::kPlateau, .lr = 0.002, .gamma = 0.5, .patience = 0};
    options_.optimizer = {.kind = OptimizerKind::kAdamW, .weight_decay = 0.01, .clip_grad_norm = 1};
  }

  // Where a run is stopped: after so many steps; at an epoch's end before or after its test.
  struct Stop {
    int64_t step = -1;
    bool after_test = false;
  };

  // Runs from a checkpoint, or from the start, with a checkpoint of where it stopped in `folder`.
  Trace run(const Checkpoint* from, const Stop& stop_at, CheckpointFolder* folder) {
    Trainer trainer(find_model("lenet5"), train_, test_, options_);
    if (from) restore(*from, trainer.session());
    Trace trace;
    std::atomic<bool> stop{false};
    const auto on_step = [&](const StepReport& r) {
      trace.add(r.sums, r.lr, r.total_step);
      if (r.total_step == stop_at.step && !stop_at.after_test) stop = true;
    };
    const auto on_epoch = [&](const EpochReport& r) {
      trace.add(r.train, r.lr, r.total_step);
      trace.add(r.test, 0, r.total_step);
    };
    const auto on_checkpoint = [&](const RunPosition& position) {
      const bool tested = position.epoch_report == position.total_step;
      const bool here = position.total_step == stop_at.step && (tested || !stop_at.after_test);
      if (folder && here) folder->save(trainer.session(), position, {{"seed", {"7"}}}, kOrigin);
      if (here) stop = true;
    };
    trainer.run({on_step, on_epoch, on_checkpoint}, &stop, from ? from->position : RunPosition{});
    for (const std::string& name : trainer.session().state_names()) {
      trace.states.emplace(name, trainer.session().read_state(name));
    }
    return trace;
  }

  static Checkpoint newest_of(const CheckpointFolder& folder) {
    std::vector<std::string> damaged;
    return folder.newest(damaged).value();
  }

  // Stops runs there and resumes them.
  void expect_same_bits(const Trace& whole, std::initializer_list<Stop> stops);

  TrainOptions options_{.batch_size = 16, .epochs = 3, .print_freq = 2, .checkpoint_steps = 1};
  // Epochs of 11 batches of 16 and one of 14.
  InMemoryDataset train_ = digits(190, Split::kTrain), test_ = digits(50, Split::kTest);
};

void ResumeTest::expect_same_bits(const Trace& whole, std::initializer_list<Stop> stops) {
  for (const Stop& stop : stops) {
    SCOPED_TRACE(std::to_string(stop.step) + (stop.after_test ? " after the test" : ""));
    const TemporaryFolder folder;
    CheckpointFolder checkpoints(folder / "checkpoints", 1);
    Trace first = run(nullptr, stop, &checkpoints);
    const Checkpoint checkpoint = newest_of(checkpoints);
    EXPECT_EQ(checkpoint.position.total_step, stop.step);
    EXPECT_EQ(checkpoint.settings, (RunSettings{{"seed", {"7"}}}));
    ASSERT_TRUE(checkpoint.origin);
    EXPECT_EQ(difference(checkpoint.origin->data, kOrigin.data), "");
    EXPECT_EQ(checkpoint.origin->start_weights, kOrigin.start_weights);
    const Trace rest = run(&checkpoint, {}, nullptr);
    first.reports.insert(first.reports.end(), rest.reports.begin(), rest.reports.end());
    EXPECT_EQ(first.reports, whole.reports);
    for (const auto& [name, tensor] : whole.states) {
      if (name.starts_with("metrics.test") || name.starts_with("gradient.")) continue;
      EXPECT_TRUE(same_bits(rest.states.at(name), tensor)) << name;
    }
  }
}

TEST_F(ResumeTest, GoesOnWithTheSameBits) {
  const Trace whole = run(nullptr, {}, nullptr);
  ASSERT_EQ(whole.reports.size(), 3U * (6 + 2));
  expect_same_bits(
      whole, {{1}, {6}, {11}, {12}, {12, true}, {13}, {24}, {24, true}, {35}, {36}, {36, true}});
}

// Four updates of five batches an epoch, and averages every other one.
TEST_F(ResumeTest, GoesOnWithAveragesAndAccumulation) {
  options_.grad_accum_steps = 3;
  options_.average = {.enabled = true, .decay = 0.99, .steps = 2};
  const Trace whole = run(nullptr, {}, nullptr);
  ASSERT_TRUE(whole.states.contains("ema.conv1.weight"));
  expect_same_bits(whole, {{1}, {2}, {3}, {4}, {4, true}, {5}, {11}, {12, true}});
}

TEST_F(ResumeTest, GoesOnWithTheSameAugmentation) {
  options_.grad_accum_steps = 2;
  options_.augmentation = {.mixup_alpha = 0.2,
                           .cutmix_alpha = 1,
                           .random_erase = 0.5,
                           .color_jitter = {0.4, 0.4},
                           .trivial_augment = true,
                           .normalization = mnist_normalization()};
  const Trace whole = run(nullptr, {}, nullptr);
  expect_same_bits(whole, {{1}, {5}, {6, true}, {17}});
}

// Stopped in the test behind the last of its steps, an epoch is tested and reported by the run that goes on;
// stopped behind that report, the run is complete.
TEST_F(ResumeTest, ReportsTheEpochThatEndsARunOfSteps) {
  options_.max_steps = 14;
  const Trace whole = run(nullptr, {}, nullptr);
  expect_same_bits(whole, {{14}});
  for (const bool tested : {false, true}) {
    Trainer trainer(find_model("lenet5"), train_, test_, options_);
    std::atomic<bool> stop{false};
    RunPosition last;
    const auto on_checkpoint = [&](const RunPosition& position) {
      last = position;
      stop = position.total_step == 14 && (position.epoch_report == 14) == tested;
    };
    EXPECT_EQ(trainer.run({.on_checkpoint = on_checkpoint}, &stop).interrupted, !tested);
    EXPECT_EQ(trainer.is_complete(last), tested);
  }
}

// At a rate that makes nothing better the plateau halves it after each epoch but the first.
TEST_F(ResumeTest, GoesOnWithARateThatWasReduced) {
  options_.schedule.lr = 1e-7;
  const Trace whole = run(nullptr, {}, nullptr);
  EXPECT_EQ(whole.last_lr, options_.schedule.lr / 2);
  expect_same_bits(whole, {{24, true}, {30}});
}

TEST_F(ResumeTest, KeepsTheDataOutOfCheckpoints) {
  Trainer trainer(find_model("lenet5"), train_, test_, options_);
  EXPECT_TRUE(trainer.session().has_state(kTrainPictures));
  EXPECT_TRUE(trainer.session().has_state(kTestPictures));
  for (const std::string& name : trainer.session().state_names()) {
    EXPECT_FALSE(name.starts_with("pictures.")) << name;
  }
}

TEST_F(ResumeTest, RefusesACheckpointOfAnotherRun) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder / "checkpoints", 1);
  run(nullptr, {1}, &checkpoints);
  const Checkpoint checkpoint = newest_of(checkpoints);
  TrainOptions options{.batch_size = 16};
  options.plan.device = kCpu;
  Trainer with_momentum(find_model("lenet5"), train_, test_, options);
  try {
    restore(checkpoint, with_momentum.session());
    FAIL() << "restored";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("does not fit the run"), std::string::npos);
  }
}

// In the first epoch the number of steps fits any batch; the pictures of a step do not.
TEST_F(ResumeTest, RefusesAnotherBatchSizeWithinTheFirstEpoch) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder / "checkpoints", 1);
  run(nullptr, {3}, &checkpoints);
  const Checkpoint checkpoint = newest_of(checkpoints);
  EXPECT_EQ(checkpoint.position.images_per_step, 16);
  const auto refused = [&](const TrainOptions& options, const std::string& part) {
    Trainer trainer(find_model("lenet5"), train_, test_, options);
    expect_error(ErrorKind::kInvalidArgument, {"3 steps of 16 pictures", part, "batch size"},
                 [&] { trainer.check_start(checkpoint.position); });
  };
  TrainOptions options = options_;
  options.batch_size = 8;
  refused(options, "of 8 now");
  options = options_;
  options.grad_accum_steps = 2;
  refused(options, "of 32 now");
  options.batch_size = 8;  // as many pictures a step
  Trainer(find_model("lenet5"), train_, test_, options).check_start(checkpoint.position);
}

// Checkpoints of versions that did not keep the pictures of a step.
TEST_F(ResumeTest, GoesOnFromACheckpointWithoutThePicturesOfAStep) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder / "checkpoints", 1);
  run(nullptr, {3}, &checkpoints);
  const std::string path = newest_of(checkpoints).path;
  TensorFile file = read_safetensors(path);
  std::string& document = file.metadata.at("voluta.checkpoint");
  const std::string entry = "\"images_per_step\":16,";
  ASSERT_NE(document.find(entry), std::string::npos) << document;
  document.erase(document.find(entry), entry.size());
  write_safetensors(path, file);

  const Checkpoint old = read_checkpoint(path);
  EXPECT_EQ(old.position.images_per_step, 0);
  EXPECT_EQ(run(&old, {}, nullptr).reports.back(), run(nullptr, {}, nullptr).reports.back());
}

// Nor do older ones have the updates that were taken in f16: their runs counted every step.
TEST_F(ResumeTest, TakesTheStepsForTheUpdatesOfAnOlderCheckpoint) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder / "checkpoints", 1);
  options_.data_type = DType::f16;
  run(nullptr, {3}, &checkpoints);
  const std::string path = newest_of(checkpoints).path;
  TensorFile file = read_safetensors(path);
  ASSERT_EQ(file.tensors.erase(kLossScaleUpdates), 1U);
  uint32_t sum = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const std::string head = name + to_string(tensor.type());
    sum = crc32(sum, head.data(), head.size());
    sum = crc32(sum, tensor.raw(), tensor.bytes());
  }
  std::string& document = file.metadata.at("voluta.checkpoint");
  const std::size_t begin = document.find("\"crc32\":") + 8, end = document.find(',', begin);
  document.replace(begin, end - begin, std::to_string(sum));
  write_safetensors(path, file);
  EXPECT_EQ(read_checkpoint(path).states.at(kLossScaleUpdates).item<int64_t>(), 3);
}

// Pictures of digits that take a while.
class SlowDigits : public Dataset {
 public:
  int64_t count() const override { return digits_.count(); }
  int64_t classes() const override { return digits_.classes(); }
  Shape image_shape() const override { return digits_.image_shape(); }
  int64_t load(uint32_t index, uint64_t epoch, float* values) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return digits_.load(index, epoch, values);
  }

 private:
  InMemoryDataset digits_ = digits(190, Split::kTrain);
};

// Ten steps are reported at once, of which this process took one. The epoch's own rate counts that one.
TEST_F(ResumeTest, CountsItsOwnPicturesASecond) {
  options_.print_freq = 10;
  options_.max_steps = 10;
  options_.schedule = {.lr = 0.002};
  options_.evaluate = false;
  const SlowDigits slow;
  Trainer trainer(find_model("lenet5"), slow, test_, options_);
  Tensor sums(DType::f64, {4});
  sums.data<double>()[3] = 9 * 16;
  trainer.session().write_state(kTrainSums, sums);
  StepReport step;
  EpochReport epoch;
  trainer.run({.on_step = [&](const StepReport& r) { step = r; },
               .on_epoch = [&](const EpochReport& r) { epoch = r; }},
              nullptr, {.step = 9, .total_step = 9});
  EXPECT_EQ(step.sums.images, 10 * 16);
  EXPECT_EQ(epoch.train.images, 10 * 16);
  EXPECT_GT(step.images_per_second, 0);
  EXPECT_LT(step.images_per_second, 4 * epoch.images_per_second.value());

  trainer.run({.on_epoch = [&](const EpochReport& r) { epoch = r; }}, nullptr,
              {.step = 10, .total_step = 10});
  EXPECT_FALSE(epoch.train_seconds || epoch.images_per_second) << "it trained nothing of the epoch";
}

// Digits, one of which is a file that cannot be read.
class TornDigits : public InMemoryDataset {
 public:
  TornDigits(uint32_t index, Split split) : InMemoryDataset(digits(190, split)), index_(index) {}
  int64_t load(uint32_t index, uint64_t epoch, float* values) const override {
    if (index == index_) throw BadPicture("torn");
    return InMemoryDataset::load(index, epoch, values);
  }
  PictureSource source() const override { return LoadedPictures{}; }

 private:
  uint32_t index_;
};

class BadPictureTest : public ResumeTest {
 protected:
  BadPictureTest() { options_.checkpoint_steps = 0; }

  // Where checkpoints were written, before the run failed.
  std::vector<RunPosition> checkpoints_of(const Dataset& train, const Dataset& test) const {
    std::vector<RunPosition> found;
    Trainer trainer(find_model("lenet5"), train, test, options_);
    const auto keep = [&](const RunPosition& position) { found.push_back(position); };
    EXPECT_THROW(trainer.run({.on_checkpoint = keep}), BadPicture);
    return found;
  }
};

TEST_F(BadPictureTest, InATestCostsNoEpoch) {
  const std::vector<RunPosition> found = checkpoints_of(train_, TornDigits(7, Split::kTest));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].step, 12);
  EXPECT_EQ(found[0].epoch_report, 0);
}

// A step of which a part has run cannot be told from the one before it: nothing is kept then.
TEST_F(BadPictureTest, InTrainingCostsItsStep) {
  constexpr std::size_t kPlace = 5 * 16 + 3;  // in the sixth batch
  const TornDigits torn(shuffled(190, options_.seed, 0)[kPlace], Split::kTrain);
  for (const auto& [parts, kept] : {std::pair{1, 5}, {2, 0}, {5, 1}}) {
    options_.grad_accum_steps = parts;
    const std::vector<RunPosition> found = checkpoints_of(torn, test_);
    ASSERT_EQ(found.size(), kept > 0 ? 1U : 0U) << parts;
    for (const RunPosition& position : found) EXPECT_EQ(position.total_step, kept);
  }
}

// JSON is UTF-8, a path is bytes.
TEST(CheckpointTest, SettingsAreText) {
  check_settings({{"data-path", {"/a/b", "/\xc3\xa4"}}, {"empty", {}}});
  expect_error(ErrorKind::kInvalidArgument, {"--data-path '/a/\xff'", "UTF-8"}, [] {
    check_settings({{"data-path", {"/a", "/a/\xff"}}});
  });
}

}  // namespace
}  // namespace voluta
