#include <voluta/kernels/classification_metrics/classification_metrics.h>
#include <voluta/kernels/sgd/sgd.h>
#include <voluta/layers/loss.h>
#include <voluta/train/step.h>

namespace voluta {
namespace {

StepGraph forward(const StepOptions& options, bool training) {
  StepGraph step;
  const Shape& image = options.image;
  step.images =
      step.graph.input("images", {DType::f32, {options.batch, image[0], image[1], image[2]}});
  const Scope scope(step.graph, {.training = training, .seed = options.seed});
  ModelOptions model = options.options;
  model.classes = options.classes;
  step.logits = options.model->build(scope, step.images, model).logits;
  step.step = step.graph.find_input("step");
  step.parameters = parameters(step.graph);
  return step;
}

void add_loss(StepGraph& step, const StepOptions& options) {
  step.labels = step.graph.input("labels", {DType::i64, {options.batch}});
  step.loss = softmax_cross_entropy(Scope(step.graph)["loss"], step.logits, step.labels,
                                    options.label_smoothing);
}

void add_metrics(StepGraph& step, const char* state) {
  const Value sums = step.graph.state(state, {DType::f64, {4}}, StateRole::kMetric, {});
  step.graph.add<ClassificationMetrics>({}, {step.logits, step.labels, step.loss, sums}, "metrics");
}

void add_updates(StepGraph& step, const SgdSettings& sgd) {
  Graph& graph = step.graph;
  graph.set_pass("update");
  step.learning_rate = graph.input("lr", {DType::f32, {}});
  for (std::size_t i = 0; i < step.parameters.size(); ++i) {
    const ValueInfo parameter = graph.info(step.parameters[i]);
    std::vector<Value> inputs = {step.parameters[i], step.gradients[i]};
    if (sgd.momentum != 0) {
      inputs.push_back(
          graph.state("momentum." + parameter.name, parameter.type, StateRole::kOptimizer, {}));
    }
    inputs.push_back(step.learning_rate);
    graph.add_all<SgdUpdate>(
        {.momentum = sgd.momentum, .weight_decay = sgd.weight_decay, .nesterov = sgd.nesterov},
        std::move(inputs), parameter.name);
  }
}

}  // namespace

StepGraph inference_step(const StepOptions& options) {
  return forward(options, false);
}

StepGraph evaluation_step(const StepOptions& options) {
  StepGraph step = forward(options, false);
  add_loss(step, options);
  add_metrics(step, kTestSums);
  return step;
}

StepGraph gradient_step(const StepOptions& options) {
  StepGraph step = forward(options, true);
  add_loss(step, options);
  step.gradients = backward(step.graph, step.loss, step.parameters);
  return step;
}

StepGraph training_step(const StepOptions& options) {
  StepGraph step = forward(options, true);
  add_loss(step, options);
  add_metrics(step, kTrainSums);
  step.gradients = backward(step.graph, step.loss, step.parameters);
  add_updates(step, options.sgd);
  return step;
}

int64_t parameter_count(const Graph& graph) {
  int64_t count = 0;
  for (const Value parameter : parameters(graph)) count += graph.shape(parameter).elements();
  return count;
}

}  // namespace voluta
