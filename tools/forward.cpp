// voluta forward: the numerical probe. Tensors in, logits and gradients out, in PyTorch's layout.

#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/io/layout.h>
#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/train/step.h>

#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "common_flags.h"
#include "model_flags.h"
#include "output_folder.h"

namespace voluta::cli {
namespace {

struct ForwardArguments {
  WeightsFlag weights;
  ModelFlags model;
  DeviceFlags device;
  std::string input, output;
  uint64_t seed = 0;
  bool gradients = false, train = false, values = false;
};

const Tensor& require(const TensorFile& file, const std::string& path, const char* name,
                      DType dtype, int rank) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) fail_at(path, fmt::format("has no tensor '{}'", name));
  const Tensor& tensor = found->second;
  if (tensor.dtype() != dtype || tensor.shape().rank() != rank || tensor.elements() == 0) {
    fail_at(path, fmt::format("'{}' is {}; {} of {} extents above 0 is needed", name,
                              to_string(tensor.type()), name_of(dtype), rank));
  }
  return tensor;
}

void check_labels(const Tensor& labels, int64_t images, int64_t classes, const std::string& path) {
  if (labels.elements() != images) {
    fail_at(path, fmt::format("holds {} images and {} labels", images, labels.elements()));
  }
  for (const int64_t label : labels.data<int64_t>()) {
    if (label < 0 || label >= classes) {
      fail_at(path, fmt::format("label {} is outside 0..{}", label, classes - 1));
    }
  }
}

// What the layers on the way to the result compute.
struct LayerValues {
  // "value.<layer>", and of a maximum or minimum that will be differentiated "argmax.<layer>". A
  // layer of several nodes gives its last.
  std::map<std::string, Value> values;
  nlohmann::ordered_json layers = nlohmann::json::array();  // {"name", "kind"} as they run
};

std::string kind_of(const Problem& problem) {
  if (problem.op->name == Activation::kName) {
    return std::string(name_of(problem.options_as<ActivationOptions>().kind));
  }
  return std::string(problem.op->name);
}

LayerValues layer_values(const StepGraph& step) {
  Graph graph = step.graph;
  const Value result = step.loss ? step.loss : step.logits;
  remove_dead_nodes(graph, std::span(&result, 1));
  LayerValues found;
  for (const Node& node : graph.nodes()) {
    if (node.pass != "forward" || node.path.empty()) continue;
    found.layers.push_back({{"name", node.path}, {"kind", kind_of(node.problem)}});
    found.values["value." + node.path] = node.outputs[0];
    if (node.problem.op->name == Pool2d::kName && node.outputs.size() > 1) {
      found.values["argmax." + node.path] = node.outputs[1];
    }
  }
  return found;
}

Tensor in_pytorch_layout(const Tensor& value) {
  return value.shape().rank() == 4 ? channels_first(value) : value;
}

TensorFile read_results(Executor& executor, const StepGraph& step, bool gradients,
                        const LayerValues& layers) {
  TensorFile results;
  results.tensors["logits"] = executor.read(step.logits);
  if (!layers.values.empty()) results.metadata["layers"] = layers.layers.dump();
  for (const auto& [name, value] : layers.values) {
    results.tensors[name] = in_pytorch_layout(executor.read(value));
  }
  if (!gradients) return results;
  results.tensors["loss"] = executor.read(step.loss);
  for (std::size_t i = 0; i < step.parameters.size(); ++i) {
    const std::string& name = step.graph.info(step.parameters[i]).name;
    results.tensors["grad." + name] = parameter_to_pytorch(executor.read(step.gradients[i]));
  }
  return results;
}

int run(const ForwardArguments& a) {
  const PlanOptions plan = a.device.plan_options();
  check_writable(a.output, {{"--weights", a.weights.weights}, {"--input", a.input}});
  const LoadedWeights weights = load(a.weights, a.model);
  const TensorFile input = read_safetensors(a.input);
  const Tensor images = channels_last(require(input, a.input, "input", DType::f32, 4));
  const Shape& s = images.shape();
  StepOptions options{.model = weights.model,
                      .options = weights.options,
                      .image = {s[1], s[2], s[3]},
                      .classes = weights.options.classes,
                      .batch = s[0],
                      .seed = a.seed};
  options.data_type = a.device.data_type();
  const StepMode mode = a.train ? StepMode::kTraining : StepMode::kEvaluation;
  const StepGraph step = a.gradients ? gradient_step(options, mode) : inference_step(options, mode);
  std::vector<Value> wanted = step.gradients;
  wanted.push_back(step.logits);
  if (a.gradients) wanted.push_back(step.loss);
  LayerValues layers;
  if (a.values) layers = layer_values(step);
  for (const auto& [name, value] : layers.values) wanted.push_back(value);

  check_fit(weights, a.weights, a.model, step);
  Session session(plan.device);
  load_weights(weights.file, a.weights.weights, session, step, a.weights.allow_partial);
  Executor executor(Plan(step.graph, wanted, plan), session);
  executor.feed(step.images, images);
  if (a.gradients) {
    const Tensor& labels = require(input, a.input, "labels", DType::i64, 1);
    check_labels(labels, s[0], step.graph.shape(step.logits)[1], a.input);
    executor.feed(step.labels, labels);
  }
  if (step.step) executor.feed(step.step, Tensor(DType::i64, {}));  // the first one, 0
  a.device.note_cpu(plan, "running");
  a.device.note_plan(executor.plan());
  executor.run();
  write_safetensors(a.output, read_results(executor, step, a.gradients, layers));
  return 0;
}

}  // namespace

Command forward_command() {
  auto a = std::make_shared<ForwardArguments>();
  return {
      .name = "forward",
      .description = "Run a model on tensors from a file: logits, and gradients of the loss",
      .examples =
          "  voluta forward --model lenet5 --weights w.safetensors --input in.safetensors "
          "--output out.safetensors --gradients",
      .declare =
          [a](Flags& flags) {
            a->weights.declare(flags, true);
            a->model.declare(flags, "--model", "what the weights file says");
            a->model.declare_dropout(flags);
            flags.add_required("--input", a->input,
                               "safetensors with input f32 [N,C,H,W], and labels i64 [N]");
            flags.add_required("--output", a->output,
                               "safetensors to write: logits, loss, grad.<parameter>");
            flags.add_switch("--gradients", a->gradients,
                             "Also the loss, and the gradient of every parameter it depends on");
            flags.add_switch("--train", a->train,
                             "Training mode: batch statistics, dropout, auxiliary losses");
            flags.add_switch("--values", a->values,
                             "Also the output of every layer, as value.<layer>");
            flags.add("--seed", a->seed, "Of dropout, and of weights that are not in the file");
            a->device.declare(flags);
          },
      .run = [a] { return run(*a); },
      .needs = {{"--dropout", "--train"}, {"--seed", "--train"}, {"--seed", "--allow-partial"}}};
}

}  // namespace voluta::cli
