// voluta summary: a model's layers, and what it needs to train and to run.

#include <voluta/core/error.h>
#include <voluta/train/progress.h>
#include <voluta/train/summary.h>

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "common_flags.h"

namespace voluta::cli {
namespace {

using nlohmann::ordered_json;

struct SummaryArguments {
  std::string model = "lenet5", mode = "train";
  int64_t batch_size = 1, classes = 0;
  bool json = false;
  DeviceFlags device;
};

std::vector<int64_t> extents(const Shape& shape) {
  return {shape.extents().begin(), shape.extents().end()};
}

struct Totals {
  int64_t parameters = 0, activations = 0;
  double macs = 0, flops = 0;
};

Totals total(const std::vector<LayerSummary>& layers) {
  Totals sum;
  for (const LayerSummary& layer : layers) {
    sum.parameters += layer.parameters;
    sum.activations += layer.activations;
    sum.macs += layer.macs;
    sum.flops += layer.flops;
  }
  return sum;
}

void print_json(const SummaryArguments& a, const Shape& input,
                const std::vector<LayerSummary>& layers, const MemorySummary& memory) {
  const Totals sum = total(layers);
  ordered_json rows = ordered_json::array();
  for (const LayerSummary& layer : layers) {
    rows.push_back({{"name", layer.name},
                    {"op", layer.op},
                    {"output", extents(layer.output)},
                    {"parameters", layer.parameters},
                    {"macs", std::llround(layer.macs)},
                    {"activations", layer.activations},
                    {"receptive_field", layer.receptive_field}});
  }
  const ordered_json document{{"model", a.model},
                              {"input", extents(input)},
                              {"parameters", sum.parameters},
                              {"macs", std::llround(sum.macs)},
                              {"activations", sum.activations},
                              {"peak_bytes", memory.peak_bytes},
                              {"naive_bytes", memory.naive_bytes},
                              {"layers", rows}};
  fmt::print("{}\n", document.dump(2));
}

void print_memory(const char* name, const MemorySummary& m) {
  const double ratio =
      m.peak_bytes > 0 ? static_cast<double>(m.naive_bytes) / static_cast<double>(m.peak_bytes) : 1;
  fmt::print(
      "{:<10} planned peak {}, naive sum {} ({:.1f} x), at least {}; parameters, state and "
      "inputs {}\n",
      name, bytes_text(m.peak_bytes), bytes_text(m.naive_bytes), ratio,
      bytes_text(m.lower_bound_bytes), bytes_text(m.persistent_bytes));
}

void print_table(const SummaryArguments& a, const Shape& input,
                 const std::vector<LayerSummary>& layers, const MemorySummary& training,
                 const MemorySummary& evaluation) {
  constexpr const char* kRow = "{:<14} {:<12} {:<18} {:>10} {:>12} {:>12} {:>11} {:>6}\n";
  fmt::print("{}, input {}; parameters, MACs and FLOPs for one image, memory for the batch\n\n",
             a.model, to_string(input));
  fmt::print(fmt::runtime(kRow), "layer", "op", "output", "parameters", "MACs", "FLOPs", "memory",
             "field");
  for (const LayerSummary& layer : layers) {
    const auto bytes = static_cast<std::size_t>(layer.output.elements()) * sizeof(float);
    fmt::print(fmt::runtime(kRow), layer.name, layer.op, to_string(layer.output),
               grouped(layer.parameters), grouped(std::llround(layer.macs)),
               grouped(std::llround(layer.flops)), bytes_text(bytes), layer.receptive_field);
  }
  const Totals sum = total(layers);
  const auto bytes = static_cast<std::size_t>(sum.activations * input[0]) * sizeof(float);
  fmt::print(fmt::runtime(kRow), "total", "", "", grouped(sum.parameters),
             grouped(std::llround(sum.macs)), grouped(std::llround(sum.flops)), bytes_text(bytes),
             "");
  fmt::print("\n");
  print_memory("training", training);
  print_memory("evaluation", evaluation);
}

int run(const SummaryArguments& a) {
  const ModelEntry& model = find_model(a.model);
  if (a.batch_size < 1) invalid("--batch-size must be at least 1");
  if (a.classes < 0) invalid("--classes must not be negative");
  if (a.mode != "train" && a.mode != "eval") {
    invalid("--mode '" + a.mode + "' is unknown; known are train, eval");
  }
  const PlanOptions plan = a.device.plan_options();
  const StepOptions options{.model = &model,
                            .image = {model.height, model.width, model.channels},
                            .classes = a.classes,
                            .batch = a.batch_size};
  const StepGraph forward = inference_step(options);
  const std::vector<LayerSummary> layers = summarize_layers(forward.graph, forward.images);
  const MemorySummary training = summarize_memory(Plan(training_step(options).graph, {}, plan));
  const MemorySummary evaluation = summarize_memory(Plan(evaluation_step(options).graph, {}, plan));
  const Shape& input = forward.graph.shape(forward.images);
  a.device.note_cpu(plan, "planned");
  if (a.json) {
    print_json(a, input, layers, a.mode == "train" ? training : evaluation);
  } else {
    print_table(a, input, layers, training, evaluation);
  }
  return 0;
}

}  // namespace

Command summary_command() {
  auto a = std::make_shared<SummaryArguments>();
  return {.name = "summary",
          .description = "Layers, parameters, work and memory of a model",
          .examples = "  voluta summary lenet5\n  voluta summary lenet5 --batch-size 256 --json",
          .declare =
              [a](Flags& flags) {
                flags.add("model,--model", a->model, "Name of the model");
                flags.add("-b,--batch-size", a->batch_size, "Images in a step");
                flags.add("--classes", a->classes, "Outputs (0: the published number)");
                flags.add("--mode", a->mode, "Whose memory --json gives: train or eval");
                flags.add_switch("--json", a->json, "One JSON document on standard output");
                a->device.quiet = true;
                a->device.declare(flags);
              },
          .run = [a] { return run(*a); }};
}

}  // namespace voluta::cli
