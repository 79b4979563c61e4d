#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/flatten/flatten.h>
#include <voluta/kernels/linear/linear.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/train/summary.h>

#include <algorithm>
#include <map>

namespace voluta {
namespace {

// The pixels of the input that a value's element sees, and how far apart two neighbours' are
// (Araujo, Norris, Sim 2019, "Computing receptive fields of convolutional neural networks").
struct Field {
  int64_t size = 1, step = 1;
};

Field through_window(Field in, int64_t window, int64_t stride, int64_t dilation) {
  return {in.size + dilation * (window - 1) * in.step, in.step * stride};
}

Field field_after(const Node& node, Field in) {
  const Problem& problem = node.problem;
  if (problem.op->name == Conv2d::kName) {
    const auto& options = problem.options_as<Conv2d::Options>();
    return through_window(in, problem.inputs[1].shape[1], options.stride[0], options.dilation[0]);
  }
  if (problem.op->name == Pool2d::kName) {
    const auto& options = problem.options_as<Pool2d::Options>();
    return through_window(in, options.window[0], options.stride[0], 1);
  }
  if (problem.op->name == Flatten::kName) {  // what follows sees every position
    const Shape& image = problem.inputs[0].shape;
    return {in.size + (std::max(image[1], image[2]) - 1) * in.step, in.step};
  }
  return in;
}

bool multiplies(const Node& node) {
  return node.problem.op->name == Conv2d::kName || node.problem.op->name == Linear::kName;
}

}  // namespace

std::vector<LayerSummary> summarize_layers(const Graph& graph, Value images) {
  const auto batch = static_cast<double>(graph.shape(images)[0]);
  std::vector<LayerSummary> layers;
  std::map<std::string, std::size_t> row_of;
  std::map<Value, Field> fields{{images, {}}};
  std::vector<bool> counted(graph.values().size(), false);
  for (const Node& node : graph.nodes()) {
    const auto [row, is_new] = row_of.try_emplace(node.path, layers.size());
    if (is_new) {
      layers.push_back({.name = node.path, .op = std::string(node.problem.op->name)});
    }
    LayerSummary& layer = layers[row->second];
    Field field;
    for (const Value input : node.inputs) {
      if (const auto known = fields.find(input); known != fields.end()) {
        field = {std::max(field.size, known->second.size),
                 std::max(field.step, known->second.step)};
      }
      const auto id = static_cast<std::size_t>(input.id);
      const ValueInfo& info = graph.info(input);
      if (info.kind == ValueKind::kState && info.role == StateRole::kParameter && !counted[id]) {
        layer.parameters += info.type.shape.elements();
        counted[id] = true;
      }
    }
    field = field_after(node, field);
    for (const Value output : node.outputs) fields[output] = field;
    const double flops = node.problem.op->cost(node.problem).flops / batch;
    layer.flops += flops;
    if (multiplies(node)) layer.macs += flops / 2;
    layer.output = graph.shape(node.outputs[0]);
    layer.activations = layer.output.elements() / static_cast<int64_t>(batch);
    layer.receptive_field = field.size;
  }
  return layers;
}

MemorySummary summarize_memory(const Plan& plan) {
  return {plan.arena_bytes(), plan.naive_bytes(), plan.lower_bound_bytes(),
          plan.persistent_bytes()};
}

}  // namespace voluta
