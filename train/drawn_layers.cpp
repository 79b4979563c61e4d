#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/train/graph_drawing.h>

#include <fmt/format.h>

#include <algorithm>

namespace voluta {
namespace {

Shape without_batch(const Shape& shape) {
  return shape.rank() == 4 ? Shape{shape[1], shape[2], shape[3]} : Shape{shape[1]};
}

std::string stepped(int64_t rows, int64_t columns, const std::array<int64_t, 2>& stride) {
  const std::string window = fmt::format("{} × {}", rows, columns);
  const int64_t step = std::max(stride[0], stride[1]);
  return step == 1 ? window : fmt::format("{} / {}", window, step);
}

// What a node does, in a few words; empty where it goes without saying.
std::string words(const Problem& problem) {
  const std::string_view name = problem.op->name;
  if (name == Conv2d::kName) {
    const auto& options = problem.options_as<Conv2dOptions>();
    const Shape& filters = problem.inputs[1].shape;
    const std::string groups =
        options.groups == 1 ? "" : fmt::format(", {} groups", options.groups);
    return "conv " + stepped(filters[1], filters[2], options.stride) + groups;
  }
  if (name == DepthwiseConv2d::kName) {
    const Shape& filters = problem.inputs[1].shape;
    const auto& stride = problem.options_as<DepthwiseConv2dOptions>().stride;
    return "depthwise conv " + stepped(filters[1], filters[2], stride);
  }
  if (name == Pool2d::kName) {
    const auto& options = problem.options_as<Pool2dOptions>();
    const char* mode = options.mode == PoolMode::kMax       ? "max"
                       : options.mode == PoolMode::kAverage ? "average"
                                                            : "min";
    return fmt::format("{} pool {}", mode,
                       stepped(options.window[0], options.window[1], options.stride));
  }
  if (name == Activation::kName) {
    return std::string(name_of(problem.options_as<ActivationOptions>().kind));
  }
  if (name == "bias") return "";
  if (name == "adaptive_average_pool2d") return "average pool";
  if (name == "batch_norm_inference") return "batch norm";
  if (name == "local_response_norm") return "LRN";
  std::string text(name);
  std::ranges::replace(text, '_', ' ');
  return text;
}

bool continues_a_layer(std::string_view op) {
  constexpr std::string_view kOps[] = {"bias",    "activation", "batch_norm_inference",
                                       "dropout", "flatten",    "local_response_norm"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

class Collector {
 public:
  explicit Collector(const StepGraph& step)
      : graph_(step.graph), layer_of_(graph_.values().size(), -1) {
    find_readers(step.logits);
    layers_.push_back({"images", "input", "", without_batch(graph_.shape(step.images)), {}});
    layer_of_[step.images.index()] = 0;
    for (const Node& node : graph_.nodes()) {
      if (readers_[node.outputs[0].index()] > 0) add(node);
    }
  }
  std::vector<DrawnLayer> layers() && { return std::move(layers_); }

 private:
  // How many nodes that matter read a value; the logits are read by whoever asked for them.
  void find_readers(Value logits) {
    readers_.assign(graph_.values().size(), 0);
    readers_[logits.index()] = 1;
    for (auto node = graph_.nodes().rbegin(); node != graph_.nodes().rend(); ++node) {
      if (readers_[node->outputs[0].index()] == 0) continue;
      for (const Value input : node->inputs) ++readers_[input.index()];
    }
  }

  void add(const Node& node) {
    std::vector<int> inputs;
    for (const Value input : node.inputs) {
      const int layer = layer_of_[input.index()];
      if (layer >= 0 && std::ranges::find(inputs, layer) == inputs.end()) inputs.push_back(layer);
    }
    const bool continues = inputs.size() == 1 && inputs[0] > 0 &&
                           readers_[node.inputs[0].index()] == 1 &&
                           continues_a_layer(node.problem.op->name);
    if (!continues) {
      inputs.swap(layers_.emplace_back().inputs);
      layers_.back().path = node.path;
      layers_.back().kind = node.problem.op->name;
    }
    const int place = continues ? inputs[0] : static_cast<int>(layers_.size()) - 1;
    DrawnLayer& layer = layers_[static_cast<std::size_t>(place)];
    const std::string what = words(node.problem);
    if (!what.empty()) layer.what += (layer.what.empty() ? "" : ", ") + what;
    layer.output = without_batch(graph_.shape(node.outputs[0]));
    for (const Value output : node.outputs) layer_of_[output.index()] = place;
  }

  const Graph& graph_;
  std::vector<int> layer_of_, readers_;  // by value
  std::vector<DrawnLayer> layers_;
};

}  // namespace

std::vector<DrawnLayer> drawn_layers(const StepGraph& step) {
  return Collector(step).layers();
}

}  // namespace voluta
