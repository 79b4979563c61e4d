#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/train/receptive_field.h>
#include <voluta/train/summary.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace voluta {
namespace {

bool has_in_name(const Node& node, std::string_view part) {
  return node.problem.op->name.find(part) != std::string_view::npos;
}

bool multiplies(const Node& node) {
  return has_in_name(node, "conv") || node.problem.op->name == "linear";
}

// Pooling that pools: not with a window of one pixel, and not adaptively to the extents that the
// picture already has.
bool pools(const Node& node) {
  const Problem& problem = node.problem;
  if (!has_in_name(node, "pool")) return false;
  if (problem.op->name == Pool2d::kName) {
    return problem.options_as<Pool2d::Options>().window != std::array<int64_t, 2>{1, 1};
  }
  return problem.inputs[0].shape != problem.outputs[0].shape;
}

class Summarizer {
 public:
  Summarizer(const Graph& graph, Value images)
      : graph_(graph),
        batch_(graph.shape(images)[0]),
        fields_(graph.values().size()),
        counted_(graph.values().size(), false) {
    fields_[images.index()] = ReceptiveField{};
  }

  void add(const Node& node, bool alive) {
    const auto [row, is_new] = row_of_.try_emplace(node.path, layers_.size());
    if (is_new) {
      layers_.push_back(
          {.name = node.path, .op = std::string(node.problem.op->name), .training_only = true});
    }
    LayerSummary& layer = layers_[row->second];
    layer.parameters += new_parameters(node);
    if (layer.op == Cast::kName) layer.op = node.problem.op->name;
    layer.output = graph_.type(node.outputs[0]);
    layer.receptive_field = propagate(node).size();
    if (!alive) return;
    layer.training_only = false;
    const double flops = node.problem.op->cost(node.problem).flops / static_cast<double>(batch_);
    layer.flops += flops;
    if (multiplies(node)) layer.macs += flops / 2;
    if (multiplies(node) || pools(node))
      layer.activations += layer.output.shape.elements() / batch_;
  }

  std::vector<LayerSummary> layers() && { return std::move(layers_); }

 private:
  int64_t new_parameters(const Node& node) {
    int64_t count = 0;
    for (const Value input : node.inputs) {
      const ValueInfo& info = graph_.info(input);
      if (info.kind != ValueKind::kState || info.role != StateRole::kParameter) continue;
      if (!counted_[input.index()]) count += info.type.shape.elements();
      counted_[input.index()] = true;
    }
    return count;
  }

  ReceptiveField propagate(const Node& node) {
    std::optional<ReceptiveField> field;
    for (const Value input : node.inputs) {
      const std::optional<ReceptiveField>& known = fields_[input.index()];
      if (known) field = field ? united(*field, *known) : *known;
    }
    const ReceptiveField after = field_after(node, field.value_or(ReceptiveField{}));
    for (const Value output : node.outputs) fields_[output.index()] = after;
    return after;
  }

  const Graph& graph_;
  int64_t batch_;
  std::vector<std::optional<ReceptiveField>> fields_;  // by value; none for parameters
  std::vector<bool> counted_;                          // by value
  std::unordered_map<std::string, std::size_t> row_of_;
  std::vector<LayerSummary> layers_;
};

}  // namespace

std::vector<LayerSummary> summarize_layers(const Graph& graph, Value images, Value logits) {
  const std::vector<bool> matters = graph.ancestors({{logits}});
  Summarizer summarizer(graph, images);
  for (const Node& node : graph.nodes()) {
    summarizer.add(node,
                   std::ranges::any_of(node.outputs, [&](Value v) { return matters[v.index()]; }));
  }
  return std::move(summarizer).layers();
}

ModelTotals total(const std::vector<LayerSummary>& layers, const Shape& input) {
  ModelTotals sum{.activations = input.elements() / input[0]};
  for (const LayerSummary& layer : layers) {
    sum.parameters += layer.parameters;
    sum.activations += layer.activations;
    sum.macs += layer.macs;
    sum.flops += layer.flops;
  }
  return sum;
}

MemorySummary summarize_memory(const Plan& plan) {
  return {plan.arena_bytes(), plan.naive_bytes(), plan.lower_bound_bytes(), plan.kept_bytes(),
          plan.persistent_bytes()};
}

}  // namespace voluta
