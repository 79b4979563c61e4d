// voluta compare on good and bad input: each mode, the keys of its JSON, exit codes, files.

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tools/command.h"

namespace voluta {
namespace {

using nlohmann::json;

constexpr const char* kConv = "'conv2d n1h6w6c3k4r3s3p1' ";

json rows_of(const std::string& arguments) {
  const Outcome outcome = run_command("compare --json --quiet " + arguments + kDevice);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return json::parse(outcome.out);
}

std::size_t places(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(CompareTest, JsonHasTheKeysOfTheInterface) {
  const json rows = rows_of(kConv);
  ASSERT_GE(rows.size(), 2u);
  for (const json& row : rows) {
    for (const char* key :
         {"op", "pass", "problem", "precision", "engine", "correct", "error", "ms", "tflops",
          "gbps", "roofline", "vs_cudnn", "count", "plan_ms", "reason"}) {
      EXPECT_TRUE(row.contains(key)) << key;
    }
    EXPECT_EQ(row["op"], "conv2d");
    EXPECT_EQ(row["pass"], "forward");
    EXPECT_EQ(row["problem"], "conv2d n1h6w6c3k4r3s3p1 f32");
    EXPECT_EQ(row["precision"], "f32");
    EXPECT_TRUE(row["ms"].is_null());
  }
}

TEST(CompareTest, TestModeFindsEveryEngineWithinItsBound) {
  std::size_t judged = 0;
  for (const json& row : rows_of(std::string(kConv) + "'linear_weight_gradient n3f4m5'")) {
    if (row["correct"].is_null()) continue;
    ++judged;
    EXPECT_EQ(row["correct"], true) << row.dump();
    EXPECT_LT(row["error"].get<double>(), 1e-5);
    EXPECT_LE(row["bound"].get<double>(), 1);
  }
  EXPECT_GE(judged, 2u);
}

// Its inputs are any bits: infinities and NaN are right or wrong, but have no error to add up.
TEST(CompareTest, ErrorsAreNumbersWhereResultsAreNot) {
  std::size_t judged = 0;
  for (const json& row : rows_of("'cast c4000 to_bf16' 'cast n1000,1000 to_f16'")) {
    if (row["correct"].is_null()) continue;
    ++judged;
    ASSERT_TRUE(row["error"].is_number()) << row.dump();
    EXPECT_LT(row["error"].get<double>(), 1e-2);
  }
  EXPECT_GE(judged, 2u);
}

TEST(CompareTest, OneEngineOfAProblemIsWhatPlansTake) {
  std::vector<std::string> chosen;
  for (const json& row :
       rows_of(std::string(kConv) + "'conv2d n1h7w7c512k512r3s3p1' --mode support")) {
    if (row["chosen"]) chosen.push_back(row["engine"]);
  }
#ifdef VOLUTA_SIMT
  EXPECT_EQ(chosen, (std::vector<std::string>{"implicit_gemm", "split_k"}));
#else
  EXPECT_EQ(chosen, (std::vector<std::string>{"onednn", "onednn"}));
#endif
  const Outcome outcome =
      run_command(std::string("compare --quiet --mode test ") + kConv + kDevice);
  EXPECT_EQ(places(outcome.out, "\n* "), 2U) << outcome.out;  // its row, and what that means
}

TEST(CompareTest, PerfModeTimesHardwareAndNoEmulation) {
  for (const json& row : rows_of(std::string(kConv) + "--mode perf --samples 5")) {
    if (row["supported"] == false) continue;
#ifdef VOLUTA_SIMT
    EXPECT_TRUE(row["ms"].is_null());
    EXPECT_EQ(row["reason"], "not timed: emulation");
#else
    EXPECT_GT(row["ms"]["median"].get<double>(), 0);
    EXPECT_LE(row["ms"]["min"], row["ms"]["median"]);
    EXPECT_LE(row["ms"]["median"], row["ms"]["max"]);
    EXPECT_EQ(row["ms"]["samples"], 5);
    EXPECT_GT(row["plan_ms"].get<double>(), 0);
    EXPECT_GT(row["tflops"].get<double>(), 0);
    EXPECT_TRUE(row["roofline"].is_null());
    EXPECT_TRUE(row["vs_cudnn"].is_null());
    EXPECT_NE(row["engine"], "reference");
#endif
    EXPECT_EQ(row["correct"], true);
  }
}

#ifndef VOLUTA_SIMT
TEST(CompareTest, RooflineIsTheShareOfTheLeastTime) {
  const json rows =
      rows_of(std::string(kConv) + "--mode perf --samples 3 --bandwidth 100 --tflops 2");
  const json& row = rows[0];
  const double least_ms =
      std::max(row["bytes"].get<double>() / 100e9, row["flops"].get<double>() / 2e12) * 1e3;
  EXPECT_NEAR(row["roofline"].get<double>(), least_ms / row["ms"]["median"].get<double>(), 1e-9);
}
#endif

TEST(CompareTest, GradientModeHoldsEnginesAgainstDifferences) {
  std::set<std::string> ops;
  for (const json& row : rows_of(std::string(kConv) + "--mode gradient")) {
    if (row["supported"] == false) continue;
    ops.insert(row["op"]);
    EXPECT_EQ(row["correct"], true) << row.dump();
  }
  EXPECT_EQ(ops,
            (std::set<std::string>{"conv2d", "conv2d_input_gradient", "conv2d_filter_gradient"}));
}

TEST(CompareTest, NoEngineIsARowWithItsReason) {
  const json rows = rows_of(std::string(kConv) + "--engines vendor --mode support");
  ASSERT_GE(rows.size(), 1u);
  for (const json& row : rows) {
    EXPECT_EQ(row["supported"], false);
    EXPECT_NE(row["reason"], "");
  }
}

TEST(CompareTest, PrecisionsAreAskedOneByOne) {
  std::set<std::string> precisions;
  for (const json& row : rows_of(std::string(kConv) + "--precision f32,tf32,bf16 --mode support")) {
    precisions.insert(row["precision"]);
    EXPECT_EQ(row["problem"].get<std::string>().ends_with("bf16"), row["precision"] == "bf16");
  }
  EXPECT_EQ(precisions, (std::set<std::string>{"f32", "tf32", "bf16"}));
}

// The problems of a named batch: by op, the count of each line.
using Batch = std::map<std::string, std::map<std::string, int>>;

Batch batch(const std::string& name) {
  Batch problems;
  for (const json& row : rows_of(name + " --mode support")) {
    problems[row["op"]][row["problem"]] = row["count"];
  }
  return problems;
}

int total(Batch& problems, const char* op) {
  int sum = 0;
  for (const auto& [line, count] : problems[op]) sum += count;
  return sum;
}

// He et al. 2015, table 1: 53 convolutions of 23 shapes; the first needs no input gradient.
TEST(CompareTest, TheBatchOfResNet50IsReadOffItsGraph) {
  Batch problems = batch("resnet50.n32");
  EXPECT_EQ(problems["conv2d"].size(), 23u);
  EXPECT_EQ(total(problems, "conv2d"), 53);
  EXPECT_EQ(problems["conv2d_input_gradient"].size(), 22u);
  EXPECT_EQ(total(problems, "conv2d_input_gradient"), 52);
  EXPECT_EQ(total(problems, "conv2d_filter_gradient"), 53);
  EXPECT_EQ(problems["conv2d"]["conv2d n32h14w14c256k256r3s3p1 f32"], 5);
  EXPECT_EQ(total(problems, "batch_norm_training"), 53);
  EXPECT_EQ(total(problems, "linear"), 1);
}

// Simonyan and Zisserman 2014, table 1, column D.
TEST(CompareTest, TheBatchOfVgg16) {
  Batch problems = batch("vgg16.n4");
  EXPECT_EQ(problems["conv2d"].size(), 9u);
  EXPECT_EQ(total(problems, "conv2d"), 13);
  EXPECT_EQ(problems["conv2d"]["conv2d n4h14w14c512k512r3s3p1 bias relu f32"], 3);
  // Of plain dx, which every engine knows.
  const auto& plain = problems["conv2d_input_gradient"];
  EXPECT_EQ(plain.at("conv2d_input_gradient n4h14w14c512k512r3s3p1 f32"), 3);
  EXPECT_EQ(total(problems, "conv2d_input_gradient"), 12);
  EXPECT_EQ(total(problems, "conv2d_filter_gradient"), 13);
  EXPECT_EQ(total(problems, "linear"), 3);
  EXPECT_EQ(total(problems, "pool2d"), 5);
}

// Sandler et al. 2018, table 2: 17 blocks, of which the first does not expand.
TEST(CompareTest, TheBatchOfMobileNetV2) {
  Batch problems = batch("mobilenet_v2.n2");
  EXPECT_EQ(total(problems, "conv2d"), 35);
  EXPECT_EQ(problems["depthwise_conv2d"].size(), 10u);
  EXPECT_EQ(total(problems, "depthwise_conv2d"), 17);
  EXPECT_EQ(total(problems, "depthwise_conv2d_filter_gradient"), 17);
}

TEST(CompareTest, BatchReplacesN) {
  for (const json& row : rows_of("lenet5 'linear n7f3m2' --batch 3 --mode support")) {
    EXPECT_NE(row["problem"].get<std::string>().find(" n3"), std::string::npos) << row.dump();
  }
}

TEST(CompareTest, TheTableFitsItsColumnsAndEndsWithASummary) {
  const Outcome outcome =
      run_command(std::string("compare --quiet --mode perf --samples 3 ") + kConv + kDevice);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::istringstream lines(outcome.out);
  std::string last;
  for (std::string line; std::getline(lines, line); last = line)
    EXPECT_LE(line.size(), 100u) << line;
  EXPECT_NE(last.find(" correct, 0 wrong"), std::string::npos) << last;
#ifndef VOLUTA_SIMT
  EXPECT_NE(outcome.out.find("plans without --tune take the quickest on "), std::string::npos)
      << outcome.out;
#endif
}

TEST(CompareTest, FilesHoldTheListAndAPageOfItsOwn) {
  const TemporaryFolder folder;
  const Outcome outcome =
      run_command(std::string("compare --quiet --output ") + (folder / "rows.json") + " --html " +
                  (folder / "page.html") + " " + kConv + kDevice);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_GE(json::parse(read_bytes(folder / "rows.json")).size(), 2u);
  const std::string page = read_bytes(folder / "page.html");
  EXPECT_NE(page.find("\"conv2d n1h6w6c3k4r3s3p1 f32\""), std::string::npos);
  EXPECT_EQ(page.find("{{results}}"), std::string::npos);
  EXPECT_EQ(places(page, "</script>"), 2u);
  EXPECT_EQ(places(page, "http"), 0u) << "the page reaches for the network";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / ""), {}), 2);
  EXPECT_NE(page.find("<div class=\"scroll\"><table"), page.npos)
      << "a wide table stays in its card";
}

TEST(CompareTest, ListNamesOpsAndBatches) {
  const Outcome outcome = run_command("compare --list");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("\n  conv2d_filter_gradient\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("\n  resnet50.n32\n"), std::string::npos);
}

TEST(CompareTest, BadInputIsOneLineAndExitCode2) {
  expect_refused("compare", 2, {"nothing to compare"});
  expect_refused("compare convd", 2, {"'convd'", "--list"});
  expect_refused("compare nonet.n32", 2, {"'nonet.n32'"});
  expect_refused("compare resnet50", 2, {"resnet50.n32", "--batch"});
  expect_refused("compare resnet50.n0", 2, {"'resnet50.n0'"});
  expect_refused("compare 'conv2d n1h6w6c3'", 2, {"'k'"});
  expect_refused("compare 'conv2d n1h6w6c3k4r3s3 rellu'", 2, {"'rellu'"});
  expect_refused("compare 'convd n1h6w6c3k4r3s3'", 2, {"'convd'"});
  expect_refused("compare conv2d --precision f31", 2, {"f31", "bf16"});
  expect_refused("compare conv2d --mode speed", 2, {"'speed'"});
  expect_refused("compare conv2d --engines warp", 2, {"'warp'"});
  expect_refused("compare conv2d --batch 0", 2, {"--batch"});
  expect_refused("compare conv2d --samples 1", 2, {"--samples"});
  expect_refused("compare conv2d --bandwidth nan --mode perf", 2, {"--bandwidth"});
  expect_refused("compare conv2d_input_gradient --mode gradient", 2, {"has no gradient"});
}

TEST(CompareTest, ARunThatComparesNothingFails) {
  for (const char* mode : {"test", "perf"}) {
    const Outcome outcome = run_command(
        std::string("compare 'linear n3f4m5' --device cpu --engines vendor --mode ") + mode);
    EXPECT_EQ(outcome.code, 1) << outcome.err;
    EXPECT_NE(outcome.out.find("1 refused"), std::string::npos)
        << "the table stands: " << outcome.out;
    for (const char* part :
         {"nothing was compared: 0 of 1 results", "none of 'vendor'", "--engines"}) {
      EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    }
  }
  const char* support = "compare 'linear n3f4m5' --device cpu --engines vendor --mode support";
  EXPECT_EQ(run_command(support).code, 0) << "refusals are what it asks for";
  expect_refused("compare 'linear_input_gradient n3f4m5' --mode gradient", 2,
                 {"'linear_input_gradient n3f4m5' has no forward problem"});
}

TEST(CompareTest, AnAbsentDeviceIsExitCode3) {
  expect_refused(std::string("compare --device cuda:99 ") + kConv, 3, {"99"});
}

TEST(CompareTest, AnUnwritableFileIsFoundBeforeTheWork) {
  expect_refused(std::string("compare --html /no/such/folder/a.html ") + kConv + kDevice, 1,
                 {"/no/such/folder"});
}

}  // namespace
}  // namespace voluta
