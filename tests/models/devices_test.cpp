// Every architecture, scaled down, takes a step of training on every device of this binary but the
// CPU, and each node of it, forward, backward and update, is judged on the data that it met there:
// the reference computes it again from the node's own inputs, and the judge's bound must hold. (Two
// whole runs cannot be compared so closely: a relu whose input is 0 but for rounding may come out on
// either side.) In the SIMT build this executes all hand-written kernels as whole networks; under
// ASan and TSan it must do so without a report.

#include <voluta/core/graph/executor.h>
#include <voluta/judge/compare.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/truth.h>
#include <voluta/train/step.h>

#include <gtest/gtest.h>

#include <map>

namespace voluta::judge {
namespace {

constexpr int64_t kBatch = 2, kClasses = 4;

// Rows and columns: small, and enough for every layer.
int64_t image_size(const ModelEntry& model) {
  static const std::map<std::string_view, int64_t> kSizes = {
      {"lenet5", 28}, {"alexnet", 63},    {"alexnet_lrn", 63},
      {"zfnet", 63},  {"digits_fcn", 24}, {"inception_v3", 299}};
  const auto found = kSizes.find(model.name);
  if (found != kSizes.end()) return found->second;
  return model.height == 32 ? 16 : 32;
}

StepGraph scaled_down(const ModelEntry& model) {
  const int64_t size = image_size(model);
  return training_step({.model = &model,
                        .options = {.width = 1.0 / 16},
                        .image = {size, size, model.channels},
                        .classes = kClasses,
                        .batch = kBatch,
                        .seed = 3});
}

std::map<Value, Tensor> inputs_of(const StepGraph& step) {
  Tensor images(step.graph.type(step.images)), labels(step.graph.type(step.labels));
  Random random(11);
  for (float& pixel : images.data<float>()) pixel = static_cast<float>(random.next_normal());
  for (int64_t& label : labels.data<int64_t>()) label = random.next_below(kClasses);
  Tensor lr(DType::f32, {});
  lr.data<float>()[0] = 0.5f;
  std::map<Value, Tensor> inputs{
      {step.images, images}, {step.labels, labels}, {step.learning_rate, lr}};
  if (step.step) inputs[step.step] = Tensor(DType::i64, {});
  return inputs;
}

// A plan that gave every value memory of its own, after its run.
struct FinishedRun {
  Executor& executor;
  const std::map<Value, Tensor>& given;  // inputs, and the states as they were before the run

  Tensor input(Value value) const {
    const ValueInfo& info = executor.plan().graph().info(value);
    if (info.kind == ValueKind::kConstant) return info.constant;
    const auto known = given.find(value);
    return known != given.end() ? known->second : executor.read(value);
  }
};

// What is wrong with the outputs of a node that this engine computed, or nothing.
std::string judge_node(const Node& node, const Engine& engine, const FinishedRun& run) {
  Tensors inputs;
  for (const Value input : node.inputs) inputs.push_back(run.input(input));
  const Truth truth = for_engine(find_truth(node.problem, std::move(inputs), InputKind::kReals),
                                 engine, node.problem);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const Tensor output = run.executor.read(node.outputs[i]);
    const std::string complaint = truth.bounds.empty()
                                      ? compare_exact(output, truth.outputs[i])
                                      : compare_bounded(output, truth.outputs[i], truth.bounds[i]);
    if (!complaint.empty()) return "output " + std::to_string(i) + ": " + complaint;
  }
  return {};
}

struct Case {
  const ModelEntry* model;
  Device device;
};

std::vector<Case> cases() {
  std::vector<Case> found;
  for (const Device device : available_devices()) {
    if (device.type == DeviceType::kCpu) continue;
    for (const ModelEntry& model : all_models()) found.push_back({&model, device});
  }
  return found;
}

class EveryModel : public testing::TestWithParam<Case> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryModel);

TEST_P(EveryModel, TakesAStepOfTraining) {
  const StepGraph step = scaled_down(*GetParam().model);
  Session session(GetParam().device);
  Executor executor(Plan(step.graph, {}, {.device = GetParam().device, .reuse_memory = false}),
                    session);
  const Graph& graph = executor.plan().graph();

  std::map<Value, Tensor> given = inputs_of(step);
  for (const auto& [value, tensor] : given) executor.feed(value, tensor);
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    if (graph.values()[i].kind != ValueKind::kState) continue;
    given[graph.value(i)] = session.read_state(graph.values()[i].name);
  }
  executor.run();

  const FinishedRun run{executor, given};
  for (const Step& planned : executor.plan().steps()) {
    const Node& node = graph.nodes()[static_cast<std::size_t>(planned.node)];
    const std::string complaint = judge_node(node, *planned.engine, run);
    EXPECT_EQ(complaint, "") << node.pass << " " << node.path << ": " << describe(node.problem)
                             << " by " << planned.engine->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModel, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = std::string(info.param.model->name) + "_" + to_string(info.param.device);
  std::erase_if(name, [](char c) { return !std::isalnum(c) && c != '_'; });
  return name;
});

}  // namespace
}  // namespace voluta::judge
