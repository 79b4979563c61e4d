#include <voluta/core/error.h>
#include <voluta/core/graph/passes.h>
#include <voluta/judge/work.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/registry.h>
#include <voluta/train/step.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace voluta::judge {
namespace {

// Ops of layers that do a network's work; the rest of a step is element by element.
constexpr std::array<std::string_view, 8> kLayerOps = {
    "conv2d", "depthwise_conv2d", "conv_transpose2d",        "linear",
    "pool2d", "max_pool2d",       "adaptive_average_pool2d", "batch_norm"};

bool is_layer_op(std::string_view op) {
  if (op == "average_pool2d_gradient") return true;
  return std::ranges::any_of(kLayerOps,
                             [&](std::string_view base) { return op.starts_with(base); });
}

bool is_model(std::string_view name) {
  return std::ranges::any_of(all_models(), [&](const ModelEntry& m) { return m.name == name; });
}

// The 32 of "resnet50.n32"; empty where the word is no such name.
std::optional<int64_t> batch_of(std::string_view word) {
  const std::size_t dot = word.rfind(".n");
  if (dot == word.npos) return std::nullopt;
  const char *begin = word.data() + dot + 2, *end = word.data() + word.size();
  int64_t batch = 0;
  const auto [stop, error] = std::from_chars(begin, end, batch);
  if (begin == end || error != std::errc{} || stop != end || batch < 1) return std::nullopt;
  return batch;
}

std::vector<WorkItem> items_of(const std::string& word, std::optional<int64_t> batch) {
  std::vector<WorkItem> items;
  if (word.find(' ') != word.npos) {
    parse_problem(word);
    return {{word}};
  }
  if (find_op(word) != nullptr) {
    for (const std::string& line : problems_of(word, false)) items.push_back({line});
    return items;
  }
  const std::optional<int64_t> named = batch_of(word);
  const std::string model = named ? word.substr(0, word.rfind(".n")) : word;
  if (is_model(model)) {
    if (!named && !batch) {
      invalid(fmt::format("'{}' names no batch: {}.n32, or --batch", word, word));
    }
    return named_batch(model, batch ? *batch : *named);
  }
  invalid(
      fmt::format("'{}' is no op, no batch such as resnet50.n32 and no problem line such as "
                  "'conv2d n1h8w8c3k4r3s3'; --list shows the names",
                  word));
}

// A layer's problem as every engine can be asked it: an input gradient without the epilogue that plans fuse
// into it, which no vendor's takes.
Problem without_gradient_epilogue(const Problem& problem) {
  if (problem.op != &op<Conv2dInputGradient>()) return problem;
  auto options = problem.options_as<Conv2dInputGradientOptions>();
  options.residual = false;
  options.gate = ActivationKind::kNone;
  return make_problem<Conv2dInputGradient>(options, {problem.inputs[0], problem.inputs[1]});
}

}  // namespace

std::vector<WorkItem> named_batch(std::string_view name, int64_t batch) {
  const ModelEntry& model = find_model(name);
  StepGraph step = training_step({.model = &model,
                                  .image = {model.height, model.width, model.channels},
                                  .classes = model.classes,
                                  .batch = batch});
  run_passes(step.graph, {}, {});
  std::vector<WorkItem> items;
  for (const Node& node : step.graph.nodes()) {
    if (!is_layer_op(node.problem.op->name)) continue;
    const std::string line = describe(without_gradient_epilogue(node.problem));
    const auto known = std::ranges::find(items, line, &WorkItem::line);
    if (known == items.end()) {
      items.push_back({line});
    } else {
      ++known->count;
    }
  }
  return items;
}

std::vector<WorkItem> work_items(const std::vector<std::string>& words,
                                 std::optional<int64_t> batch) {
  std::vector<WorkItem> items;
  for (const std::string& word : words) {
    for (WorkItem& item : items_of(word, batch)) {
      if (batch) item.line = with_batch(item.line, *batch);
      items.push_back(std::move(item));
    }
  }
  return items;
}

std::string_view direction_of(std::string_view op) {
  if (op.ends_with("_input_gradient")) return "input_gradient";
  if (op.ends_with("_filter_gradient") || op.ends_with("_weight_gradient")) {
    return "filter_gradient";
  }
  return op.ends_with("_gradient") ? "gradient" : "forward";
}

}  // namespace voluta::judge
