// The commands on good input, from data to probe. On the CPU; voluta-simt's device is tried with
// two steps.

#include <gtest/gtest.h>
#include <voluta/core/random.h>
#include <voluta/io/safetensors.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "tools/command.h"

namespace voluta {
namespace {

using nlohmann::json;

// One folder of digits and one trained model for all tests.
class Cli : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    const Outcome made =
        run_command("data make digits --output-dir " + data() + " --seed 5 --train 400 --test 100");
    ASSERT_EQ(made.code, 0) << made.err;
    trained_ = run_command(train("run") + " --epochs 3 --batch-size 32 --lr 0.05");
    ASSERT_EQ(trained_.code, 0) << trained_.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string data() { return *folder_ / "digits"; }
  static std::string weights() { return *folder_ / "run/weights.safetensors"; }
  static std::string train(const std::string& output) {
    return "train --device cpu --data-path " + data() + " --overwrite --output-dir " +
           (*folder_ / output);
  }

  static inline TemporaryFolder* folder_ = nullptr;
  static inline Outcome trained_;
};

TEST_F(Cli, HelpShowsExamples) {
  for (const std::string command : {"", "devices ", "summary ", "data ", "data make digits ",
                                    "train ", "eval ", "forward ", "compare "}) {
    const Outcome help = run_command(command + "--help");
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_EQ(help.err, "") << command;
    EXPECT_NE(help.out.find(command == "" ? "Exit codes" : "--help"), std::string::npos);
    // Examples are lines to copy, however long.
    std::istringstream lines(help.out.substr(0, help.out.find("Examples:")));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
    if (!command.empty() && command != "data ") {
      EXPECT_NE(help.out.find("Examples:\n  voluta " + command.substr(0, command.size() - 1)),
                std::string::npos)
          << help.out;
    }
  }
  // A command without a description ends its line.
  for (const std::string command : {"", "data ", "visualize "}) {
    const std::string help = run_command(command + "--help").out;
    const std::string list = help.substr(help.find("Subcommands:\n"));
    EXPECT_EQ(list.find(" \n"), list.npos) << list;
  }
  EXPECT_EQ(run_command("--version").code, 0);
}

TEST_F(Cli, DevicesAreListed) {
  EXPECT_NE(run_command("devices").out.find("cpu"), std::string::npos);
  const json document = json::parse(run_command("devices --json").out);
  EXPECT_EQ(document["devices"][0]["device"], "cpu");
}

TEST_F(Cli, TrainLeavesWeightsAndMetrics) {
  EXPECT_NE(trained_.out.find("training lenet5 (61,706 parameters) on cpu"), std::string::npos);
  EXPECT_NE(trained_.out.find("\ntest: "), std::string::npos) << trained_.out;
  EXPECT_NE(trained_.err.find("epoch 3/3  loss"), std::string::npos) << trained_.err;
  std::istringstream lines(read_bytes(*folder_ / "run/metrics.jsonl"));
  int epochs = 0;
  for (std::string line; std::getline(lines, line);) {
    const json report = json::parse(line);
    epochs += report["event"] == "epoch";
  }
  EXPECT_EQ(epochs, 3);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(*folder_ / "run")) {
    const std::string name = entry.path().filename();
    files.insert(name.starts_with("events.out.tfevents.") ? "events" : name);
  }
  EXPECT_EQ(files, (std::set<std::string>{"best.safetensors", "checkpoints", "events",
                                          "metrics.jsonl", "report.html", "weights.safetensors"}));
}

TEST_F(Cli, EvalAgreesWithTraining) {
  const Outcome eval =
      run_command("eval --device cpu --data-path " + data() + " --json --weights " + weights());
  ASSERT_EQ(eval.code, 0) << eval.err;
  const json result = json::parse(eval.out);
  EXPECT_EQ(result["images"], 100);
  EXPECT_EQ(result.size(), 4u);
  const std::string line =
      run_command("eval --device cpu --data-path " + data() + " --weights " + weights()).out;
  const std::string expected =
      "(" + std::to_string(std::llround(result["top1"].get<double>() * 100)) + " of 100)";
  EXPECT_NE(line.find(expected), std::string::npos) << line;
  EXPECT_NE(trained_.out.find(expected), std::string::npos) << trained_.out;
  const std::string flags =
      "eval --device cpu --data-path " + data() + " --weights " + weights() + " --classes 7";
  expect_refused(flags, 2, {"the data have 10 classes, --classes says 7"});
}

TEST_F(Cli, EvalNormalisesAsTheFileOrTheFlagsSay) {
  const std::string flags = "eval --device cpu --json --data-path " + data() + " --weights ";
  const std::string as_trained = run_command(flags + weights()).out;
  EXPECT_EQ(run_command(flags + weights() + " --mean .1307 --std 0.3081").out, as_trained);
  EXPECT_NE(run_command(flags + weights() + " --mean 0.5").out, as_trained);
  ASSERT_EQ(run_command(train("normal") + " --mean=-0.25 --std 2 --max-steps 5").code, 0);
  const std::string other = *folder_ / "normal/weights.safetensors";
  const std::string own = run_command(flags + other).out;
  EXPECT_EQ(run_command(flags + other + " --mean=-.25 --std 2").out, own);
  EXPECT_NE(run_command(flags + other + " --mean .1307 --std .3081").out, own);
}

TEST_F(Cli, TrainStartsFromWeights) {
  const std::string flags = train("second") + " --max-steps 1 --lr 0 --weight-decay 0 --weights ";
  const Outcome same = run_command(flags + weights());
  ASSERT_EQ(same.code, 0) << same.err;
  const TensorFile before = read_safetensors(weights());
  const TensorFile after = read_safetensors(*folder_ / "second/weights.safetensors");
  for (const auto& [name, tensor] : before.tensors) {
    EXPECT_EQ(std::memcmp(tensor.raw(), after.tensors.at(name).raw(), tensor.bytes()), 0) << name;
  }
  expect_refused(flags + weights() + " --classes 12", 1,
                 {weights(), "'fc2.bias' is f32 [10] where the model has f32 [12]"});
  const Outcome partial =
      run_command(flags + weights() + " --classes 12 --allow-partial --test-limit 0 --quiet");
  EXPECT_EQ(partial.code, 0) << partial.err;
  EXPECT_NE(partial.err.find("8 of the model's 10 tensors are loaded"), std::string::npos)
      << partial.err;
  EXPECT_NE(partial.err.find("misshapen  'fc2.weight' is"), std::string::npos) << partial.err;
}

// Nobody hears of the progress; the run does not end for that, and no file of it takes what is printed.
TEST_F(Cli, StreamsThatCannotBeWrittenLeaveTheRunAlone) {
  const Outcome closed = run_command(train("closed") + " --max-steps 5 >&- 2>&-; }", "{");
  EXPECT_EQ(closed.code, 1);  // the result is lost
  const Outcome full =
      run_command(train("full") + " --max-steps 5 --print-freq 1 --json 2>/dev/full; }", "{");
  EXPECT_EQ(full.code, 0);
  EXPECT_EQ(json::parse(full.out)["steps"], 5);
  for (const char* run : {"closed", "full"}) {
    std::istringstream lines(read_bytes(*folder_ / run + "/metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) EXPECT_TRUE(json::accept(line)) << line;
    EXPECT_EQ(read_safetensors(*folder_ / run + "/weights.safetensors").tensors.size(), 10u);
  }
  // Told to stop, it says so, and what it has is kept.
  const std::string rows = *folder_ / "rows.json";
  const Outcome compared =
      run_command("compare conv2d" + std::string(kDevice) + " --output " + rows +
                      " 2>/dev/full & pid=$!; while kill -0 $pid && [ ! -s " + rows +
                      ".partial ]; do sleep 0.02; done; kill -TERM $pid; wait $pid; }",
                  "{");
  EXPECT_EQ(compared.code, 143);
  EXPECT_NE(compared.out.find("INCOMPLETE: interrupted after "), std::string::npos) << compared.out;
}

// Without LeNet-5 having dropout or batch norm the two modes agree; both give all gradients.
TEST_F(Cli, ForwardInBothModes) {
  TensorFile input;
  input.tensors = {{"input", Tensor(DType::f32, {2, 1, 28, 28})},
                   {"labels", Tensor(DType::i64, {2})}};
  const std::string in = *folder_ / "modes.safetensors", out = *folder_ / "modes_out.safetensors";
  write_safetensors(in, input);
  const std::string flags = "forward --device cpu --weights " + weights() + " --input " + in +
                            " --output " + out + " --gradients";
  ASSERT_EQ(run_command(flags).code, 0);
  const std::string evaluation = read_bytes(out);
  ASSERT_EQ(run_command(flags + " --train").code, 0);
  EXPECT_EQ(read_bytes(out), evaluation);
}

// --values adds every layer's output, in PyTorch's layout, and says in which order they run.
TEST_F(Cli, ForwardWritesEveryLayer) {
  TensorFile input;
  input.tensors = {{"input", Tensor(DType::f32, {2, 1, 28, 28})}};
  const std::string in = *folder_ / "values.safetensors", out = *folder_ / "values_out.safetensors";
  write_safetensors(in, input);
  const Outcome probe = run_command("forward --device cpu --weights " + weights() + " --input " +
                                    in + " --output " + out + " --values");
  ASSERT_EQ(probe.code, 0) << probe.err;
  const TensorFile results = read_safetensors(out);
  EXPECT_EQ(results.tensors.at("value.conv1").shape(), (Shape{2, 6, 28, 28}));
  EXPECT_EQ(results.tensors.at("value.flatten").shape(), (Shape{2, 120}));
  const Tensor &logits = results.tensors.at("logits"), &last = results.tensors.at("value.fc2");
  EXPECT_EQ(std::memcmp(logits.raw(), last.raw(), logits.bytes()), 0);
  const json layers = json::parse(results.metadata.at("layers"));
  EXPECT_EQ(layers.front()["name"], "conv1");
  EXPECT_EQ(layers[2], json({{"name", "tanh1"}, {"kind", "tanh"}}));  // [1] is conv1's bias
  EXPECT_EQ(layers.back()["name"], "fc2");
}

TEST_F(Cli, TheSameCommandGivesTheSameWeights) {
  const std::string flags = " --max-steps 15 --batch-size 32 --test-limit 10 --quiet";
  ASSERT_EQ(run_command(train("first") + flags).code, 0);
  ASSERT_EQ(run_command(train("second") + flags).code, 0);
  EXPECT_EQ(read_bytes(*folder_ / "first/weights.safetensors"),
            read_bytes(*folder_ / "second/weights.safetensors"));
}

TEST_F(Cli, JsonIsAllThatStandsOnStandardOutput) {
  const Outcome outcome = run_command(train("json") + " --max-steps 3 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json result = json::parse(outcome.out);
  EXPECT_EQ(result["steps"], 3);
  EXPECT_EQ(result["images"], 100);
}

// Four digits and their labels go in; PyTorch's names and layouts come out.
TEST_F(Cli, ForwardProbesLogitsAndGradients) {
  TensorFile input;
  Tensor images(DType::f32, {4, 1, 28, 28}), labels(DType::i64, {4});
  Random random(1);
  for (float& v : images.data<float>()) v = static_cast<float>(random.next_normal());
  for (std::size_t i = 0; i < 4; ++i) labels.data<int64_t>()[i] = static_cast<int64_t>(i * 3);
  input.tensors = {{"input", images}, {"labels", labels}};
  const std::string in = *folder_ / "in.safetensors", out = *folder_ / "out.safetensors";
  write_safetensors(in, input);
  const std::string forward = "forward --device cpu --model lenet5 --weights " + weights() +
                              " --input " + in + " --output ";
  const std::string flags = forward + out;
  ASSERT_EQ(run_command(flags).code, 0);
  const Tensor logits = read_safetensors(out).tensors.at("logits");
  EXPECT_EQ(logits.shape(), (Shape{4, 10}));

  const Outcome probe = run_command(flags + " --gradients");
  ASSERT_EQ(probe.code, 0) << probe.err;
  const TensorFile results = read_safetensors(out);
  for (const std::string& read : {in, weights()}) {
    const std::string before = read_bytes(read);
    expect_refused(forward + read, 2, {read, "is the file of --"});
    EXPECT_EQ(read_bytes(read), before);
  }
  EXPECT_EQ(results.tensors.size(), 2u + 10u);
  EXPECT_EQ(results.tensors.at("grad.conv2.weight").shape(), (Shape{16, 6, 5, 5}));
  double loss = 0;
  for (std::size_t n = 0; n < 4; ++n) {
    const auto row = results.tensors.at("logits").data<float>().subspan(n * 10, 10);
    double sum = 0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit));
    loss += (std::log(sum) - static_cast<double>(row[n * 3])) / 4;
  }
  EXPECT_NEAR(results.tensors.at("loss").item<float>(), loss, 1e-4);

  labels.data<int64_t>()[2] = 10;
  write_safetensors(in, input);
  std::filesystem::remove(out);
  expect_refused(flags + " --gradients", 1, {in, "label 10"});
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(Cli, AnInterruptFinishesTheStepAndSaves) {
  const std::string output = *folder_ / "interrupted";
  const std::string command = train("interrupted") + " --epochs 100000 --quiet";
  // The shell turns itself into the binary, so the signal reaches it.
  const Outcome outcome =
      run_command(command + " & pid=$!; while [ ! -s " + output +
                  "/metrics.jsonl ]; do sleep 0.05; done; " + "kill -INT $pid; wait $pid");
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_EQ(read_safetensors(output + "/weights.safetensors").tensors.size(), 10u);
}

// A terminal that goes ends a run as Ctrl-C does, but for one under nohup.
TEST_F(Cli, AHangUpSavesUnlessItIsIgnored) {
  const auto command = [](const std::string& run) {
    return train(run) + " --epochs 100000 --quiet & pid=$!; while [ ! -s " + (*folder_ / run) +
           "/metrics.jsonl ]; do sleep 0.05; done; kill -HUP $pid; ";
  };
  EXPECT_EQ(run_command(command("hung_up") + "wait $pid").code, 129);
  EXPECT_EQ(read_safetensors(*folder_ / "hung_up/weights.safetensors").tensors.size(), 10u);
  const Outcome ignored = run_command(
      command("nohup") + "sleep 0.5; kill -INT $pid; wait $pid; echo code $?; }", "trap '' HUP; {");
  EXPECT_NE(ignored.out.find("code 130\n"), std::string::npos) << ignored.out;
}

// A batch larger than the data, and the rate of the optimiser, stand in what is printed.
TEST_F(Cli, SettingsThatNobodyGaveAreShown) {
  const Outcome clamped = run_command(train("clamped") + " --max-steps 1 --batch-size 1000000000");
  EXPECT_NE(clamped.err.find("batch 400: the data have no more\n"), std::string::npos)
      << clamped.err;
  EXPECT_NE(clamped.out.find(", batch 400, sgd at 0.1, plan "), std::string::npos) << clamped.out;
  const Outcome whole = run_command(train("whole") + " --max-steps 1 --batch-size 400");
  EXPECT_EQ(whole.err.find("no more"), std::string::npos) << whole.err;
}

TEST_F(Cli, EachOptimiserHasItsOwnRate) {
  const auto fraction = [](const std::string& flags) {
    const Outcome outcome =
        run_command(train("rates") + " --epochs 3 --batch-size 32 --json --opt " + flags);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out)["top1"].get<double>();
  };
  // Not rmsprop_tf, whose averages of squares begin at 1: it is slow at first.
  for (const char* opt : {"sgd", "adam", "adamw", "rmsprop"}) {
    EXPECT_GT(fraction(opt), 0.6) << opt;
  }
  const std::string help = run_command("train --help").out;
  EXPECT_NE(help.find("adamw 0.001"), std::string::npos) << help;
}

#ifndef VOLUTA_SIMT
TEST_F(Cli, NoGpuIsToldInAPlainLine) {
  if (run_command("devices").out.find("no GPU: ") == std::string::npos) GTEST_SKIP() << "a GPU";
  const std::string eval = "eval --data-path " + data() + " --weights " + weights();
  EXPECT_EQ(run_command(eval).err, "no GPU, evaluating on the CPU; --device cpu silences this\n");
  EXPECT_EQ(run_command(eval + " --device cpu").err, "");
  const std::string run = "train --max-steps 1 --test-limit 0 --overwrite --data-path " + data() +
                          " --output-dir " + (*folder_ / "loud");
  EXPECT_NE(run_command(run + " -v").err.find("no GPU ("), std::string::npos);
}
#endif

TEST_F(Cli, EnginesThatNoStepTakesAreNamed) {
  const std::string flags = "summary lenet5 --device cpu --engines ";
  EXPECT_NE(run_command(flags + "cudnn").err.find("--engines cudnn: no step takes it on cpu"),
            std::string::npos);
  EXPECT_EQ(run_command(flags + "onednn").err, "");
}

TEST_F(Cli, SixteenBitsWithoutAFastEngineAreToldOnTheCpu) {
  const std::string flags =
      "eval --device cpu --data-path " + data() + " --weights " + weights() + " --precision ";
  const std::string note = run_command(flags + "bf16").err;
  EXPECT_TRUE(note.starts_with("--precision bf16: ")) << note;
  EXPECT_NE(note.find(" steps are reference loops on the CPU"), std::string::npos) << note;
  EXPECT_EQ(run_command(flags + "f32").err, "");
}

// NaN is no result: the first tensor at fault is named.
TEST_F(Cli, WeightsThatAreNotFiniteAreNamed) {
  TensorFile file = read_safetensors(weights());
  for (const char* name : {"conv2.weight", "fc1.bias"}) {
    file.tensors.at(name).data<float>()[3] = NAN;
  }
  const std::string bad = *folder_ / "bad.safetensors";
  write_safetensors(bad, file);
  const std::string flags = " --device cpu --data-path " + data() + " --weights " + bad;
  const std::string png = " --output " + (*folder_ / "nan.png");
  for (const std::string& command :
       {"eval" + flags, "predict" + flags, "visualize gradcam --index 0" + flags + png,
        "visualize activations --index 0" + flags + png}) {
    expect_refused(command, 1, {"NaN", "1 of the 2400 values of 'conv2.weight'"});
  }
  EXPECT_FALSE(std::filesystem::exists(*folder_ / "nan.png"));
}

#ifdef VOLUTA_SIMT
// The emulated device trains as the CPU does: the same losses up to rounding, the same bits twice.
TEST_F(Cli, SimtTrainsAsTheCpu) {
  const std::string flags = " --max-steps 2 --batch-size 4 --print-freq 1 --test-limit 0 --quiet";
  const auto losses = [&](const std::string& device, const std::string& output) {
    const Outcome outcome = run_command("train --device " + device + " --data-path " + data() +
                                        " --output-dir " + (*folder_ / output) + flags);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::istringstream lines(read_bytes(*folder_ / output + "/metrics.jsonl"));
    std::vector<double> values;
    for (std::string line; std::getline(lines, line);) {
      const json report = json::parse(line);
      if (report["event"] == "step") values.push_back(report["loss"]);
    }
    return values;
  };
  const std::vector<double> cpu = losses("cpu --engines reference", "cpu");
  const std::vector<double> simt = losses("simt", "simt"), again = losses("simt", "again");
  ASSERT_EQ(cpu.size(), 2u);
  ASSERT_EQ(simt.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(simt[i], cpu[i], 1e-5);
  EXPECT_EQ(simt, again);
  EXPECT_EQ(read_bytes(*folder_ / "simt/weights.safetensors"),
            read_bytes(*folder_ / "again/weights.safetensors"));
}
#endif

}  // namespace
}  // namespace voluta
