#include <voluta/core/error.h>
#include <voluta/kernels/classification_metrics/classification_metrics.h>
#include <voluta/kernels/picture_resize/picture_resize.h>
#include <voluta/kernels/picture_view/picture_view.h>
#include <voluta/layers/loss.h>
#include <voluta/layers/merge.h>
#include <voluta/train/step.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace voluta {
namespace {

Value data_state(Graph& graph, const std::string& name, const Tensor* data) {
  return graph.state(name, {data->dtype(), data->shape()}, StateRole::kData, [data](Tensor& state) {
    std::memcpy(state.raw(), data->raw(), data->bytes());
  });
}

Value add_pictures(StepGraph& step, const StepOptions& o, const std::string&,
                   const LoadedPictures&) {
  return step.images = step.graph.input(
             "images", {DType::f32, {o.batch, o.image[0], o.image[1], o.image[2]}});
}

Value add_pictures(StepGraph& step, const StepOptions&, const std::string& name,
                   const ResidentPictures& resident) {
  const Value pixels = data_state(step.graph, name, resident.pixels);
  const Value values = data_state(step.graph, name + ".values", resident.values);
  return step.graph.add<ViewPictures>({}, {pixels, values, step.views}, "pictures");
}

Value add_pictures(StepGraph& step, const StepOptions& o, const std::string& name,
                   const BoxedPictures& boxed) {
  step.images = step.graph.input("images", {DType::u8, {o.batch * boxed.capacity}});
  const Value values = data_state(step.graph, name + ".values", boxed.values);
  return step.graph.add<ResizePictures>({o.image[0], o.image[1], boxed.interpolation},
                                        {step.images, values, step.views}, "pictures");
}

// Adds the inputs of pictures and what makes pictures of them.
void add_pictures(StepGraph& step, const StepOptions& options, bool training) {
  if (const int64_t numbers = view_numbers(options.source)) {
    step.views = step.graph.input("views", {DType::i64, {options.batch, numbers}});
  }
  const std::string name = training ? kTrainPictures : kTestPictures;
  step.pictures =
      std::visit([&](const auto& source) { return add_pictures(step, options, name, source); },
                 options.source);
}

// Planning takes time and memory for every parameter: of more, before anything is allocated, hours.
void check_size(const StepGraph& step, std::string_view model) {
  constexpr double kMost = 1e11;
  double count = 0;
  for (const Value value : step.parameters) {
    count += static_cast<double>(step.graph.shape(value).elements());
  }
  if (count <= kMost) return;
  invalid(
      fmt::format("{} would have {:.3g} parameters, and {:g} is the most; a smaller "
                  "ModelOptions::width or ModelOptions::classes is needed",
                  model, count, kMost));
}

void check_model(const ModelEntry* model) {
  if (model == nullptr) invalid("StepOptions::model is not set; find_model() gives one by name");
  if (!model->build) invalid(fmt::format("model '{}' has no function that builds it", model->name));
}

// Labels index the logits, and the auxiliary ones.
void check_logits(const StepGraph& step, const StepOptions& options, Value logits) {
  const Shape& shape = step.graph.shape(logits);
  const int64_t given = shape.rank() == 2 ? shape[1] : options.model->classes;
  const int64_t classes = options.classes > 0 ? options.classes : given;
  if (shape == Shape{options.batch, classes}) return;
  invalid(fmt::format("model '{}' gives logits {} where {} classes of {} pictures need {}",
                      options.model->name, to_string(shape), classes, options.batch,
                      to_string(Shape{options.batch, classes})));
}

StepGraph forward(const StepOptions& options, const ScopeOptions& scope_options,
                  const BatchAugmentation& augmentation = {}) {
  check_model(options.model);
  StepGraph step;
  add_pictures(step, options, scope_options.training);
  ModelOptions model = options.options;
  model.classes = options.classes;
  const Scope root(step.graph, scope_options);
  const Scope scope = options.states.empty() ? root : root[options.states];
  const Value seen = augment_pictures(step.graph, step.pictures, augmentation, step.augmentation);
  ModelOutput output =
      options.model->build(scope, root["images"].cast(seen, options.data_type), model);
  step.logits = root["logits"].cast(output.logits, DType::f32);
  if (scope.training()) step.auxiliary = std::move(output.auxiliary);
  for (AuxiliaryHead& head : step.auxiliary)
    head.logits = root["logits"].cast(head.logits, DType::f32);
  check_logits(step, options, step.logits);
  for (const AuxiliaryHead& head : step.auxiliary) check_logits(step, options, head.logits);
  step.step = step.graph.find_input("step");
  step.parameters = parameters(step.graph);
  check_size(step, options.model->name);
  return step;
}

void add_loss(StepGraph& step, const StepOptions& options) {
  step.labels = step.graph.input("labels", {DType::i64, {options.batch}});
  const Scope scope = Scope(step.graph)["loss"];
  Value targets = step.counted = step.labels;
  if (step.augmentation.label_share) {
    const MixedLabels mixed = augment_labels(step.graph, step.labels,
                                             step.graph.shape(step.logits)[1], step.augmentation);
    targets = mixed.targets;
    step.counted = mixed.heavier;
  }
  step.loss = softmax_cross_entropy(scope, step.logits, targets, options.label_smoothing);
  for (std::size_t i = 0; i < step.auxiliary.size(); ++i) {
    const Scope at = scope["auxiliary"][static_cast<int>(i)];
    const Value loss =
        softmax_cross_entropy(at, step.auxiliary[i].logits, targets, options.label_smoothing);
    step.loss = add(at, step.loss, scale(at, loss, step.auxiliary[i].weight));
  }
}

// The parameters that the loss depends on.
std::vector<Value> those_that_matter(const Graph& graph, Value loss,
                                     const std::vector<Value>& parameters) {
  const std::vector<bool> matters = graph.ancestors({{loss}});
  std::vector<Value> found;
  std::ranges::copy_if(parameters, std::back_inserter(found),
                       [&](Value v) { return matters[v.index()]; });
  return found;
}

void add_metrics(StepGraph& step, const char* state) {
  const Value sums = step.graph.state(state, {DType::f64, {4}}, StateRole::kMetric, {});
  step.graph.add<ClassificationMetrics>({}, {step.logits, step.counted, step.loss, sums},
                                        "metrics");
}

// Starts as torch.amp.GradScaler's.
Value loss_scale_state(Graph& graph) {
  return graph.state(kLossScale, {DType::f32, {}}, StateRole::kOptimizer,
                     [](Tensor& scale) { scale.data<float>()[0] = 65536; });
}

StepGraph training_gradients(const StepOptions& options) {
  StepGraph step = forward(options, {.training = true, .seed = options.seed}, options.augmentation);
  add_loss(step, options);
  add_metrics(step, kTrainSums);
  if (options.data_type == DType::f16) {
    step.loss_scale = loss_scale_state(step.graph);
    step.gradients = backward(step.graph, step.loss, step.loss_scale, step.parameters);
  } else {
    step.gradients = backward(step.graph, step.loss, step.parameters);
  }
  return step;
}

}  // namespace

StepGraph picture_step(const StepOptions& options) {
  StepGraph step;
  add_pictures(step, options, false);
  return step;
}

StepGraph inference_step(const StepOptions& options, StepMode mode) {
  return forward(options, {.training = mode == StepMode::kTraining, .seed = options.seed});
}

StepGraph differentiable_step(const StepOptions& options) {
  return forward(options, {.gradients = true, .seed = options.seed});
}

StepGraph evaluation_step(const StepOptions& options) {
  StepGraph step = forward(options, {.seed = options.seed});
  add_loss(step, options);
  add_metrics(step, kTestSums);
  return step;
}

StepGraph gradient_step(const StepOptions& options, StepMode mode) {
  const bool training = mode == StepMode::kTraining;
  StepGraph step =
      forward(options, {.training = training, .gradients = true, .seed = options.seed});
  add_loss(step, options);
  step.parameters = those_that_matter(step.graph, step.loss, step.parameters);
  step.gradients = backward(step.graph, step.loss, step.parameters);
  return step;
}

StepGraph training_step(const StepOptions& options) {
  StepGraph step = training_gradients(options);
  const OptimizerInputs inputs = add_updates(step.graph, step.graph, step.parameters,
                                             step.gradients, options.optimizer, step.loss_scale);
  step.learning_rate = inputs.learning_rate;
  step.update = inputs.update;
  return step;
}

StepGraph accumulation_step(const StepOptions& options) {
  StepGraph step = training_gradients(options);
  step.share = step.graph.input("share", {DType::f32, {}});
  add_accumulation(step.graph, step.parameters, step.gradients, step.share);
  return step;
}

StepGraph update_step(const StepOptions& options, const StepGraph& accumulation) {
  StepGraph step;
  for (const Value parameter : accumulation.parameters) {
    const ValueInfo& info = accumulation.graph.info(parameter);
    step.parameters.push_back(step.graph.state(info.name, info.type, info.role, info.initialize));
    step.gradients.push_back(accumulated_gradient(step.graph, step.parameters.back()));
  }
  if (accumulation.loss_scale) step.loss_scale = loss_scale_state(step.graph);
  const OptimizerInputs inputs = add_updates(step.graph, accumulation.graph, step.parameters,
                                             step.gradients, options.optimizer, step.loss_scale);
  step.learning_rate = inputs.learning_rate;
  step.update = inputs.update;
  return step;
}

void feed_pictures(Executor& executor, const StepGraph& step, const Batch& batch) {
  if (step.views) executor.feed(step.views, batch.views);
  if (!step.images) return;
  if (batch.views.defined()) {
    executor.feed_parts(step.images, batch.boxes());
  } else {
    executor.feed(step.images, batch.images);
  }
}

int64_t parameter_count(const Graph& graph) {
  int64_t count = 0;
  for (const Value parameter : parameters(graph)) count += graph.shape(parameter).elements();
  return count;
}

}  // namespace voluta
