// Checkpoints: a run that is stopped anywhere and resumed gives the bits of one that never stopped;
// whatever happens to a file or a process, the last good one is found.

#include <voluta/core/error.h>
#include <voluta/core/random.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/checkpoint.h>
#include <voluta/train/digits.h>
#include <voluta/train/trainer.h>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

const Device kCpu{};

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
      const bool here = position.total_step == stop_at.step;
      if (folder && here) folder->save(trainer.session(), position, {{"seed", {"7"}}});
      if (here) stop = true;
    };
    trainer.run({on_step, on_epoch, on_checkpoint}, &stop, from ? from->position : RunPosition{});
    for (const std::string& name : trainer.session().state_names()) {
      trace.states.emplace(name, trainer.session().read_state(name));
    }
    return trace;
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
    std::vector<std::string> damaged;
    const std::optional<Checkpoint> checkpoint = checkpoints.newest(damaged);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->position.total_step, stop.step);
    EXPECT_EQ(checkpoint->settings, (RunSettings{{"seed", {"7"}}}));
    const Trace rest = run(&*checkpoint, {}, nullptr);
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
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> checkpoint = checkpoints.newest(damaged);
  ASSERT_TRUE(checkpoint);
  TrainOptions options{.batch_size = 16};
  options.plan.device = kCpu;
  Trainer with_momentum(find_model("lenet5"), train_, test_, options);
  try {
    restore(*checkpoint, with_momentum.session());
    FAIL() << "restored";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("does not fit the run"), std::string::npos);
  }
}

// A session with one state, for what is about files.
class CheckpointFolderTest : public ::testing::Test {
 protected:
  CheckpointFolderTest() {
    Graph graph;
    graph.state("weights", {DType::f32, {100000}}, StateRole::kParameter, {});
    session_.adopt(graph);
  }

  void save(CheckpointFolder& folder, int64_t step) {
    Tensor weights(session_.state_type("weights"));
    for (float& value : weights.data<float>()) value = static_cast<float>(step);
    session_.write_state("weights", weights);
    folder.save(session_, {.total_step = step}, {});
  }

  int64_t newest_step(const CheckpointFolder& folder) {
    damaged_.clear();
    const std::optional<Checkpoint> found = folder.newest(damaged_);
    if (!found) return -1;
    const Tensor& weights = found->states.at("weights");
    EXPECT_EQ(weights.data<float>()[99999], static_cast<float>(found->position.total_step));
    return found->position.total_step;
  }

  std::size_t files() const {
    const auto in = std::filesystem::directory_iterator(path());
    return static_cast<std::size_t>(std::distance(begin(in), end(in)));
  }

  std::string path() const { return folder_ / "checkpoints"; }
  std::string file(int64_t step) const {
    return path() + "/step-0000000" + std::to_string(step) + ".safetensors";
  }

  TemporaryFolder folder_;
  Session session_{kCpu};
  std::vector<std::string> damaged_;
};

TEST_F(CheckpointFolderTest, KeepsTheNewestUntilAllAreRemoved) {
  CheckpointFolder folder(path(), 2);
  EXPECT_EQ(newest_step(folder), -1);
  for (const int64_t step : {3, 5, 9}) save(folder, step);
  EXPECT_EQ(files(), 2U);
  EXPECT_EQ(newest_step(folder), 9);

  CheckpointFolder resumed(path(), 2);
  save(resumed, 9);
  EXPECT_EQ(files(), 2U);
  EXPECT_FALSE(resumed.empty());
  resumed.clear();
  EXPECT_TRUE(resumed.empty());
  EXPECT_FALSE(std::filesystem::exists(path()));
  save(resumed, 1);
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(newest_step(resumed), 1);
  EXPECT_THROW(CheckpointFolder(path(), 0), Error);
}

TEST_F(CheckpointFolderTest, FallsBackFromADamagedFile) {
  CheckpointFolder folder(path(), 2);
  save(folder, 3);
  save(folder, 5);
  const std::string whole = read_bytes(file(5));
  for (const std::size_t at : {std::size_t{3}, whole.size() / 2, whole.size() - 1}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    write_bytes(file(5), bytes);
    EXPECT_EQ(newest_step(folder), 3) << at;
    ASSERT_EQ(damaged_.size(), 1U);
    EXPECT_NE(damaged_[0].find(file(5)), std::string::npos);
  }
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, whole.size() - 1}) {
    write_bytes(file(5), whole.substr(0, length));
    EXPECT_EQ(newest_step(folder), 3) << length;
  }
  write_bytes(file(5), std::string(whole.size(), '\0'));  // names without data, after a power cut
  EXPECT_EQ(newest_step(folder), 3);
  write_bytes(file(3), whole.substr(0, 100));
  EXPECT_EQ(newest_step(folder), -1);
  EXPECT_EQ(damaged_.size(), 2U);
}

TEST_F(CheckpointFolderTest, RefusesWhatIsNone) {
  write_safetensors(folder_ / "weights.safetensors", {});
  EXPECT_THROW(read_checkpoint(folder_ / "weights.safetensors"), Error);
  write_safetensors(folder_ / "other.safetensors",
                    {{}, {{"voluta.checkpoint", "{\"version\":2}"}}});
  try {
    read_checkpoint(folder_ / "other.safetensors");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("version 2"), std::string::npos);
  }
}

// A file may grow no further than half a checkpoint, as on a full disk.
TEST_F(CheckpointFolderTest, AFullDiskLeavesTheLastGoodOneAndSaysSo) {
  CheckpointFolder folder(path(), 1);
  save(folder, 3);
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{200000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    save(folder, 5);
  } catch (const Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("the last one is " + file(3)), std::string::npos) << message;
  EXPECT_EQ(newest_step(folder), 3);
  EXPECT_EQ(files(), 1U);
}

// Kills a process at random moments while it saves one checkpoint after another. Whatever it had
// acknowledged is there, and what is there is whole.
TEST_F(CheckpointFolderTest, NothingIsLostToKill9) {
  const char* wanted = std::getenv("VOLUTA_KILLS");
  const int kills = wanted ? std::atoi(wanted) : 40;
  Random random(5, 0);
  int64_t acknowledged = 0;
  for (int i = 0; i < kills; ++i) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      CheckpointFolder folder(path(), 2);
      for (int64_t step = acknowledged + 1;; ++step) {
        save(folder, step);
        if (write(pipe_ends[1], &step, sizeof(step)) != sizeof(step)) _exit(1);
      }
    }
    close(pipe_ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(500 + random.next_below(30000)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    int64_t step = 0;
    while (read(pipe_ends[0], &step, sizeof(step)) == sizeof(step)) acknowledged = step;
    close(pipe_ends[0]);

    const int64_t found = newest_step(CheckpointFolder(path(), 2));
    ASSERT_TRUE(damaged_.empty()) << damaged_.front();
    ASSERT_TRUE(found == acknowledged || found == acknowledged + 1 ||
                (found < 0 && acknowledged == 0))
        << "found " << found << " after " << acknowledged;
    acknowledged = std::max(found, acknowledged);
  }
  EXPECT_GT(acknowledged, 0);
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
