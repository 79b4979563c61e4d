// Judges every engine of every op on the devices of this binary, one GoogleTest case a problem.
//
//   kernel_tests                           the problem lists and the first random problems
//   kernel_tests --all                     with the slow parts of the lists and many more at random
//   VOLUTA_PROBLEM='conv2d ...' VOLUTA_SEED=7 kernel_tests     one failing case alone
//   VOLUTA_SEED=8 kernel_tests             other inputs and other random problems
//   VOLUTA_ENGINES='implicit_gemm*,direct' kernel_tests        only these engines, and references;
//   VOLUTA_SKIP_ENGINES='*wgmma*'                              none of these; * is any characters
//   VOLUTA_TRACE=1                         engine and problem on standard error before each run
//   VOLUTA_WATCHDOG=60                     on a GPU: exit code 97 where it does not finish in time
//
// Where a kernel takes the device with it, the program says so and leaves at once with exit code 86.

#include "judge/device_watch.h"
#include "judge/engine_filter.h"

#include <voluta/core/error.h>
#include <voluta/kernels/registry.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace voluta::judge {
namespace {

Ledger& ledger() {
  static Ledger ledger;
  return ledger;
}

uint64_t seed_from_environment() {
  const char* text = std::getenv("VOLUTA_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 1;
}

class ProblemTest : public testing::Test {
 public:
  ProblemTest(std::string line, uint64_t seed) : line_(std::move(line)), seed_(seed) {}

  void TestBody() override {
    const Verdict verdict = judge(line_, seed_, ledger());
    for (const std::string& failure : verdict.failures) ADD_FAILURE() << failure;
    if (verdict.judged > 0 || !verdict.failures.empty()) return;
    std::string reasons;
    for (const std::string& reason : verdict.skipped) reasons += "; " + reason;
    GTEST_SKIP() << "no engine on this device takes '" << line_ << "'" << reasons;
  }

 private:
  std::string line_;
  uint64_t seed_;
};

void register_problem(const std::string& line, std::size_t index, uint64_t seed) {
  const std::string op = line.substr(0, line.find(' '));
  std::string name =
      std::to_string(index) + "_" + line.substr(std::min(op.size() + 1, line.size()));
  std::ranges::replace_if(
      name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  testing::RegisterTest(op.c_str(), name.c_str(), nullptr, line.c_str(), __FILE__, __LINE__,
                        [line, seed]() -> testing::Test* { return new ProblemTest(line, seed); });
}

// f32 lines asked in 16 bits: bf16 and f16 by turns, of the first `count` lines.
std::vector<std::string> in_half(const std::vector<std::string>& lines, std::size_t count) {
  std::vector<std::string> half;
  for (std::size_t i = 0; i < std::min(lines.size(), count); ++i) {
    if (parse_problem(lines[i]).outputs[0].dtype != DType::f32) continue;
    half.push_back(lines[i] + (i % 2 == 0 ? " bf16" : " f16"));
  }
  return half;
}

void add(std::vector<std::string>& lines, const std::vector<std::string>& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

// An op whose lines are asked of its gradients too, with lists of its own.
struct Convolution {
  std::string op;
  std::vector<std::string> lists;
  int random;
  std::vector<std::string> gradients;
  int random_half = 0;    // so many random problems in 16 bits too, and the lists; 0: f32 alone
  bool own_half = false;  // of the lists only <op>_half
};

const Convolution kConvolutions[] = {
    {"conv2d",
     {"conv2d", "conv2d_models", "conv2d_tf32", "conv2d_prologue", "conv2d_split_k"},
     1250,
     {"conv2d_input_gradient", "conv2d_filter_gradient"},
     100},
    {"depthwise_conv2d",
     {"depthwise_conv2d", "depthwise_conv2d_models"},
     150,
     {"depthwise_conv2d_input_gradient", "depthwise_conv2d_filter_gradient"},
     10,
     true},
    {"conv_transpose2d", {"conv_transpose2d"}, 60, {}, 20},
};
constexpr int kRandomOthers = 60, kRandomHalf = 8, kRandomSums = 120, kRandomDepthwiseSums = 40,
              kMoreRandom = 4;

// The other ops that a network's data passes through, in 16 bits too.
constexpr std::string_view kHalfOps[] = {
    "activation",
    "activation_gradient",
    "add",
    "scale",
    "bias",
    "bias_gradient",
    "batch_norm_training",
    "batch_norm_training_gradient",
    "batch_norm_inference",
    "batch_norm_inference_gradient",
    "pool2d",
    "max_pool2d_gradient",
    "average_pool2d_gradient",
    "adaptive_average_pool2d",
    "adaptive_average_pool2d_gradient",
    "concat",
    "channel_slice",
    "channel_pad",
    "dropout",
    "flatten",
    "unflatten",
    "local_response_norm",
    "local_response_norm_gradient",
    "softmax",
    "softmax_gradient",
};

bool is_convolution(std::string_view op) {
  return std::ranges::any_of(kConvolutions, [&](const Convolution& convolution) {
    return op == convolution.op || std::ranges::count(convolution.gradients, op) > 0;
  });
}

// Input gradients with sums, most of them, in 16 bits too.
std::vector<std::string> problems_with_sums(std::string_view op, int random, uint64_t seed,
                                            bool all) {
  std::vector<std::string> lines = read_problem_list(op, all);
  add(lines, random_problems(op, random, seed));
  add(lines, in_half(lines, lines.size()));
  return lines;
}

std::vector<std::string> problems(bool all, uint64_t seed) {
  std::vector<std::string> lines;
  const int factor = all ? kMoreRandom : 1;
  for (const Convolution& convolution : kConvolutions) {
    std::vector<std::string> forward;
    for (const std::string& list : convolution.lists) add(forward, read_problem_list(list, all));
    add(forward, random_problems(convolution.op, factor * convolution.random, seed));
    std::vector<std::string> half;
    if (convolution.random_half > 0) {
      const std::size_t random =
          forward.size() - static_cast<std::size_t>(factor * convolution.random);
      const std::vector<std::string> asked(
          forward.begin() + static_cast<std::ptrdiff_t>(convolution.own_half ? random : 0),
          forward.end());
      half = in_half(asked, (convolution.own_half ? 0 : random) +
                                static_cast<std::size_t>(factor * convolution.random_half));
      const auto tiles = read_problem_list(convolution.op + "_half", all);
      add(half, in_half(tiles, tiles.size()));
    }
    add(lines, forward);
    add(lines, half);
    for (const std::string& op : convolution.gradients) {
      for (const std::string& line : forward) lines.push_back(as_gradient(op, line));
      for (const std::string& line : half) lines.push_back(as_gradient(op, line));
    }
  }
  add(lines, problems_with_sums("conv2d_input_gradient", factor * kRandomSums, seed, all));
  add(lines, problems_with_sums("depthwise_conv2d_input_gradient", factor * kRandomDepthwiseSums,
                                seed, all));
  const auto filter_gradients = read_problem_list("conv2d_filter_gradient", all);
  add(lines, filter_gradients);
  add(lines, in_half(filter_gradients, filter_gradients.size()));
  for (const char* list : {"others", "linear", "concat", "normalization", "half", "augmentation"})
    add(lines, read_problem_list(list, all));
  for (const Op* op : all_ops()) {
    if (is_convolution(op->name)) continue;
    add(lines, random_problems(op->name, factor * kRandomOthers, seed));
  }
  for (const std::string_view op : kHalfOps) {
    const auto count = static_cast<std::size_t>(factor * kRandomHalf);
    add(lines, in_half(random_problems(op, factor * kRandomHalf, seed + 1), count));
  }
  return lines;
}

void register_problems(bool all) {
  const uint64_t seed = seed_from_environment();
  std::vector<std::string> lines;
  if (const char* one = std::getenv("VOLUTA_PROBLEM")) {
    lines = {one};
    testing::GTEST_FLAG(filter) = lines[0].substr(0, lines[0].find(' ')) + ".0_*";
  } else {
    lines = problems(all, seed);
  }
  for (std::size_t i = 0; i < lines.size(); ++i) register_problem(lines[i], i, seed);
  std::printf("%zu problems, VOLUTA_SEED=%llu%s\n", lines.size(),
              static_cast<unsigned long long>(seed), all ? ", all" : "");
}

void print_ledger() {
  std::printf("\n%s", ledger().summary().c_str());
}

int run_tests(bool all) {
  EngineFilter::from_environment();
  device_types_under_test();  // what is wrong with the environment is said once
  before_leaving(print_ledger);
  testing::UnitTest::GetInstance()->listeners().Append(new DeviceWatch);
  register_problems(all);
  const int result = RUN_ALL_TESTS();
  print_ledger();
  return result;
}

}  // namespace
}  // namespace voluta::judge

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const bool all = std::any_of(argv + 1, argv + argc, [](const char* argument) {
    return std::string_view(argument) == "--all";
  });
  try {
    return voluta::judge::run_tests(all);
  } catch (const voluta::Error& error) {
    std::fprintf(stderr, "kernel_tests: %s\n", error.what());
    return 2;
  }
}
