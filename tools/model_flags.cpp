#include "model_flags.h"

#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/dropout/dropout.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "note.h"

namespace voluta::cli {
namespace {

// NaN is in no range.
void check_range(const char* flag, const std::optional<double>& value, bool (*holds)(double),
                 const char* range) {
  if (value && !holds(*value)) invalid(fmt::format("{} must be {}", flag, range));
}

bool is_factor(double v) {
  return v > 0 && std::isfinite(v);
}
bool is_share(double v) {
  return v >= 0 && v <= 1;
}

bool has_op(const Graph& graph, std::initializer_list<std::string_view> ops) {
  return std::ranges::any_of(graph.nodes(), [&](const Node& node) {
    return std::ranges::find(ops, node.problem.op->name) != ops.end();
  });
}

[[noreturn]] void refuse_flag(const char* flag, std::string_view model, const char* layer) {
  invalid(fmt::format("{} has no effect: {} has no {}; leave it out", flag, model, layer));
}

}  // namespace

void ModelFlags::declare(Flags& flags, const std::string& name, const std::string& default_model,
                         const std::string& default_classes) {
  flags.add(name, model, "Name of the model (default: " + default_model + ")");
  flags.add("--classes", classes, "Outputs (default: " + default_classes + ")");
  flags.add("--width", width, "Factor on the channels of every layer (default: 1)");
  flags.add("--bn-eps", bn_eps, "Added to batch norm's variance (default: as published)");
}

void ModelFlags::declare_dropout(Flags& flags) {
  flags.add("--dropout", dropout, "Probability of every dropout layer (default: as published)");
}

void ModelFlags::declare_training(Flags& flags) {
  declare_dropout(flags);
  flags.add("--bn-momentum", bn_momentum, "Of batch norm's running statistics, as in PyTorch");
}

void ModelFlags::check() const {
  if (!model.empty()) find_model(model);
  if (classes && *classes < 1) invalid("--classes must be at least 1");
  check_range("--width", width, is_factor, "finite and above 0");
  check_range("--dropout", dropout, is_share, "in [0, 1]");
  check_range("--bn-momentum", bn_momentum, is_share, "in [0, 1]");
  check_range("--bn-eps", bn_eps, is_factor, "finite and above 0");
}

void ModelFlags::check_effect(const Graph& graph, std::string_view model) const {
  if (dropout.value_or(0) > 0 && !has_op(graph, {Dropout::kName})) {
    refuse_flag("--dropout", model, "dropout layer");
  }
  if (bn_momentum) check_has_batch_norm("--bn-momentum", graph, model);
  if (bn_eps) check_has_batch_norm("--bn-eps", graph, model);
}

void check_has_batch_norm(const char* flag, const Graph& graph, std::string_view model) {
  if (has_op(graph, {BatchNormTraining::kName, BatchNormInference::kName})) return;
  refuse_flag(flag, model, "batch norm");
}

ModelOptions ModelFlags::options(const std::optional<ModelDescription>& description) const {
  check();
  const ModelDescription known = description.value_or(ModelDescription{});
  return {.classes = classes.value_or(known.classes),
          .width = width.value_or(known.width),
          .dropout = dropout,
          .momentum = bn_momentum,
          .epsilon = bn_eps ? bn_eps : known.epsilon};
}

void WeightsFlag::declare(Flags& flags, bool required) {
  const std::string help = "safetensors with PyTorch's names and layouts";
  if (required) {
    flags.add_required("--weights", weights, help);
  } else {
    flags.add("--weights", weights, help + ", to start from");
  }
  flags.add_switch("--allow-partial", allow_partial,
                   "Load the weights that fit and list the others, instead of refusing the file");
}

LoadedWeights load(const WeightsFlag& flag, const ModelFlags& model) {
  model.check();
  TensorFile file = read_safetensors(flag.weights);
  LoadedWeights loaded = describe(flag.weights, file.metadata, model);
  loaded.file = std::move(file);
  return loaded;
}

LoadedWeights describe(const std::string& path, const Metadata& metadata, const ModelFlags& model) {
  LoadedWeights loaded{.path = path, .description = description_of(metadata, path)};
  const auto& description = loaded.description;
  if (!description && model.model.empty()) {
    invalid(path + " does not say which model it is for; give --model");
  }
  if (description && !model.model.empty() && model.model != description->model) {
    invalid(path + " holds weights of " + description->model + ", not of " + model.model);
  }
  loaded.model = &find_model(description ? description->model : model.model);
  loaded.options = model.options(description);
  return loaded;
}

LoadedWeights load_or_describe(const std::string& weights, const ModelFlags& model,
                               const std::string& default_model) {
  if (!weights.empty()) return load({.weights = weights}, model);
  const std::string name = model.model.empty() ? default_model : model.model;
  if (name.empty()) invalid("which model? Give its name or --weights");
  return {.model = &find_model(name), .options = model.options({})};
}

Shape image_of(const LoadedWeights& weights) {
  const ModelEntry& model = *weights.model;
  return weights.description ? weights.description->preprocessing.image
                             : Shape{model.height, model.width, model.channels};
}

StepOptions step_for(const LoadedWeights& weights, const Shape& image) {
  return {
      .model = weights.model,
      .options = weights.options,
      .image = image,
      .classes = weights.options.classes > 0 ? weights.options.classes : weights.model->classes};
}

void check_fit(const LoadedWeights& weights, const WeightsFlag& flag, const ModelFlags& model,
               const StepGraph& step) {
  model.check_effect(step.graph, weights.model->name);
  constexpr std::size_t kShown = 20;
  const WeightsFit fit = fit_weights(weights.file, flag.weights, step, flag.allow_partial);
  if (fit.complete()) return;
  note(fmt::format("{}: {} of the model's {} tensors are loaded\n", flag.weights, fit.fitting,
                   fit.fitting + fit.missing.size() + fit.misshapen.size()));
  const auto print = [](const char* what, const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < lines.size() && i < kShown; ++i) {
      note(fmt::format("  {:<10} {}\n", what, lines[i]));
    }
    if (lines.size() > kShown) note(fmt::format("  and {} more\n", lines.size() - kShown));
  };
  print("missing", fit.missing);
  print("misshapen", fit.misshapen);
  print("unexpected", fit.unexpected);
}

}  // namespace voluta::cli
