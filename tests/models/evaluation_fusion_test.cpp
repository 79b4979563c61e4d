// Networks in evaluation: convolutions absorb the batch norm, the shortcut and the activation behind
// them. None of these is left as a node of its own, the graph computes what it did before (by the
// references in f64), and each node of the plan is right on the data that it met (the judge's bounds).

#include <voluta/core/graph/executor.h>
#include <voluta/judge/compare.h>
#include <voluta/judge/gradient_check.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/rules.h>
#include <voluta/judge/truth.h>
#include <voluta/models/registry.h>

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace voluta::judge {
namespace {

struct Evaluation {
  Graph graph;
  Value image, logits;
};

Evaluation evaluation_of(std::string_view model) {
  const int64_t size = model == "inception_v3" ? 299 : 32;
  Evaluation made;
  made.image = made.graph.input("image", {DType::f32, {2, size, size, 3}});
  const Scope scope(made.graph, {.training = false, .seed = 5});
  made.logits =
      find_model(model).build(scope, made.image, {.classes = 4, .width = 1.0 / 16}).logits;
  return made;
}

// Weights as a fresh network has them, and statistics as a trained one could.
Tensor state_value(const ValueInfo& info, Random& random) {
  Tensor value(info.type);
  if (info.initialize) info.initialize(value);
  if (info.type.shape.rank() != 1) return value;
  const bool around_one = info.name.ends_with("var") || info.name.ends_with("weight");
  for (float& element : value.data<float>()) {
    element = static_cast<float>(random.next_uniform(-0.5, 0.5)) + (around_one ? 1.0f : 0.0f);
  }
  return value;
}

// The image and every state.
std::map<Value, Tensor> values_of(const Evaluation& made) {
  Random random(11);
  std::map<Value, Tensor> values;
  for (std::size_t i = 0; i < made.graph.values().size(); ++i) {
    const ValueInfo& info = made.graph.values()[i];
    const Value value = made.graph.value(i);
    if (info.kind == ValueKind::kState && is_floating(info.type.dtype)) {
      values[value] = state_value(info, random);
    }
  }
  Tensor image(made.graph.type(made.image));
  for (float& pixel : image.data<float>()) pixel = static_cast<float>(random.next_normal());
  values[made.image] = image;
  return values;
}

std::multiset<std::string_view> op_names(const Graph& graph) {
  std::multiset<std::string_view> names;
  for (const Node& node : graph.nodes()) names.insert(node.problem.op->name);
  return names;
}

class EvaluationPlan : public testing::TestWithParam<std::string_view> {};
class EvaluationFusion : public testing::TestWithParam<std::string_view> {};

TEST_P(EvaluationPlan, LeavesNoBatchNormAddOrActivation) {
  Evaluation made = evaluation_of(GetParam());
  remove_dead_nodes(made.graph, std::vector{made.logits});  // auxiliary heads
  const auto before = op_names(made.graph);
  const auto names = op_names(Plan(made.graph, {made.logits}, {}).graph());
  for (const std::string_view op : {"batch_norm_inference", "add", "activation", "bias"}) {
    EXPECT_EQ(names.count(op), 0u) << op;
  }
  EXPECT_EQ(names.count("batch_norm_scale_shift"), before.count("batch_norm_inference"));
}

TEST_P(EvaluationFusion, ComputesTheSame) {
  const Evaluation made = evaluation_of(GetParam());
  std::map<Value, Tensor> given = values_of(made);
  for (auto& [value, tensor] : given) tensor = converted({tensor}, DType::f64)[0];
  Graph fused = made.graph;
  fuse(fused, std::vector{made.logits});
  const Tensor plain_logits = evaluate_f64(made.graph, given).at(made.logits);
  const Tensor logits = evaluate_f64(fused, given).at(made.logits);
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < logits.elements(); ++i) {
    const double want = value_at(plain_logits, i);
    difference = std::max(difference, std::abs(value_at(logits, i) - want));
    norm = std::max(norm, std::abs(want));
  }
  EXPECT_GT(norm, 0);
  EXPECT_LE(difference, 1e-12 * norm);  // some 100 layers of sums, each rounded at 2^-53
}

// What is wrong with a step's outputs after a run that kept every value, or nothing.
std::string judge_step(const Step& step, Executor& executor, const std::map<Value, Tensor>& given) {
  const Node& node = executor.plan().graph().nodes()[static_cast<std::size_t>(step.node)];
  Tensors inputs;
  for (const Value input : node.inputs) {
    const auto known = given.find(input);
    inputs.push_back(known != given.end() ? known->second : executor.read(input));
  }
  const Tensors reference = run_reference_f64(node.problem, inputs);
  const OpRules& rules = rules_of(node.problem.op->name);
  Truth truth = {.inputs = inputs, .outputs = reference};
  truth.bounds = (rules.bounds ? rules.bounds : default_bounds)(node.problem, inputs, reference);
  truth = for_engine(std::move(truth), *step.engine, node.problem);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const std::string bad =
        compare_bounded(executor.read(node.outputs[i]), reference[i], truth.bounds[i]);
    if (!bad.empty()) return node.path + ": " + describe(node.problem) + ": " + bad;
  }
  return {};
}

TEST_P(EvaluationFusion, EveryNodeIsRightOnEveryDevice) {
  const Evaluation made = evaluation_of(GetParam());
  const std::map<Value, Tensor> given = values_of(made);
  for (const Device device : available_devices()) {
    Session session(device);
    Executor executor(Plan(made.graph, {made.logits}, {.device = device, .reuse_memory = false}),
                      session);
    executor.feed(made.image, given.at(made.image));
    for (const auto& [value, tensor] : given) {
      if (value != made.image) session.write_state(made.graph.info(value).name, tensor);
    }
    executor.run();
    for (const Step& step : executor.plan().steps()) {
      EXPECT_EQ(judge_step(step, executor, given), "") << to_string(device);
    }
  }
}

std::string name_of(const testing::TestParamInfo<std::string_view>& info) {
  return std::string(info.param);
}

// Inception's pictures are too large for the references.
INSTANTIATE_TEST_SUITE_P(Models, EvaluationPlan,
                         testing::Values("resnet18", "resnet50", "resnext50_32x4d", "resnet20",
                                         "mobilenet_v1", "mobilenet_v2", "vgg11_bn",
                                         "inception_v3"),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Models, EvaluationFusion,
                         testing::Values("resnet18", "resnet50", "resnext50_32x4d", "resnet20",
                                         "mobilenet_v1", "mobilenet_v2", "vgg11_bn"),
                         name_of);

}  // namespace
}  // namespace voluta::judge
