// Whole networks with and without what batch normalisation takes in of its neighbours: a step of
// training leaves the same bits, for the fused engines round at the same places as the single ones.
// Moments and sums that convolutions write add up in another order: there the bits differ, the numbers
// do not.

#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>
#include <voluta/core/graph/tuner.h>
#include <voluta/core/random.h>
#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>
#include <voluta/train/step.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>

namespace voluta {
namespace {

constexpr int64_t kBatch = 4, kClasses = 5;

struct Case {
  const char* model;
  double width;
  Device device;
  DType data_type = DType::f32;
};

StepGraph step_of(const Case& of) {
  const ModelEntry& model = find_model(of.model);
  return training_step({.model = &model,
                        .options = {.width = of.width},
                        .data_type = of.data_type,
                        .image = {32, 32, model.channels},
                        .classes = kClasses,
                        .batch = kBatch,
                        .seed = 3});
}

// The losses of `steps` steps, then every state.
std::map<std::string, Tensor> train(const Case& of, const StepGraph& step,
                                    const PassOptions& passes, int steps) {
  Session session(of.device);
  Executor executor(Plan(step.graph, {step.loss}, {.device = of.device, .passes = passes}),
                    session);
  Random random(11);
  std::map<std::string, Tensor> results;
  for (int i = 0; i < steps; ++i) {
    Tensor images(step.graph.type(step.images)), labels(step.graph.type(step.labels));
    for (float& pixel : images.data<float>()) pixel = static_cast<float>(random.next_normal());
    for (int64_t& label : labels.data<int64_t>()) label = random.next_below(kClasses);
    Tensor lr(DType::f32, {});
    lr.data<float>()[0] = 0.1f;
    executor.feed(step.images, images);
    executor.feed(step.labels, labels);
    executor.feed(step.learning_rate, lr);
    if (step.step) executor.feed(step.step, Tensor(DType::i64, {}));
    executor.run();
    results.emplace("loss " + std::to_string(i), executor.read(step.loss));
  }
  for (const ValueInfo& value : step.graph.values()) {
    if (value.kind == ValueKind::kState) {
      results.emplace(value.name, session.read_state(value.name));
    }
  }
  return results;
}

std::map<std::string, Tensor> train(const Case& of, const PassOptions& passes, int steps) {
  return train(of, step_of(of), passes, steps);
}

// The engine that a plan takes by default; nullptr where there is none but the reference.
const Engine* engine_of(const Problem& problem, Device device) {
  try {
    const Engine* engine = candidates(problem, device, {}).front();
    return engine->role == EngineRole::kReference ? nullptr : engine;
  } catch (const Error&) {
    return nullptr;
  }
}

bool is_input_gradient(const Problem& problem) {
  return problem.op == &op<Conv2dInputGradient>() ||
         problem.op == &op<DepthwiseConv2dInputGradient>();
}

// What the two input gradients say of their sums.
struct SumsOptions {
  bool sums;
  ActivationKind activation;
  std::array<int64_t, 2> stride;

  explicit SumsOptions(const Problem& problem) {
    const auto read = [this](const auto& options) {
      sums = options.sums, activation = options.activation, stride = options.conv.stride;
    };
    if (problem.op == &op<Conv2dInputGradient>()) {
      read(problem.options_as<Conv2dInputGradientOptions>());
    } else {
      read(problem.options_as<DepthwiseConv2dInputGradientOptions>());
    }
  }
};

// A step after the passes, all of which convolutions give moments; sums only where `sums` says so.
StepGraph step_with(const Case& of, bool sums) {
  StepGraph step = step_of(of);
  run_passes(step.graph, std::vector{step.loss}, {}, [&](const Problem& problem) {
    const bool gives = is_input_gradient(problem) && problem.outputs.size() == 2;
    return gives && !sums ? nullptr : engine_of(problem, of.device);
  });
  return step;
}

class BatchNormFusion : public testing::TestWithParam<Case> {};

TEST_P(BatchNormFusion, KeepsEveryBitOfATrainingStep) {
  const auto plain =
      train(GetParam(), {.fuse = false, .absorb = false, .defer = false, .request = false}, 2);
  for (const PassOptions& passes :
       {PassOptions{.request = false}, PassOptions{.defer = false, .request = false},
        PassOptions{.fuse = false, .request = false},
        PassOptions{.absorb = false, .request = false}}) {
    const auto fused = train(GetParam(), passes, 2);
    ASSERT_EQ(fused.size(), plain.size());
    for (const auto& [name, tensor] : plain) {
      EXPECT_EQ(std::memcmp(fused.at(name).raw(), tensor.raw(), tensor.bytes()), 0) << name;
    }
  }
}

// In 16 bits what is normalised on the way is rounded as what is stored: by the engines of pixels, of
// depthwise windows, and of their filters' gradients.
TEST(BatchNormDeferral, KeepsEveryBitIn16Bits) {
  for (const Device device : available_devices()) {
    if (device.type != DeviceType::kCuda) continue;
    for (const DType data_type : {DType::bf16, DType::f16}) {
      const Case of{"mobilenet_v2", 0.25, device, data_type};
      const auto stored = train(of, {.defer = false, .request = false}, 2);
      const auto deferred = train(of, {.request = false}, 2);
      for (const auto& [name, tensor] : stored) {
        EXPECT_EQ(std::memcmp(deferred.at(name).raw(), tensor.raw(), tensor.bytes()), 0)
            << name << " of " << name_of(data_type);
      }
    }
  }
}

// Note [A gradient of channels put side by side]: the slices of all branches that end in a batch norm are gone,
// and the bits are those that they had.
TEST(BatchNormSlices, GradientsReadTheirChannelsOfTheConcatenation) {
  for (const Device device : available_devices()) {
    const Case of{"googlenet", 0.125, device};
    const StepGraph step = step_of(of);
    const PassOptions apart{.absorb = false, .request = false};
    const auto slices = [&](const PassOptions& passes) {
      const Plan plan(step.graph, {step.loss}, {.device = device, .passes = passes});
      return std::ranges::count_if(plan.graph().nodes(), [](const Node& node) {
        return node.problem.op == &op<ChannelSlice>();
      });
    };
    EXPECT_EQ(slices(apart), 36);  // four branches of nine blocks
    EXPECT_EQ(slices({.request = false}), 0);
    const auto expected = train(of, apart, 2), found = train(of, {.request = false}, 2);
    for (const auto& [name, tensor] : expected) {
      EXPECT_EQ(std::memcmp(found.at(name).raw(), tensor.raw(), tensor.bytes()), 0) << name;
    }
  }
}

double distance(const Tensor& a, const Tensor& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(b.elements()); ++i) {
    const double x = a.data<float>()[i], y = b.data<float>()[i];
    difference += (x - y) * (x - y);
    size += y * y;
  }
  return size > 0 ? std::sqrt(difference / size) : std::sqrt(difference);
}

double root_mean_square(const Tensor& of) {
  double sum = 0;
  for (const float value : of.data<float>()) sum += double{value} * value;
  return std::sqrt(sum / static_cast<double>(of.elements()));
}

// The forward pass: losses and variances. Means behind a linear bottleneck are 0 but for rounding, and
// rounding may turn a gradient at a kink of relu; training_step_test judges the backward pass node by
// node.
TEST_P(BatchNormFusion, MomentsOfConvolutionsChangeNoMoreThanRounding) {
  const auto without = train(GetParam(), {.request = false}, 1);
  int compared = 0;
  for (const auto& [name, tensor] : train(GetParam(), {}, 1)) {
    if (!name.starts_with("loss") && name.find("running_var") == std::string::npos) continue;
    EXPECT_LE(distance(tensor, without.at(name)), 1e-4) << name;
    ++compared;
  }
  EXPECT_GT(compared, 2);
}

// On the CPU convolutions have no moments to give.
TEST_P(BatchNormFusion, BatchNormsBehindConvolutionsReadTheirMomentsOnTheGpu) {
  const StepGraph step = step_of(GetParam());
  const Plan plan(step.graph, {step.loss}, {.device = GetParam().device});
  int64_t norms = 0, served = 0, offering = 0;
  for (const Node& node : plan.graph().nodes()) {
    if (node.problem.op == &op<BatchNormTraining>()) {
      ++norms;
      served += node.problem.options_as<BatchNormOptions>().moments;
    } else if (node.problem.op == &op<Conv2d>()) {
      offering += node.problem.options_as<Conv2dOptions>().moments;
    }
  }
  EXPECT_EQ(served, offering);
  const bool cuda = GetParam().device.type == DeviceType::kCuda;
  const bool depthwise = std::string_view(GetParam().model) == "mobilenet_v2";
  EXPECT_EQ(served, !cuda ? 0 : depthwise ? norms - 17 : norms);
}

bool takes_prologues(const Node& reader) {
  const std::array<const Op*, 4> ops = {&op<Conv2d>(), &op<Conv2dFilterGradient>(),
                                        &op<DepthwiseConv2d>(),
                                        &op<DepthwiseConv2dFilterGradient>()};
  return std::ranges::count(ops, reader.problem.op) > 0;
}

// Of the batch norms whose output satisfies `chosen(plan, node)`.
template <class Chosen>
std::set<std::string> batch_norms(const Plan& plan, Chosen chosen) {
  std::set<std::string> paths;
  for (const Node& node : plan.graph().nodes()) {
    if (node.problem.op == &op<BatchNormTraining>() && chosen(plan, node)) paths.insert(node.path);
  }
  return paths;
}

// What only convolutions and their filters' gradients read is never stored on the GPU, and the plan is
// smaller for it; CPU engines take no prologue.
TEST_P(BatchNormFusion, OutputsThatConvolutionsAloneReadAreLeftToThemOnTheGpu) {
  const StepGraph step = step_of(GetParam());
  const auto plan_with = [&](bool defer) {
    return Plan(step.graph, {step.loss},
                {.device = GetParam().device, .passes = {.defer = defer, .request = false}});
  };
  const Plan stored = plan_with(false), deferred = plan_with(true);
  const auto expected = batch_norms(stored, [](const Plan& plan, const Node& norm) {
    return !norm.problem.options_as<BatchNormOptions>().residual &&
           std::ranges::all_of(plan.graph().nodes(), [&](const Node& node) {
             return std::ranges::count(node.inputs, norm.outputs[0]) == 0 || takes_prologues(node);
           });
  });
  const auto found = batch_norms(deferred, [](const Plan&, const Node& norm) {
    return norm.problem.options_as<BatchNormOptions>().deferred;
  });
  const bool cuda = GetParam().device.type == DeviceType::kCuda;
  EXPECT_EQ(found, cuda ? expected : std::set<std::string>{});
  EXPECT_GE(expected.size(), 8u);
  if (cuda) {
    EXPECT_LT(deferred.arena_bytes(), stored.arena_bytes());
  }
}

// Of an input gradient: where what it reads for its sums begins.
std::size_t norm_input(const Problem& problem) {
  if (problem.op != &op<Conv2dInputGradient>()) return 2;
  const auto& options = problem.options_as<Conv2dInputGradientOptions>();
  return 2 + (options.residual ? 1 : 0) + (options.gate != ActivationKind::kNone ? 1 : 0);
}

// A batch norm's gradient is served where its dy comes from a convolution's gradient, which reads what it
// needs of the batch norm, adds what came by the shortcut of a block, and gates what goes into one.
void expect_sums(const StepGraph& step, Device device) {
  const Plan plan(step.graph, {step.loss}, {.device = device});
  int64_t served = 0, offering = 0;
  std::set<const Node*> expected;  // of two that read one gradient one is served
  for (const Node& node : plan.graph().nodes()) {
    if (is_input_gradient(node.problem)) offering += SumsOptions(node.problem).sums;
    if (node.problem.op != &op<BatchNormTrainingGradient>()) continue;
    const auto& options = node.problem.options_as<BatchNormTrainingGradientOptions>();
    const Node* const from = plan.graph().producer(node.inputs[1]);
    served += options.sums;
    if (device.type == DeviceType::kCuda) {
      EXPECT_EQ(options.kept, !is_input_gradient(from->problem) && options.du) << node.path;
    }
    if (!is_input_gradient(from->problem)) continue;
    const SumsOptions gradient(from->problem);
    const bool depthwise = from->problem.op == &op<DepthwiseConv2dInputGradient>();
    if (!depthwise || gradient.stride == std::array<int64_t, 2>{1, 1}) expected.insert(from);
    if (!options.sums) continue;
    const std::size_t z = norm_input(from->problem);
    EXPECT_EQ(from->inputs[z], node.inputs[0]) << node.path;
    EXPECT_EQ(from->inputs[z + 1], node.inputs[3]) << node.path;
    EXPECT_EQ(from->outputs[1], node.inputs.back()) << node.path;
    EXPECT_EQ(gradient.activation, options.activation) << node.path;
  }
  EXPECT_EQ(served, offering);
  const bool cuda = device.type == DeviceType::kCuda;
  EXPECT_EQ(served, cuda ? std::ssize(expected) : 0);
  EXPECT_GE(expected.size(), 8u);
}

TEST_P(BatchNormFusion, GradientsBehindConvolutionsReadTheirSumsOnTheGpu) {
  for (const DType data_type : {DType::f32, DType::bf16, DType::f16}) {
    SCOPED_TRACE(std::string(name_of(data_type)));
    Case of = GetParam();
    of.data_type = data_type;
    expect_sums(step_of(of), of.device);
  }
}

// The forward pass of the first step is the same, bit for bit; only sums over rows are rounded
// otherwise. A bias whose effect the next batch norm takes away again has a gradient that is nothing but
// rounding, up to 2e-5 here: less counts as equal. The second loss starts from what the first step's
// gradients made of the weights.
TEST_P(BatchNormFusion, SumsOfConvolutionsChangeNoMoreThanRounding) {
  const PassOptions done{.fuse = false, .absorb = false, .defer = false, .request = false};
  const auto with = [&](bool sums, int steps) {
    return train(GetParam(), step_with(GetParam(), sums), done, steps);
  };
  const auto without = with(false, 1);
  for (const auto& [name, tensor] : with(true, 1)) {
    if (tensor.dtype() != DType::f32) continue;
    const Tensor& other = without.at(name);
    const double size = root_mean_square(other);
    EXPECT_LE(distance(tensor, other) * (size > 0 ? size : 1), 1e-3 * size + 3e-5) << name;
  }
  EXPECT_LE(distance(with(true, 2).at("loss 1"), with(false, 2).at("loss 1")), 1e-3);
}

int64_t count(const Graph& graph, const Op& op) {
  return std::ranges::count_if(graph.nodes(),
                               [&](const Node& node) { return node.problem.op == &op; });
}

int64_t readers(const Graph& graph, Value value) {
  return std::ranges::count_if(graph.nodes(), [&](const Node& node) {
    return std::ranges::find(node.inputs, value) != node.inputs.end();
  });
}

// Sums of gradients are left where none is a convolution's and nobody else's.
TEST_P(BatchNormFusion, LeavesNoActivationNoGradientOfOneAndNoSum) {
  StepGraph step = step_of(GetParam());
  run_passes(step.graph, std::vector{step.loss}, {});
  EXPECT_EQ(count(step.graph, op<Activation>()), 0);
  EXPECT_EQ(count(step.graph, op<ActivationGradient>()), 0);
  for (const Node& node : step.graph.nodes()) {
    if (node.problem.op != &op<Add>()) continue;
    EXPECT_EQ(node.pass, "backward") << node.path;
    for (const Value summand : node.inputs) {
      const Node* from = step.graph.producer(summand);
      const bool takes = from->problem.op == &op<Conv2dInputGradient>();
      EXPECT_TRUE(!takes || readers(step.graph, summand) > 1) << node.path;
    }
  }
}

std::vector<Case> cases() {
  std::vector<Case> found;
  for (const Device device : available_devices()) {
    found.push_back({"resnet20", 0.5, device});
    found.push_back({"resnet18", 0.0625, device});
    found.push_back({"mobilenet_v2", 0.25, device});
  }
  return found;
}

INSTANTIATE_TEST_SUITE_P(Models, BatchNormFusion, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = std::string(info.param.model) + "_" + to_string(info.param.device);
  std::erase_if(name, [](char c) { return !std::isalnum(c) && c != '_'; });
  return name;
});

}  // namespace
}  // namespace voluta
