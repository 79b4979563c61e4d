// What voluta compare keeps where a run ends before its time: rows on disk, rows beside a problem
// that fails, and a device that is lost. And which of the work a run takes.

#include <voluta/core/device/fault_injector.h>
#include <voluta/core/error.h>
#include <voluta/tools/compare_run.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tools/command.h"

namespace voluta::cli {
namespace {

using nlohmann::json;

std::vector<json> lines_of(const std::string& path) {
  std::istringstream text(read_bytes(path));
  std::vector<json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

// Runs `compare` on more than it can do in that time, and sends a signal once there is a row.
Outcome interrupted(const std::string& signal, const std::string& output,
                    const std::string& flags) {
  const std::string out = output + ".out", err = output + ".err";
  const Outcome shell =
      run_command("compare conv2d --quiet --output " + output + flags + kDevice + " >" + out +
                  " 2>" + err + " & pid=$!; while kill -0 $pid && [ ! -s " + output +
                  ".partial ]; do sleep 0.02; done; kill -" + signal + " $pid; wait $pid");
  return {shell.code, read_bytes(out), read_bytes(err)};
}

TEST(CompareRunTest, AKillLeavesTheRowsThatWereMeasured) {
  const TemporaryFolder folder;
  const std::string output = folder / "rows.json";
  EXPECT_NE(interrupted("KILL", output, "").code, 0);
  EXPECT_FALSE(std::filesystem::exists(output)) << "half a document under the whole one's name";
  const std::vector<json> lines = lines_of(output + ".partial");
  ASSERT_GE(lines.size(), 1u);
  EXPECT_EQ(lines[0]["op"], "conv2d");
  EXPECT_TRUE(lines[0].contains("correct"));
}

TEST(CompareRunTest, AnInterruptionPublishesWhatIsFinished) {
  const TemporaryFolder folder;
  const std::string output = folder / "rows.json", page = folder / "page.html";
  const Outcome outcome = interrupted("TERM", output, " --json --html " + page);
  EXPECT_EQ(outcome.code, 143);
  EXPECT_NE(outcome.err.find("compare: interrupted after "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("rows.json.partial"), std::string::npos) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(output));

  const json printed = json::parse(outcome.out);
  const std::vector<json> lines = lines_of(output + ".partial");
  ASSERT_GE(printed.size(), 2u);
  EXPECT_EQ(json(lines), printed);
  const std::string why = printed.back()["incomplete"];
  EXPECT_TRUE(why.starts_with("interrupted after ")) << why;
  EXPECT_NE(read_bytes(page).find(why), std::string::npos);
}

TEST(CompareRunTest, TheTableOfAnInterruptedRunSaysSo) {
  const TemporaryFolder folder;
  const Outcome outcome = interrupted("TERM", folder / "rows.json", "");
  EXPECT_NE(outcome.out.find("INCOMPLETE: interrupted after "), std::string::npos) << outcome.out;
}

#ifndef VOLUTA_SIMT
std::set<std::string> problems_in(const json& rows) {
  std::set<std::string> problems;
  for (const json& row : rows) {
    if (row.contains("problem")) problems.insert(row["problem"]);
  }
  return problems;
}

TEST(CompareRunTest, AProblemThatCannotBeSetUpIsARow) {
  const Outcome outcome = run_command(
      std::string("compare --mode perf --no-check --samples 3 --json --quiet 'linear n3f4m5' "
                  "'add n4000000h4000000w64c64' 'linear n2f5m3'") +
      kDevice);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("the first: add n4000000h4000000w64c64 f32: failed: "),
            std::string::npos)
      << outcome.err;
  const json rows = json::parse(outcome.out);
  EXPECT_EQ(problems_in(rows).size(), 3u);
  for (const json& row : rows) {
    const bool huge = row["op"] == "add";
    EXPECT_EQ(row["ms"].is_null(), huge) << row.dump();
    const std::string reason = row["reason"].is_null() ? "" : row["reason"];
    EXPECT_EQ(reason.starts_with("failed: "), huge) << row.dump();
  }
}

TEST(CompareRunTest, NoCheckTimesAndComparesNothing) {
  for (const char* check : {"", " --no-check"}) {
    const Outcome outcome =
        run_command(std::string("compare --mode perf --samples 3 --json --quiet 'linear n3f4m5'") +
                    check + kDevice);
    const json row = json::parse(outcome.out)[0];
    EXPECT_FALSE(row["ms"].is_null());
    EXPECT_EQ(row["correct"].is_null(), *check != '\0') << row.dump();
    EXPECT_EQ(row["reason"] == "not checked: --no-check", *check != '\0') << row.dump();
  }
}
#else
TEST(CompareRunTest, NoCheckLeavesNothingToDoUnderEmulation) {
  expect_refused("compare --quiet --mode perf --no-check 'linear n3f4m5' --device simt", 2,
                 {"--no-check", "nothing"});
}
#endif

TEST(CompareRunTest, OpsKeepsTheseAlone) {
  const Outcome outcome =
      run_command(std::string("compare --mode support --json --quiet lenet5.n2 --ops "
                              "conv2d_input_gradient,pool2d") +
                  kDevice);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::set<std::string> ops;
  for (const json& row : json::parse(outcome.out)) ops.insert(row["op"]);
  EXPECT_EQ(ops, (std::set<std::string>{"conv2d_input_gradient", "pool2d"}));
}

TEST(CompareRunTest, FlagsThatMakeNoSenseAreRefused) {
  expect_refused("compare lenet5.n2 --ops conv3d", 2, {"--ops", "'conv3d'", "--list"});
  expect_refused("compare lenet5.n2 --ops dropout", 2, {"--ops", "nothing", "lenet5.n2"});
  expect_refused("compare conv2d --no-check", 2, {"--no-check", "--mode perf"});
}

TEST(CompareRunTest, OneFileIsNotWrittenTwice) {
  const TemporaryFolder folder;
  const std::string output = folder / "rows", compare = std::string("compare 'linear n3f4m5'") +
                                                        kDevice + " --quiet --output " + output;
  expect_refused(compare + " --html " + folder.path() + "/./rows", 2, {"is the file of --output"});
  expect_refused(compare + " --html " + output + ".partial", 2,
                 {"is the file of the rows of --output"});
  EXPECT_EQ(folder.entries(), 0u);
  EXPECT_EQ(run_command(compare + " --html " + (folder / "page")).code, 0);
}

// The rest in this process, where the runtime can be made to fail.
class FaultyDevice : public testing::Test {
 protected:
  CompareEnd run(const Fault& fault) {
    std::vector<std::string> items = {"linear n3f4m5", "linear n2f5m3", "linear n4f3m2"};
    const auto steps = compare_steps({.items = items}, CompareMode::kTest);
    faults_.inject(fault);
    RowJournal journal(output_);
    return run_steps(steps, {.device = {DeviceType::kCpu, 0}}, journal, rows_);
  }
  const CompareRow& failed() const {
    return *std::ranges::find_if(rows_, [](const CompareRow& row) { return row.failed; });
  }

  TemporaryFolder folder_;
  const std::string output_ = folder_ / "rows.json";
  FaultInjector faults_{host_runtime()};
  ScopedRuntime scope_{DeviceType::kCpu, faults_};
  std::vector<CompareRow> rows_;
};

TEST_F(FaultyDevice, AnEngineThatThrowsIsARowAndTheRestGoesOn) {
  const CompareEnd end = run({.call = 1, .kind = CallKind::kFill, .message = "a bad launch"});
  EXPECT_EQ(end.incomplete, "");
  ASSERT_EQ(std::ranges::count_if(rows_, &CompareRow::failed), 1);
  EXPECT_TRUE(failed().reason.starts_with("failed: ")) << failed().reason;
  EXPECT_NE(failed().reason.find("a bad launch"), std::string::npos) << failed().reason;
  EXPECT_EQ(rows_.back().problem, "linear n4f3m2 f32");
  EXPECT_EQ(rows_.back().correct, true);
}

TEST_F(FaultyDevice, ALostDeviceEndsTheRunAndKeepsWhatWasFinished) {
  run({.call = 1000000});
  const std::size_t fills = faults_.calls(CallKind::kFill), whole = rows_.size();
  rows_.clear();
  const CompareEnd end = run({.call = fills / 2,
                              .kind = CallKind::kFill,
                              .message = "an illegal memory access",
                              .sticky = true});
  EXPECT_TRUE(end.device_lost);
  EXPECT_NE(end.incomplete.find("the device was lost after 2 of 3 problems: "), std::string::npos)
      << end.incomplete;
  EXPECT_NE(end.incomplete.find("an illegal memory access"), std::string::npos) << end.incomplete;
  EXPECT_LT(rows_.size(), whole);
  EXPECT_EQ(rows_[0].correct, true);
  EXPECT_EQ(lines_of(output_ + ".partial").size(), rows_.size());
}

CompareRow timed_row(const char* engine, EngineRole role, double ms, double vs_cudnn) {
  return {.op = "conv2d",
          .pass = "forward",
          .problem = "conv2d n1h6w6c3k4r3s3p1 f32",
          .precision = "f32",
          .engine = engine,
          .role = role,
          .ms = Milliseconds{ms, ms, ms, 0, 3},
          .vs_cudnn = vs_cudnn};
}

// A result that is wrong is no result, however quick.
TEST(CompareRunTest, WrongEnginesAreQuickestOnNothing) {
  CompareReport report{.mode = "perf"};
  report.rows = {timed_row("direct", EngineRole::kProduct, 2, 0.5),
                 timed_row("winograd", EngineRole::kProduct, 1, 1)};
  report.rows[0].correct = true, report.rows[1].correct = false;
  report.rows[0].chosen = true;
  const std::string text = compare_summary(report);
  EXPECT_NE(text.find("direct: quickest on 1 of 1, 1.00 x"), std::string::npos) << text;
  EXPECT_EQ(text.find("winograd: quickest"), std::string::npos) << text;
  report.rows[0].correct = false, report.rows[1].correct = true;
  EXPECT_EQ(compare_summary(report).find("plans without --tune"), std::string::npos);
}

// No vendor's engine runs here: what is told of plans that are not deterministic, of planted rows.
TEST(CompareRunTest, PlansThatAreNotDeterministicAreToldWhereTheyAreQuicker) {
  CompareReport report{.mode = "perf"};
  report.rows = {timed_row("direct", EngineRole::kProduct, 2, 0.5),
                 timed_row("cudnn", EngineRole::kVendor, 1, 1)};
  EXPECT_EQ(compare_table(report).find("not deterministic"), std::string::npos);
  EXPECT_EQ(compare_summary(report).find("not deterministic"), std::string::npos);
  EXPECT_TRUE(json::parse(row_json(report.rows[1]))["loose_ms"].is_null());

  report.rows[0].vs_cudnn_loose = 0.25;
  report.rows[1].loose_ms = 0.5, report.rows[1].vs_cudnn_loose = 0.5;
  EXPECT_NE(compare_table(report).find("    0.5000 ms by a plan that is not deterministic\n"),
            std::string::npos)
      << compare_table(report);
  EXPECT_NE(compare_summary(report).find("0.25 x with plans that are not deterministic, which are "
                                         "quicker on 1 of 1"),
            std::string::npos)
      << compare_summary(report);
  EXPECT_EQ(json::parse(row_json(report.rows[1]))["loose_ms"], 0.5);
  EXPECT_EQ(json::parse(row_json(report.rows[0]))["vs_cudnn_loose"], 0.25);
}

}  // namespace
}  // namespace voluta::cli
