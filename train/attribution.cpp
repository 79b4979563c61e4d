#include <voluta/core/error.h>
#include <voluta/layers/loss.h>
#include <voluta/train/attribution.h>
#include <voluta/train/finite_check.h>
#include <voluta/train/predictor.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace voluta {
namespace {

// Maps that the logits depend on, in the order of their nodes.
std::vector<const Node*> map_nodes(const StepGraph& step) {
  const std::vector<bool> matters = step.graph.ancestors({{step.logits}});
  std::vector<const Node*> maps;
  for (const Node& node : step.graph.nodes()) {
    const Value output = node.outputs[0];
    if (matters[output.index()] && step.graph.shape(output).rank() == 4) maps.push_back(&node);
  }
  return maps;
}

std::string some_layers(const std::vector<const Node*>& nodes) {
  constexpr std::size_t kShown = 6;
  std::vector<std::string> paths;
  for (const Node* node : nodes) {
    if (paths.empty() || paths.back() != node->path) paths.push_back(node->path);
  }
  if (paths.size() > kShown) {
    paths.erase(paths.begin() + kShown / 2, paths.end() - kShown / 2);
    paths.insert(paths.begin() + kShown / 2, "...");
  }
  return fmt::format("{}", fmt::join(paths, ", "));
}

}  // namespace

Value layer_map(const StepGraph& step, const std::string& path) {
  const std::vector<const Node*> nodes = map_nodes(step);
  Value found;
  for (const Node* node : nodes) {
    if (node->path == path || node->path.starts_with(path + ".")) found = node->outputs[0];
  }
  if (!found) {
    invalid(fmt::format("no layer '{}' with maps; there are {} ('voluta summary' lists all)", path,
                        some_layers(nodes)));
  }
  return found;
}

Value last_feature_map(const StepGraph& step) {
  const std::vector<const Node*> nodes = map_nodes(step);
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const Shape& s = step.graph.shape((*node)->outputs[0]);
    if (s[1] * s[2] > 1) return (*node)->outputs[0];
  }
  invalid("no layer of the model has maps with more than one cell");
}

ScoreGradient::ScoreGradient(Session& session, const StepOptions& options, const PlanOptions& plan,
                             const std::function<Value(const StepGraph&)>& choose)
    : session_(session), step_(differentiable_step(options)) {
  value_ = choose(step_);
  seed_ = step_.graph.input("seed", step_.graph.type(step_.logits));
  gradient_ = backward(step_.graph, step_.logits, seed_, std::span(&value_, 1))[0];
  executor_ = std::make_unique<Executor>(Plan(step_.graph, {step_.logits, value_, gradient_}, plan),
                                         session);
}

ScoreGradient::Result ScoreGradient::of(const Tensor& picture, std::optional<int64_t> label) {
  Tensor seed(DType::f32, step_.graph.shape(step_.logits));
  executor_->feed(step_.images, picture);
  if (!label) {
    executor_->feed(seed_, seed);
    executor_->run();
    const Tensor logits = executor_->read(step_.logits);
    label = best_classes(logits.data<float>(), 1)[0].label;
  }
  if (*label < 0 || *label >= seed.elements()) {
    invalid(fmt::format("class {} is outside 0..{}", *label, seed.elements() - 1));
  }
  seed.data<float>()[static_cast<std::size_t>(*label)] = 1;
  executor_->feed(seed_, seed);
  executor_->run();
  const Tensor logits = executor_->read(step_.logits);
  check_outputs_finite(logits, step_.graph, session_);
  return {*label, logits, executor_->read(value_), executor_->read(gradient_)};
}

Tensor grad_cam(const Tensor& maps, const Tensor& gradient) {
  const Shape& s = maps.shape();
  const auto cells = static_cast<std::size_t>(s[1] * s[2]),
             channels = static_cast<std::size_t>(s[3]);
  const std::span<const float> a = maps.data<float>(), g = gradient.data<float>();
  std::vector<double> alpha(channels, 0);
  for (std::size_t i = 0; i < cells; ++i) {
    for (std::size_t c = 0; c < channels; ++c) alpha[c] += g[i * channels + c];
  }
  Tensor map(DType::f32, {s[1], s[2]});
  for (std::size_t i = 0; i < cells; ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < channels; ++c) sum += alpha[c] * a[i * channels + c];
    map.data<float>()[i] = static_cast<float>(std::max(sum / static_cast<double>(cells), 0.0));
  }
  return map;
}

Tensor saliency(const Tensor& gradient) {
  const Shape& s = gradient.shape();
  const auto channels = static_cast<std::size_t>(s[3]);
  Tensor map(DType::f32, {s[1], s[2]});
  const std::span<float> most = map.data<float>();
  for (std::size_t i = 0; i < most.size() * channels; ++i) {
    most[i / channels] = std::max(most[i / channels], std::abs(gradient.data<float>()[i]));
  }
  return map;
}

Tensor resized_map(const Tensor& map, int64_t height, int64_t width) {
  struct Between {
    std::size_t low, high;
    double share;  // of high
  };
  const auto along = [](int64_t from, int64_t to) {
    std::vector<Between> places;
    for (int64_t i = 0; i < to; ++i) {
      const double at = std::max(
          (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) -
              0.5,
          0.0);
      const auto low = static_cast<int64_t>(at);
      places.push_back({static_cast<std::size_t>(low),
                        static_cast<std::size_t>(std::min(low + 1, from - 1)),
                        at - static_cast<double>(low)});
    }
    return places;
  };
  const std::vector<Between> down = along(map.shape()[0], height);
  const std::vector<Between> across = along(map.shape()[1], width);
  const auto line = static_cast<std::size_t>(map.shape()[1]);
  const std::span<const float> from = map.data<float>();
  Tensor resized(DType::f32, {height, width});
  auto to = resized.data<float>().begin();
  for (const Between& y : down) {
    for (const Between& x : across) {
      const double top =
          from[y.low * line + x.low] * (1 - x.share) + from[y.low * line + x.high] * x.share;
      const double bottom =
          from[y.high * line + x.low] * (1 - x.share) + from[y.high * line + x.high] * x.share;
      *to++ = static_cast<float>(top * (1 - y.share) + bottom * y.share);
    }
  }
  return resized;
}

}  // namespace voluta
