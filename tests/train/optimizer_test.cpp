// How a step's updates are put together: every parameter once, by its group's weight decay, and what
// clipping leaves of the gradients. The updates themselves are judged against PyTorch in goldens/.

#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>
#include <voluta/kernels/optimizer/optimizer.h>
#include <voluta/train/optimizer.h>
#include <voluta/train/step.h>

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace voluta {
namespace {

StepGraph resnet20_step(const OptimizerOptions& optimizer) {
  return training_step({.model = &find_model("resnet20"),
                        .image = {32, 32, 3},
                        .classes = 10,
                        .batch = 2,
                        .optimizer = optimizer});
}

// Weight decay by the parameter's name, of every parameter that a node of Op updates. A parameter
// that is updated twice fails.
template <class Op>
std::map<std::string, double> decays(const Graph& graph) {
  std::map<std::string, double> found;
  for (const Node& node : graph.nodes()) {
    if (node.problem.op->name != Op::kName) continue;
    const auto& options = node.problem.options_as<typename Op::Options>();
    const std::size_t lists = 2 + static_cast<std::size_t>(slots_of(options));
    for (std::size_t i = 0; i < node.inputs.size() / lists; ++i) {
      const std::string& name = graph.info(node.inputs[i]).name;
      EXPECT_TRUE(found.emplace(name, options.weight_decay).second) << name;
    }
  }
  return found;
}

TEST(OptimizerTest, UpdatesEveryParameterOnceByItsGroup) {
  const StepGraph step =
      resnet20_step({.weight_decay = 0.5, .norm_weight_decay = 0.25, .bias_weight_decay = 0});
  const std::map<std::string, double> found = decays<SgdUpdate>(step.graph);
  EXPECT_EQ(found.size(), step.parameters.size());
  EXPECT_EQ(found.at("layer1.0.conv1.weight"), 0.5);
  EXPECT_EQ(found.at("layer1.0.bn1.weight"), 0.25);
  EXPECT_EQ(found.at("layer1.0.bn1.bias"), 0);
  EXPECT_EQ(found.at("linear.weight"), 0.5);
  EXPECT_EQ(found.at("linear.bias"), 0);
}

TEST(OptimizerTest, BatchNormsDecayOfTheirOwnTakesTheirBiases) {
  const StepGraph step = resnet20_step({.weight_decay = 0.5, .norm_weight_decay = 0.25});
  const std::map<std::string, double> found = decays<SgdUpdate>(step.graph);
  EXPECT_EQ(found.at("layer1.0.bn1.bias"), 0.25);
  EXPECT_EQ(found.at("linear.bias"), 0.5);
}

TEST(OptimizerTest, WithoutGroupsAllDecayAlike) {
  const StepGraph step = resnet20_step({.kind = OptimizerKind::kAdamW, .weight_decay = 0.5});
  const std::map<std::string, double> found = decays<AdamUpdate>(step.graph);
  EXPECT_EQ(found.size(), step.parameters.size());
  for (const auto& [name, decay] : found) EXPECT_EQ(decay, 0.5) << name;
}

// As timm's: what does not decay keeps its gradient's size.
TEST(OptimizerTest, LarsAdaptsWhatDecays) {
  const StepGraph step =
      resnet20_step({.kind = OptimizerKind::kLars, .weight_decay = 0.5, .norm_weight_decay = 0});
  const std::map<std::string, double> adapted = decays<LarsUpdate>(step.graph);
  const std::map<std::string, double> others = decays<SgdUpdate>(step.graph);
  EXPECT_EQ(adapted.size() + others.size(), step.parameters.size());
  EXPECT_TRUE(adapted.contains("linear.bias"));
  EXPECT_TRUE(others.contains("layer1.0.bn1.bias"));
}

// Without momentum and decay, all parameters as one vector move by lr times the clipped norm.
TEST(OptimizerTest, ClippedStepsAreNoLongerThanTheNorm) {
  constexpr double kNorm = 0.125, kRate = 0.5;
  Graph graph;
  std::vector<Value> parameters, gradients;
  for (const int64_t size : {5, 70, 1}) {
    const std::string name = "p" + std::to_string(size);
    parameters.push_back(graph.state(name, {DType::f32, {size}}, StateRole::kParameter, {}));
    gradients.push_back(graph.input("g" + std::to_string(size), {DType::f32, {size}}));
  }
  const OptimizerInputs inputs =
      add_updates(graph, graph, parameters, gradients, {.momentum = 0, .clip_grad_norm = kNorm});
  Session session(default_device());
  Executor executor(Plan(graph, {}, {.device = session.device()}), session);
  for (const Value gradient : gradients) {
    Tensor values(graph.type(gradient));
    std::ranges::fill(values.data<float>(), 3.0f);
    executor.feed(gradient, values);
  }
  Tensor rate(DType::f32, {});
  rate.data<float>()[0] = kRate;
  executor.feed(inputs.learning_rate, rate);
  executor.run();

  double squares = 0;
  for (const Value parameter : parameters) {
    const Tensor moved = session.read_state(graph.info(parameter).name);
    for (const float value : moved.data<float>()) squares += double{value} * value;
  }
  EXPECT_NEAR(std::sqrt(squares), kRate * kNorm, 1e-6);
}

TEST(OptimizerTest, NamesAreTheFields) {
  for (const char* name : {"sgd", "rmsprop", "rmsprop_tf", "adam", "adamw", "lars"}) {
    EXPECT_EQ(name_of(parse_optimizer(name)), name);
  }
  EXPECT_THROW(parse_optimizer("Adam"), Error);
}

TEST(OptimizerTest, RefusesNonsense) {
  const double nan = std::nan("");
  for (const OptimizerOptions& options :
       {OptimizerOptions{.momentum = 1}, OptimizerOptions{.weight_decay = nan},
        OptimizerOptions{.norm_weight_decay = -1}, OptimizerOptions{.bias_weight_decay = -1},
        OptimizerOptions{.beta1 = 1}, OptimizerOptions{.beta2 = 0}, OptimizerOptions{.alpha = -1},
        OptimizerOptions{.epsilon = -1}, OptimizerOptions{.trust = 0},
        OptimizerOptions{.clip_grad_norm = nan},
        OptimizerOptions{.kind = OptimizerKind::kAdam, .nesterov = true}}) {
    EXPECT_THROW(check_optimizer(options), Error);
  }
}

}  // namespace
}  // namespace voluta
