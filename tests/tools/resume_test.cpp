// Runs that go on, and recipes: through the binary, as users start them.

#include <gtest/gtest.h>
#include <voluta/io/safetensors.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "judge/tests_folder.h"
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

  std::string train(const std::string& run, const std::string& length =
                                                "--epochs 3 --batch-size 32 --checkpoint-steps 3 "
                                                "--print-freq 4") const {
    return "train --device cpu --data-path " + data_ + " " + length +
           " --lr 0.002 --opt adamw --quiet --output-dir " + (folder_ / run);
  }

  // For the shell: until the log of a run, new or replaced, has lines, for at most half a minute.
  std::string wait_for_lines(const std::string& run) const {
    return "n=0; while [ $n -lt 1500 ] && { [ ! -s " + run + "/metrics.jsonl ] || [ -e " + run +
           "/report.html ]; }; do sleep 0.02; n=$((n + 1)); done; ";
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

  // The run of these flags in "whole", and one killed twice and resumed in "killed", give the same bits
  // and reports.
  void expect_survives_kills(const std::string& flags) {
    ASSERT_EQ(run_command(train("whole") + flags).code, 0);
    const std::string resume = "train --quiet --resume " + (folder_ / "killed");
    run_command(train("killed") + flags + " & pid=$!; while [ ! -s " + (folder_ / "killed") +
                "/metrics.jsonl ]; do sleep 0.01; done; sleep 0.03; kill -KILL $pid; wait $pid");
    run_command(resume + " & pid=$!; sleep 0.2; kill -KILL $pid; wait $pid");
    const Outcome last = run_command(resume);
    ASSERT_EQ(last.code, 0) << last.err;
    EXPECT_EQ(weights("killed"), weights("whole"));
    EXPECT_EQ(metrics("killed"), metrics("whole"));
  }

  TemporaryFolder folder_;
  const std::string data_ = folder_ / "digits";
};

TEST_F(Resume, KilledRunsGoOnWithTheSameBits) {
  expect_survives_kills("");
  const Outcome complete = run_command("train --quiet --resume " + (folder_ / "killed"));
  EXPECT_EQ(complete.code, 0);
  EXPECT_NE(complete.err.find("has done its 3 epochs"), std::string::npos) << complete.err;
  EXPECT_EQ(weights("killed"), weights("whole"));
}

TEST_F(Resume, KilledRunsGoOnWithEverythingDrawnAndAveraged) {
  expect_survives_kills(
      " --precision f16 --grad-accum-steps 2 --model-ema --model-ema-steps 2 --auto-augment "
      "ta_wide "
      "--color-jitter .4 --random-erase .5 --mixup-alpha .2 --cutmix-alpha 1 --max-steps 16");
  int steps = 0;
  for (const json& report : metrics("whole")) {
    if (report["event"] != "step") continue;
    ++steps;
    EXPECT_EQ(report["loss_scale"], 65536);
  }
  EXPECT_EQ(steps, 2);
}

// Paths are those of the folder where the run was started.
TEST_F(Resume, GoesOnFromAnotherFolder) {
  const std::string there = "cd " + folder_.path() + " && ";
  const std::string flags = "--device cpu --quiet --max-steps 4 --batch-size 32 --data-path digits";
  ASSERT_EQ(run_command("train --output-dir first " + flags, there).code, 0);
  ASSERT_EQ(
      run_command("train --output-dir second --weights first/weights.safetensors " + flags, there)
          .code,
      0);
  for (const char* run : {"first", "second"}) {
    const Outcome resumed = run_command("train --quiet --max-steps 6 --resume " + (folder_ / run));
    EXPECT_EQ(resumed.code, 0) << resumed.err;
  }
}

// What its optimiser had, given or not, is the run's: a default of this program has no part in it.
TEST_F(Resume, KeepsWhatTheOptimiserHad) {
  const std::string flags =
      "train --device cpu --quiet --max-steps 4 --batch-size 32 --data-path " + data_ +
      " --output-dir " + (folder_ / "run") + " --opt rmsprop --alpha .95";
  ASSERT_EQ(run_command(flags).code, 0);
  std::string path = (folder_ / "run/checkpoints/step-00000004.safetensors");
  TensorFile file = read_safetensors(path);
  json document = json::parse(file.metadata.at("voluta.checkpoint"));
  EXPECT_EQ(document["settings"]["lr"], json({"0.01"}));
  EXPECT_EQ(document["settings"]["momentum"], json({"0"}));
  EXPECT_EQ(document["settings"]["alpha"], json({".95"}));
  EXPECT_EQ(document["settings"]["wd"], json({"0"}));
  // One that does not say it is of a run at 0.1, and that has a momentum, which the states lack.
  document["settings"].erase("lr");
  file.metadata["voluta.checkpoint"] = document.dump();
  write_safetensors(path, file);
  const std::string resume =
      "train --quiet --print-freq 1 --max-steps 6 --resume " + (folder_ / "run");
  ASSERT_EQ(run_command(resume + " --lr-scheduler constant").code, 0);
  EXPECT_EQ(metrics("run").back()["lr"], 0.1);
  document["settings"].erase("momentum");
  file.metadata["voluta.checkpoint"] = document.dump();
  std::filesystem::remove_all(folder_ / "run/checkpoints");
  std::filesystem::create_directory(folder_ / "run/checkpoints");
  write_safetensors(path, file);
  expect_refused(resume, 1, {"does not fit the run", "momentum"});
}

// What people look at: the page holds the run, and a resumed one goes on in event files of its own.
TEST_F(Resume, LeavesAReportAndEventFiles) {
  const std::string run = folder_ / "run";
  ASSERT_EQ(run_command(train("run") + " --max-steps 20").code, 0);
  ASSERT_EQ(run_command("train --quiet --resume " + run + " --max-steps 30").code, 0);
  const std::string page = read_bytes(run + "/report.html");
  const std::string open = "id=\"data\">";
  const std::size_t at = page.find(open) + open.size();
  const json data = json::parse(page.substr(at, page.find("</script>", at) - at));
  EXPECT_EQ(data["model"], "lenet5");
  EXPECT_EQ(data["state"], "done after 30 steps");
  EXPECT_EQ(data["settings"]["lr"], json::array({"0.002"}));
  EXPECT_EQ(data["epochs"].size(), 4u);  // the second was tested at step 20 as well
  EXPECT_FALSE(data["steps"].empty());
  int64_t images = 0, wrong = 0;
  for (const json& entry : data["confusion"]) {
    images += entry[2].get<int64_t>();
    if (entry[0] != entry[1]) wrong += entry[2].get<int64_t>();
  }
  EXPECT_EQ(images, 100);
  EXPECT_EQ(data["mistakes"].size(), static_cast<std::size_t>(std::min<int64_t>(wrong, 24)));
  EXPECT_FALSE(data["times"].empty());
  EXPECT_EQ(page.find("http"), std::string::npos);  // nothing comes from a network
  EXPECT_EQ(page.find("{{"), std::string::npos);
  // A formatter of C++ makes "border - radius" and ": root" of a style, which browsers pass over.
  const std::string style = page.substr(0, page.find("</style>"));
  EXPECT_FALSE(std::regex_search(style, std::regex(R"(\w - \w|: root)")));

  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(run)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) ++files;
  }
  EXPECT_EQ(files, 2);
}

TEST_F(Resume, RefusesWhatItCannotGoOnWith) {
  expect_refused("train --resume " + (folder_ / "nowhere"), 1, {"nowhere", "no checkpoint"});
  ASSERT_EQ(run_command(train("run")).code, 0);
  const std::string resume = "train --resume " + (folder_ / "run");
  expect_refused(resume + " --output-dir x", 2, {"--output-dir"});
  expect_refused(resume + " --weights x", 2, {"--weights"});
  expect_refused(resume + " --epochs 4 --opt lars", 1, {"does not fit the run", "moment"});
  expect_refused(resume + " --epochs 4 --batch-size 16", 2, {"39 steps", "batch size"});
  ASSERT_EQ(run_command(train("begun") + " --max-steps 5").code, 0);
  expect_refused("train --max-steps 9 --batch-size 16 --resume " + (folder_ / "begun"), 2,
                 {"5 steps of 32", "of 16 now", "batch size"});
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "run/checkpoints")) {
    write_bytes(file.path(), "torn");
  }
  expect_refused(resume, 1, {"checkpoints/step-"});
}

// A run is removed by --overwrite alone, and then before anything of the new one is there.
TEST_F(Resume, ARunIsNotOverwrittenBySurprise) {
  const std::string run = folder_ / "run";
  ASSERT_EQ(run_command(train("run")).code, 0);
  const std::string before = weights("run");
  expect_refused(train("run"), 1, {run, "holds a run", "--resume " + run, "--overwrite"});
  EXPECT_EQ(weights("run"), before);
  EXPECT_FALSE(std::filesystem::exists(run + "/.lock"));
  expect_refused("train --overwrite --resume " + run, 2, {"--resume", "--overwrite"});
  expect_refused(train("run") + " --overwrite --dataset cifar10", 1, {data_});
  EXPECT_EQ(weights("run"), before);  // the new run never began

  const Outcome killed =
      run_command(train("run", "--overwrite --batch-size 1 --print-freq 1 --engines reference") +
                  " & pid=$!; " + wait_for_lines(run) + "kill -KILL $pid; wait $pid");
  EXPECT_EQ(killed.code, 137);
  expect_refused("train --resume " + run, 1, {"has no checkpoint"});
  expect_refused(train("run"), 1, {"holds a run", "no checkpoint", "--overwrite"});
  for (const char* old : {"weights.safetensors", "best.safetensors", "report.html"}) {
    EXPECT_FALSE(std::filesystem::exists(run + "/" + old)) << old;
  }
  ASSERT_EQ(run_command(train("run") + " --overwrite").code, 0);
  EXPECT_EQ(weights("run"), before);
}

TEST_F(Resume, OneRunAFolder) {
  const std::string run = folder_ / "run";
  const std::string length = "--epochs 100000 --checkpoint-steps 1 --print-freq 3 --overwrite";
  const Outcome second = run_command(
      train("run", length) + " >/dev/null 2>&1 & pid=$!; echo $pid; " + wait_for_lines(run) + "'" +
          binary() + "' " + train("run", "--overwrite --epochs 1") + "; echo $?; '" + binary() +
          "' train --resume " + run + "; echo $?; kill -KILL $pid; wait $pid 2>/dev/null; true; }",
      "{");
  const std::string pid = second.out.substr(0, second.out.find('\n'));
  EXPECT_EQ(second.out, pid + "\n1\n1\n");
  const std::string line =
      std::string(kBinaryName) + " train: " + run + ": process " + pid + " is training here; ";
  EXPECT_NE(second.err.find(line), std::string::npos) << second.err;
  EXPECT_NE(second.err.rfind(line), second.err.find(line)) << second.err;

  EXPECT_EQ(run_command("train --quiet --epochs 1 --resume " + run).code, 0);
  EXPECT_FALSE(std::filesystem::exists(run + "/.lock"));
}

// A run that ends within an epoch has a best model too, and goes on with it.
TEST_F(Resume, TheBestIsOfEveryTest) {
  const std::string run = folder_ / "run";
  ASSERT_EQ(run_command(train("run") + " --max-steps 5").code, 0);
  EXPECT_EQ(read_bytes(run + "/best.safetensors"), weights("run"));
  ASSERT_EQ(run_command("train --quiet --resume " + run + " --max-steps 20").code, 0);
  double most = 0, last = 0;
  for (const json& report : metrics("run")) {
    if (report["event"] != "epoch") continue;
    last = report["test_top1"];
    most = std::max(most, last);
  }
  const Outcome best = run_command("eval --quiet --device cpu --json --data-path " + data_ +
                                   " --weights " + run + "/best.safetensors");
  EXPECT_EQ(json::parse(best.out)["top1"], most);
}

// What was asked for is done already: the result of the run as it is.
TEST_F(Resume, ACompleteRunGivesItsResult) {
  const std::string run = folder_ / "run";
  const Outcome whole = run_command(train("run") + " --max-steps 20 --json");
  ASSERT_EQ(whole.code, 0) << whole.err;
  const std::string page = read_bytes(run + "/report.html");
  std::filesystem::remove(run + "/weights.safetensors");
  const Outcome again = run_command("train --quiet --json --resume " + run);
  EXPECT_EQ(again.out, whole.out);
  EXPECT_NE(again.err.find("has done its 20 steps; --max-steps"), std::string::npos) << again.err;
  EXPECT_TRUE(std::filesystem::exists(run + "/weights.safetensors"));
  EXPECT_EQ(read_bytes(run + "/report.html"), page);

  const Outcome untested = run_command(train("other") + " --max-steps 2 --test-limit 0 --json");
  const json result = json::parse(untested.out);
  EXPECT_EQ(result["images"], 0);
  for (const char* name : {"top1", "top5", "loss"}) EXPECT_TRUE(result[name].is_null()) << name;
  const json epoch = metrics("other").back();
  for (const char* name : {"test_top1", "test_top5", "test_loss"}) {
    EXPECT_TRUE(epoch.at(name).is_null()) << name;
  }
}

// Weights that f32 holds and f16 does not: a figure without a value, and no best model.
TEST_F(Resume, ATestLossThatIsNotFiniteIsSaid) {
  const std::string run = folder_ / "run";
  const std::string said = "the test loss is not finite after 1 step, though all weights are";
  for (const std::string& command :
       {"train --device cpu --precision f16 --max-steps 1 --lr 1e8 --lr-scheduler constant "
        "--data-path " +
            data_ + " --output-dir " + run,
        "train --resume " + run}) {
    const Outcome outcome = run_command(command + " --quiet --json");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
    const json result = json::parse(outcome.out);
    EXPECT_TRUE(result.at("loss").is_null());
    EXPECT_EQ(result.at("images"), 100);
  }
  EXPECT_FALSE(std::filesystem::exists(run + "/best.safetensors"));
}

// Of two averages in a run the second takes a hundredth of the weights.
TEST_F(Resume, AveragesThatHardlyFollowAreSaid) {
  const std::string flags =
      "train --device cpu --json --epochs 2 --batch-size 32 --overwrite "
      "--model-ema --data-path " +
      data_ + " --output-dir " + (folder_ / "run");
  const Outcome slow = run_command(flags);
  ASSERT_EQ(slow.code, 0) << slow.err;
  EXPECT_NE(slow.err.find("--model-ema: when the run ends, 99 % of the averages"),
            std::string::npos)
      << slow.err;
  const json result = json::parse(slow.out), epoch = metrics("run").back();
  for (const char* name : {"raw_top1", "raw_loss"}) EXPECT_EQ(result.at(name), epoch.at(name));
  EXPECT_NE(result["raw_loss"], result["loss"]);
  EXPECT_EQ(run_command(flags + " --model-ema-decay .5").err.find("when the run ends"),
            std::string::npos);
}

TEST_F(Resume, AFileThatMayNotGrowIsOneError) {
  const Outcome outcome = run_command(train("run") + "; }", "{ ulimit -f 300; ");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("no checkpoint was written"), std::string::npos) << outcome.err;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "run")) {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
  }
}

// The page is for people; a run goes on without it.
TEST_F(Resume, AReportThatCannotBeWrittenIsOneWarning) {
  const std::string run = folder_ / "run";
  ASSERT_EQ(run_command(train("run", "--epochs 1 --batch-size 32")).code, 0);
  std::filesystem::remove(run + "/report.html");
  std::filesystem::create_directories(run + "/report.html/in the way");
  const Outcome outcome = run_command("train --quiet --epochs 3 --resume " + run);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find(run + "/report.html"), std::string::npos) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(run + "/checkpoints/step-00000039.safetensors"));
  const std::vector<json> reports = metrics("run");
  EXPECT_EQ(std::ranges::count(reports, "epoch", [](const json& r) { return r["event"]; }), 3);
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

// Each recipe sets flags that exist to values that make sense: what is left to complain of is the
// folder of the data.
TEST(Recipes, AllAreUnderstood) {
  const std::filesystem::path folder = judge::tests_path("../recipes");
  int recipes = 0;
  for (const auto& recipe : std::filesystem::directory_iterator(folder)) {
    ++recipes;
    expect_refused("train --device cpu --data-path /nowhere --config " + recipe.path().string(), 1,
                   {"/nowhere"});
  }
  EXPECT_GE(recipes, 14);
}

TEST_F(Resume, BadRecipesAreOneError) {
  const auto refused = [&](const std::string& text, std::initializer_list<std::string> parts,
                           int code = 1) {
    const std::string path = folder_ / "bad.toml";
    write_bytes(path, text);
    expect_refused("train --config " + path, code, parts);
  };
  refused("epochz = 3\n", {"bad.toml", "'--epochz' is unknown", "'--epochs'"}, 2);
  refused("epochs = \"many\"\n", {"bad.toml", "many"}, 2);
  for (const char* name : {"resume", "config", "help"}) {
    refused("epochs = 3\n" + std::string(name) + " = \"x\"\n", {"bad.toml: line 2", name}, 2);
  }
  refused("epochs = 3\nlr = [0.1\n", {"bad.toml", "line"});
  refused("[train]\nepochs = 3\n", {"bad.toml", "line 1", "'train'"});
  refused(std::string((1 << 20) + 1, '#'), {"bad.toml", "too large"});
  expect_refused("train --config " + (folder_ / "none.toml"), 1, {"none.toml"});
}

}  // namespace
}  // namespace voluta
