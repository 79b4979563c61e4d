// Runs that go on, and recipes: through the binary, as users start them.

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/command.h"

namespace voluta {
namespace {

using nlohmann::json;

class Resume : public ::testing::Test {
 protected:
  void SetUp() override {
    const Outcome made =
        run_command("data make digits --output-dir " + data_ + " --seed 5 --train 400 --test 100");
    ASSERT_EQ(made.code, 0) << made.err;
  }

  std::string train(const std::string& run) const {
    return "train --device cpu --data-path " + data_ + " --epochs 3 --batch-size 32 --lr 0.002 " +
           "--opt adamw --print-freq 4 --quiet --checkpoint-steps 3 --output-dir " +
           (folder_ / run);
  }

  // metrics.jsonl without what a clock says.
  std::vector<json> metrics(const std::string& run) const {
    std::istringstream lines(read_bytes(folder_ / run + "/metrics.jsonl"));
    std::vector<json> reports;
    for (std::string line; std::getline(lines, line);) {
      json report = json::parse(line);
      report.erase("images_per_second");
      report.erase("train_seconds");
      reports.push_back(report);
    }
    return reports;
  }

  std::string weights(const std::string& run) const {
    return read_bytes(folder_ / run + "/weights.safetensors");
  }

  TemporaryFolder folder_;
  const std::string data_ = folder_ / "digits";
};

TEST_F(Resume, KilledRunsGoOnWithTheSameBits) {
  ASSERT_EQ(run_command(train("whole")).code, 0);
  const std::string resume = "train --quiet --resume " + (folder_ / "killed");
  run_command(train("killed") + " & pid=$!; while [ ! -s " + (folder_ / "killed") +
              "/metrics.jsonl ]; do sleep 0.01; done; sleep 0.03; kill -KILL $pid; wait $pid");
  run_command(resume + " & pid=$!; sleep 0.2; kill -KILL $pid; wait $pid");
  const Outcome last = run_command(resume);
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(weights("killed"), weights("whole"));
  EXPECT_EQ(metrics("killed"), metrics("whole"));

  const Outcome complete = run_command(resume);
  EXPECT_EQ(complete.code, 0);
  EXPECT_NE(complete.err.find("has done its 3 epochs"), std::string::npos) << complete.err;
  EXPECT_EQ(weights("killed"), weights("whole"));
}

TEST_F(Resume, RefusesWhatItCannotGoOnWith) {
  expect_refused("train --resume " + (folder_ / "nowhere"), 1, {"nowhere", "no checkpoint"});
  ASSERT_EQ(run_command(train("run")).code, 0);
  const std::string resume = "train --resume " + (folder_ / "run");
  expect_refused(resume + " --output-dir x", 2, {"--output-dir"});
  expect_refused(resume + " --weights x", 2, {"--weights"});
  expect_refused(resume + " --epochs 4 --opt lars", 1, {"does not fit the run", "moment"});
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "run/checkpoints")) {
    write_bytes(file.path(), "torn");
  }
  expect_refused(resume, 1, {"checkpoints/step-"});
}

TEST_F(Resume, RecipesSetFlagsAndFlagsWin) {
  const std::string recipe = folder_ / "recipe.toml";
  write_bytes(recipe,
              "model = \"lenet5\"\nepochs = 9\nbatch-size = 40\nlr = 0.05\nnesterov = true\n"
              "lr-scheduler = \"multisteplr\"\nlr-milestones = [1, 2]\ndata-path = \"" +
                  data_ + "\"\n");
  const Outcome outcome = run_command("train --device cpu --epochs 2 --print-freq 1 --config " +
                                      recipe + " --output-dir " + (folder_ / "recipe"));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<json> reports = metrics("recipe");
  ASSERT_EQ(reports.size(), 2U * (10 + 1));
  EXPECT_EQ(reports.front()["lr"], 0.05);
  EXPECT_NEAR(double{reports.back()["lr"]}, 0.005, 1e-12);
}

TEST_F(Resume, BadRecipesAreOneError) {
  const auto refused = [&](const std::string& text, std::initializer_list<std::string> parts) {
    const std::string path = folder_ / "bad.toml";
    write_bytes(path, text);
    expect_refused("train --config " + path, 1, parts);
  };
  refused("epochz = 3\n", {"bad.toml", "'--epochz' is unknown", "'--epochs'"});
  refused("epochs = \"many\"\n", {"bad.toml", "many"});
  refused("epochs = 3\nlr = [0.1\n", {"bad.toml", "line"});
  refused("[train]\nepochs = 3\n", {"bad.toml", "line 1", "'train'"});
  refused(std::string((1 << 20) + 1, '#'), {"bad.toml", "too large"});
  expect_refused("train --config " + (folder_ / "none.toml"), 1, {"none.toml"});
}

}  // namespace
}  // namespace voluta
