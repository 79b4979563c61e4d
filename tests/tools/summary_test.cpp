// voluta summary: its JSON, its table at every width, its flags.

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/command.h"

namespace voluta {
namespace {

using nlohmann::json;

TEST(CliSummary, HasTheKeysOfTheDesign) {
  const json s = json::parse(run_command("summary lenet5 --device cpu --json").out);
  std::vector<std::string> keys;
  for (const auto& item : s.items()) keys.push_back(item.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"activations", "input", "layers", "macs", "model",
                                            "naive_bytes", "parameters", "peak_bytes"}));
  EXPECT_EQ(s["parameters"], 61706);
  EXPECT_EQ(s["macs"], 416520);
  EXPECT_EQ(s["activations"], 784 + 4704 + 1176 + 1600 + 400 + 120 + 84 + 10);
  EXPECT_EQ(s["input"], json({1, 28, 28, 1}));
  EXPECT_LT(s["peak_bytes"], s["naive_bytes"]);
  const json& first = s["layers"][0];
  EXPECT_EQ(first["name"], "conv1");
  EXPECT_EQ(first["op"], "conv2d");
  EXPECT_EQ(first["output"], json({1, 28, 28, 6}));
  EXPECT_EQ(first["parameters"], 156);
  EXPECT_EQ(first["macs"], 117600);
  EXPECT_EQ(first["activations"], 4704);
  EXPECT_EQ(first["receptive_field"], 5);
  EXPECT_EQ(s["layers"].back()["receptive_field"], 32) << "with the padding, all of the picture";
}

TEST(CliSummary, OfABatchScalesMemoryAlone) {
  const json one = json::parse(run_command("summary --model lenet5 --device cpu --json").out);
  const json many =
      json::parse(run_command("summary lenet5 --batch-size 64 --device cpu --json").out);
  EXPECT_EQ(one["macs"], many["macs"]);
  EXPECT_EQ(one["activations"], many["activations"]);
  EXPECT_GT(many["peak_bytes"], one["peak_bytes"]);
  const std::string table = run_command("summary lenet5 --device cpu").out;
  for (const char* part : {"conv1", "[1, 28, 28, 6]", "61,706", "training", "naive sum"}) {
    EXPECT_NE(table.find(part), std::string::npos) << table;
  }
}

// The plan of the mode asked for, and nothing of it without -v.
TEST(CliSummary, ListsEachStepWithItsEngine) {
  const std::string eval = "summary lenet5 --device cpu --mode eval ";
  EXPECT_FALSE(json::parse(run_command(eval + "--json").out).contains("steps"));
  const json steps = json::parse(run_command(eval + "-v --json").out)["steps"];
  ASSERT_GE(steps.size(), 7U);
  EXPECT_EQ(steps[0]["pass"], "forward");
  EXPECT_EQ(steps[0]["layer"], "conv1");
  EXPECT_EQ(steps[0]["engine"], "onednn");
  EXPECT_TRUE(std::string(steps[0]["problem"]).starts_with("conv2d n1h28w28c1k6r5s5p2 bias tanh"));
  EXPECT_GE(steps[0]["workspace_bytes"], 0);
  EXPECT_EQ(steps[0]["flops"], 2 * 28 * 28 * 6 * 25);
  EXPECT_EQ(steps[0]["bytes"], 4 * (28 * 28 + 6 * 25 + 6 + 28 * 28 * 6));
  EXPECT_EQ(steps[0]["once"], false);
  const std::string table = run_command(eval + "-v").out;
  EXPECT_NE(table.find("conv2d n1h28w28c1k6r5s5p2 bias tanh"), std::string::npos) << table;
  EXPECT_EQ(table.find("backward"), std::string::npos) << table;
  EXPECT_NE(run_command("summary lenet5 --device cpu -v").out.find("backward"), std::string::npos);
}

// Casts of weights and factors of batch norms, in evaluation; their memory is told apart.
TEST(CliSummary, MarksStepsThatRunOnce) {
  const std::string flags = "summary resnet20 --device cpu --precision bf16 ";
  const auto once = [&](const std::string& mode) {
    std::map<std::string, int> ops;
    const json summary = json::parse(run_command(flags + mode + " -v --json").out);
    for (const json& step : summary["steps"]) {
      const std::string problem = step["problem"];
      if (step["once"] == true) ++ops[problem.substr(0, problem.find(' '))];
    }
    return ops;
  };
  EXPECT_EQ(once("--mode eval"),
            (std::map<std::string, int>{{"batch_norm_scale_shift", 19}, {"cast", 19 + 2}}));
  EXPECT_TRUE(once("--mode train").empty());
  const std::string table = run_command(flags + "--mode eval -v").out;
  EXPECT_NE(table.find(" once: batch_norm_scale_shift c16 f32"), std::string::npos) << table;
  const std::size_t evaluation = table.find("\nevaluation ");
  EXPECT_EQ(table.find("computed once"), table.find("computed once", evaluation)) << table;
  EXPECT_NE(table.find("computed once", evaluation), std::string::npos) << table;
}

TEST(CliSummary, InputAndClassesAreFlags) {
  const auto summary = [](const std::string& flags) {
    return json::parse(run_command("summary lenet5 --device cpu --json " + flags).out);
  };
  EXPECT_EQ(summary("--image-size 32")["input"], json({1, 32, 32, 1}));
  EXPECT_EQ(summary("--resolution 1.1428")["input"], json({1, 32, 32, 1}));
  EXPECT_EQ(summary("--classes 7")["parameters"], 61706 - 3 * 85);
  expect_refused("summary lenet5 --image-size 0", 2, {"--image-size"});
  expect_refused("summary resnet50 --image-size 16385", 2, {"--image-size", "at most 16384"});
  // Before anything is planned, which takes most of a minute and 12 GiB.
  expect_refused("summary alexnet --width 1000", 2, {"alexnet would have", "parameters", "--width"},
                 "timeout 20");
  expect_refused("summary lenet5 --image-size 40", 2, {"lenet5", "40"});
  expect_refused("summary lenet5 --resolution -1", 2, {"--resolution"});
  expect_refused("summary lenet5 --resolution nan", 2, {"--resolution"});
  expect_refused("summary lenet5 --resolution 1 --image-size 28", 2, {"not both"});
  expect_refused("summary lenet5 --classes 0", 2, {"--classes"});
}

// The model that a file of weights is for, at the size that it takes.
TEST(CliSummary, TakesAFileOfWeights) {
  const TemporaryFolder folder;
  const std::string digits = folder / "digits", run = folder / "run";
  ASSERT_EQ(run_command("data make digits --train 40 --test 10 --output-dir " + digits).code, 0);
  ASSERT_EQ(
      run_command(
          "train --device cpu --quiet --model resnet20 --width 0.25 --max-steps 1 --data-path " +
          digits + " --output-dir " + run)
          .code,
      0);
  const std::string summary =
      "summary --device cpu --json --weights " + run + "/weights.safetensors ";
  const json document = json::parse(run_command(summary).out);
  EXPECT_EQ(document["model"], "resnet20");
  EXPECT_EQ(document["input"], json({1, 28, 28, 1}));
  EXPECT_EQ(document["layers"][1]["output"], json({1, 28, 28, 4}));
  EXPECT_EQ(json::parse(run_command(summary + "--image-size 32").out)["input"],
            json({1, 32, 32, 1}));
  expect_refused(summary + "lenet5", 2, {"resnet20", "lenet5"});
}

// The published figures of the networks: parameters, and multiply-adds of one picture.
TEST(CliSummary, ClassicTable) {
  const auto summary = [](const std::string& model) {
    return json::parse(run_command("summary --device cpu --json " + model).out);
  };
  const json vgg16 = summary("vgg16");
  EXPECT_EQ(vgg16["parameters"], 138357544);
  EXPECT_EQ(vgg16["macs"], 15470264320);
  EXPECT_EQ(vgg16["activations"], 15237608);  // with the 150,528 values of the picture
  EXPECT_EQ(summary("resnet50")["parameters"], 25557032);
  EXPECT_EQ(summary("mobilenet_v2")["parameters"], 3504872);
}

// Inception's auxiliary head leaves one pixel a channel: one picture has no batch statistics.
TEST(CliSummary, SaysWhyTrainingCannotBePlanned) {
  const Outcome table = run_command("summary inception_v3 --device cpu");
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("27,161,264"), std::string::npos);
  EXPECT_NE(table.out.find("training   cannot be planned for this batch: AuxLogits.conv1.bn"),
            std::string::npos);
  EXPECT_TRUE(json::parse(run_command("summary inception_v3 --device cpu --json").out)
                  .at("peak_bytes")
                  .is_null());
  const std::string two = "summary inception_v3 --device cpu --json --batch-size 2";
  EXPECT_GT(json::parse(run_command(two).out).at("peak_bytes"), 0);
}

TEST(CliSummary, ListsEveryModel) {
  const json models = json::parse(run_command("summary --list --json").out);
  ASSERT_EQ(models.size(), 32u);
  EXPECT_EQ(models[0]["name"], "lenet5");
  EXPECT_EQ(models[0]["input"], json({1, 28, 28}));
  const std::string table = run_command("summary --list").out;
  for (const json& model : models) {
    EXPECT_NE(table.find(model["name"].get<std::string>()), std::string::npos);
  }
}

// script(1) gives the command a terminal.
TEST(CliSummary, FitsTheTerminal) {
  if (std::system("command -v script >/dev/null") != 0) GTEST_SKIP() << "no script(1) here";
  for (const std::size_t width : {60u, 80u, 100u, 120u}) {
    const TemporaryFolder folder;
    const std::string command = "script -qec \"stty cols " + std::to_string(width) + "; '" +
                                binary() + "' summary lenet5 --device cpu\" /dev/null >'" +
                                (folder / "out") + "' </dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::istringstream lines(read_bytes(folder / "out"));
    bool table = false;
    std::size_t rows = 0;
    for (std::string line; std::getline(lines, line);) {
      table = line.starts_with("layer") || (table && line.size() > 1);
      if (!table) continue;
      ++rows;
      EXPECT_LE(line.size(), width + 1) << line;  // and a carriage return
    }
    EXPECT_EQ(rows, 15u);
  }
}

}  // namespace
}  // namespace voluta
