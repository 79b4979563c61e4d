// voluta summary: a model's layers, and what it needs to train and to run.

#include <voluta/core/error.h>
#include <voluta/core/memory/memory_stats.h>
#include <voluta/train/progress.h>
#include <voluta/train/summary.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "common_flags.h"
#include "json_text.h"
#include "model_flags.h"
#include "note.h"
#include "plan_listing.h"
#include "summary_table.h"

namespace voluta::cli {
namespace {

using nlohmann::ordered_json;

struct SummaryArguments {
  ModelFlags model;
  std::string weights, mode = "train";
  std::optional<int64_t> image_size;
  std::optional<double> resolution;
  int64_t batch_size = 1;
  bool json = false, list = false, verbose = false;
  DeviceFlags device;
};

std::vector<int64_t> extents(const Shape& shape) {
  return {shape.extents().begin(), shape.extents().end()};
}

// A plan and what it needs, or why there is none: one picture may be too few for batch statistics.
struct PlannedStep {
  std::optional<Plan> plan;
  std::optional<MemorySummary> memory;
  std::string error;
};

PlannedStep plan_step(StepGraph (*make)(const StepOptions&), const StepOptions& options,
                      const PlanOptions& plan_options) {
  try {
    Plan plan(make(options).graph, {}, plan_options);
    const MemorySummary memory = summarize_memory(plan);
    return {std::move(plan), memory, {}};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidArgument) throw;
    return {std::nullopt, std::nullopt, error.what()};
  }
}

ordered_json bytes_or_null(const PlannedStep& planned, std::size_t MemorySummary::*member) {
  return planned.memory ? ordered_json((*planned.memory).*member) : ordered_json();
}

ordered_json steps_json(const Plan& plan) {
  ordered_json steps = ordered_json::array();
  for (const Step& step : plan.steps()) {
    const Node& node = node_of(plan, step);
    const Cost cost = node.problem.op->cost(node.problem);
    steps.push_back({{"pass", node.pass},
                     {"layer", node.path},
                     {"engine", step.engine->name},
                     {"problem", describe(node.problem)},
                     {"once", step.fixed},
                     {"flops", cost.flops},
                     {"bytes", cost.bytes},
                     {"workspace_bytes", step.execution.workspace_bytes}});
  }
  return steps;
}

void print_json(std::string_view model, const Shape& input, const std::vector<LayerSummary>& layers,
                const PlannedStep& planned, bool steps) {
  if (!planned.memory) note(fmt::format("no plan: {}\n", planned.error));
  const ModelTotals sum = total(layers, input);
  ordered_json rows = ordered_json::array();
  for (const LayerSummary& layer : layers) {
    rows.push_back({{"name", layer.name},
                    {"op", layer.op},
                    {"output", extents(layer.output.shape)},
                    {"parameters", layer.parameters},
                    {"macs", std::llround(layer.macs)},
                    {"activations", layer.activations},
                    {"receptive_field", layer.receptive_field}});
  }
  ordered_json document{{"model", model},
                        {"input", extents(input)},
                        {"parameters", sum.parameters},
                        {"macs", std::llround(sum.macs)},
                        {"activations", sum.activations},
                        {"peak_bytes", bytes_or_null(planned, &MemorySummary::peak_bytes)},
                        {"naive_bytes", bytes_or_null(planned, &MemorySummary::naive_bytes)},
                        {"layers", rows}};
  if (steps && planned.plan) document["steps"] = steps_json(*planned.plan);
  fmt::print("{}\n", json_text(document, 2));
}

void print_memory(const char* name, const PlannedStep& planned) {
  if (!planned.memory) {
    fmt::print("{:<10} cannot be planned for this batch: {}\n", name, planned.error);
    return;
  }
  const MemorySummary& m = *planned.memory;
  const double ratio =
      m.peak_bytes > 0 ? static_cast<double>(m.naive_bytes) / static_cast<double>(m.peak_bytes) : 1;
  const std::string kept = m.kept_bytes > 0 ? fmt::format(", {} of it computed once and kept",
                                                          format_bytes(m.kept_bytes))
                                            : "";
  fmt::print(
      "{:<10} planned peak {}{}, naive sum {} ({:.1f} x), at least {}; parameters, state and "
      "inputs {}\n",
      name, format_bytes(m.peak_bytes), kept, format_bytes(m.naive_bytes), ratio,
      format_bytes(m.lower_bound_bytes), format_bytes(m.persistent_bytes));
}

void print_table(std::string_view model, const Shape& input,
                 const std::vector<LayerSummary>& layers, const PlannedStep& training,
                 const PlannedStep& evaluation) {
  fmt::print("{}, input {}; figures for one image, memory for the batch\n\n", model,
             to_string(input));
  fmt::print("{}\n", summary_table(layers, input, terminal_columns(stdout)));
  if (std::ranges::any_of(layers, &LayerSummary::training_only)) {
    fmt::print("Layers without work are computed in training only; their parameters count.\n");
  }
  print_memory("training", training);
  print_memory("evaluation", evaluation);
}

int64_t published_parameters(const ModelEntry& model) {
  const StepGraph step =
      inference_step({.model = &model, .image = {model.height, model.width, model.channels}});
  return parameter_count(step.graph);
}

// Every model in the registry, as published.
int list_models(bool json) {
  ordered_json rows = ordered_json::array();
  if (!json) {
    fmt::print("{:<18} {:>12} {:>8} {:>12}  {}\n", "model", "input", "classes", "parameters",
               "source");
  }
  for (const ModelEntry& m : all_models()) {
    const int64_t parameters = published_parameters(m);
    if (json) {
      rows.push_back({{"name", m.name},
                      {"input", {m.channels, m.height, m.width}},
                      {"classes", m.classes},
                      {"parameters", parameters},
                      {"source", m.source}});
    } else {
      fmt::print("{:<18} {:>12} {:>8} {:>12}  {}\n", m.name,
                 fmt::format("{}x{}x{}", m.height, m.width, m.channels), m.classes,
                 grouped(parameters), m.source);
    }
  }
  if (json) fmt::print("{}\n", json_text(rows, 2));
  return 0;
}

// [H,W,C]. `known` is that of the weights, or published.
Shape image_shape(const SummaryArguments& a, const Shape& known) {
  if (a.image_size && a.resolution) invalid("give --image-size or --resolution, not both");
  if (a.image_size) {
    if (*a.image_size < 1 || *a.image_size > 16384) {
      invalid("--image-size must be at least 1 and at most 16384");
    }
    return {*a.image_size, *a.image_size, known[2]};
  }
  const double factor = a.resolution.value_or(1);
  if (!(factor > 0 && factor <= 64)) invalid("--resolution must be above 0 and at most 64");
  const auto scaled = [&](int64_t extent) {
    return std::max<int64_t>(std::llround(factor * static_cast<double>(extent)), 1);
  };
  return {scaled(known[0]), scaled(known[1]), known[2]};
}

int run(const SummaryArguments& a) {
  if (a.list) return list_models(a.json);
  const LoadedWeights known = load_or_describe(a.weights, a.model, "lenet5");
  const ModelEntry& model = *known.model;
  const ModelOptions model_options = known.options;
  if (a.batch_size < 1) invalid("--batch-size must be at least 1");
  if (a.mode != "train" && a.mode != "eval") {
    invalid("--mode '" + a.mode + "' is unknown; known are train, eval");
  }
  const PlanOptions plan = a.device.plan_options();
  const StepOptions options{.model = &model,
                            .options = model_options,
                            .data_type = a.device.data_type(),
                            .image = image_shape(a, image_of(known)),
                            .classes = model_options.classes,
                            .batch = a.batch_size};
  const StepGraph forward = inference_step(options);
  a.model.check_effect(forward.graph, model.name);
  const std::vector<LayerSummary> layers =
      summarize_layers(forward.graph, forward.images, forward.logits);
  const PlannedStep training = plan_step(training_step, options, plan);
  const PlannedStep evaluation = plan_step(evaluation_step, options, plan);
  const Shape& input = forward.graph.shape(forward.images);
  const PlannedStep& chosen = a.mode == "train" ? training : evaluation;
  a.device.note_cpu(plan, "planned");
  if (chosen.plan) a.device.note_plan(*chosen.plan);
  if (a.json) {
    print_json(model.name, input, layers, chosen, a.verbose);
  } else {
    print_table(model.name, input, layers, training, evaluation);
    if (a.verbose && chosen.plan) fmt::print("\n{}", plan_text(*chosen.plan));
  }
  return 0;
}

}  // namespace

Command summary_command() {
  auto a = std::make_shared<SummaryArguments>();
  return {.name = "summary",
          .description = "Layers, parameters, work and memory of a model",
          .examples =
              "  voluta summary --list\n  voluta summary lenet5\n  voluta summary lenet5 "
              "--batch-size 256 --json\n"
              "  voluta summary --weights runs/lenet5/weights.safetensors\n"
              "  voluta summary resnet50 --precision bf16 --mode eval -v\n"
              "  voluta summary mobilenet_v1 --width 0.5 --resolution 0.714",
          .declare =
              [a](Flags& flags) {
                a->model.declare(flags, "model,--model", "of the weights, else lenet5");
                flags.add("--weights", a->weights,
                          "safetensors: the summary of the model they are for");
                flags.add("-b,--batch-size", a->batch_size, "Images in a step");
                flags.add("--image-size", a->image_size, "Rows and columns of the input");
                flags.add("--resolution", a->resolution,
                          "Factor on the size of the input: MobileNet's resolution multiplier");
                flags.add("--mode", a->mode,
                          "Whose memory --json gives, and steps -v: train or eval");
                flags.add_switch("--list", a->list, "All models by name, as published");
                flags.add_switch("--json", a->json, "One JSON document on standard output");
                flags.add_switch("-v,--verbose", a->verbose,
                                 "Also each step of the plan with its engine");
                a->device.quiet = true;
                a->device.declare(flags);
              },
          .run = [a] { return run(*a); },
          .needs = {{"--mode", "--json"}, {"--mode", "--verbose"}}};
}

}  // namespace voluta::cli
