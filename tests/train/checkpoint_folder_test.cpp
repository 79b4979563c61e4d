// The files of checkpoints: whatever happens to one of them or to a process, the last good one is found.

#include <voluta/core/error.h>
#include <voluta/core/random.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/checkpoint.h>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

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
    folder.save(session_, {.total_step = step}, {}, {});
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
  Session session_{Device{}};
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

}  // namespace
}  // namespace voluta
