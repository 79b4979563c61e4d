// voluta visualize filters | activations | gradcam | saliency: what a model has learnt and what it
// sees, as PNG files.

#include <voluta/core/error.h>
#include <voluta/train/attribution.h>
#include <voluta/train/finite_check.h>
#include <voluta/train/picture_grid.h>
#include <voluta/train/predictor.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command_line.h"
#include "visualize_flags.h"

namespace voluta::cli {
namespace {

constexpr int64_t kGap = 2;  // pixels between tiles

struct VisualizeArguments : VisualizeFlags {
  std::string class_name;
};

// "conv1", or the first convolution's.
const ValueInfo& find_filters(const Graph& graph, const std::string& layer) {
  std::string known;
  for (const ValueInfo& info : graph.values()) {
    if (info.kind != ValueKind::kState || info.type.shape.rank() != 4) continue;
    const std::string path = info.name.substr(0, info.name.rfind('.'));
    if (layer.empty() || path == layer) return info;
    if (known.size() < 200) known += (known.empty() ? "" : ", ") + path;
  }
  if (layer.empty()) invalid("the model has no convolution");
  invalid(fmt::format("--layer '{}' is no convolution of the model; there are {}", layer, known));
}

int run_filters(const VisualizeArguments& a) {
  constexpr int64_t kMost = 64;
  check_ending(a.output, {".png"});
  const LoadedWeights weights = load(a.weights, a.model);
  const StepGraph step = inference_step(step_for(weights, image_of(weights)));
  check_fit(weights, a.weights, a.model, step);
  const ValueInfo& filters = find_filters(step.graph, a.layer);
  a.check_output();
  Session session(Device{});
  load_weights(weights.file, a.weights.weights, session, step, a.weights.allow_partial);

  write_png(a.output, filter_grid(session.read_state(filters.name), kMost));
  const Shape& s = filters.type.shape;  // [K,R,S,C]
  const std::string of = s[0] > kMost ? fmt::format("the first {} of ", kMost) : "";
  const std::string layout = s[3] == 1 || s[3] == 3
                                 ? "row by row"
                                 : fmt::format("a row each, its {}{} channels from left to right",
                                               s[3] > kMost ? "first " : "", std::min(s[3], kMost));
  fmt::print("{}: {}{} filters {} x {} of {}, {}\n", a.output, of, s[0], s[1], s[2],
             filters.name.substr(0, filters.name.rfind('.')), layout);
  return 0;
}

int run_activations(const VisualizeArguments& a) {
  check_ending(a.output, {".png"});
  const PlanOptions plan = a.device.plan_options();
  const LoadedWeights weights = load(a.weights, a.model);
  const SeenPicture seen = open_picture(a, weights);
  const StepGraph step = inference_step(step_for(weights, seen.data.test->image_shape()));
  check_fit(weights, a.weights, a.model, step);
  const Value value = a.layer.empty() ? last_feature_map(step) : layer_map(step, a.layer);
  a.check_output(seen.name);
  Session session(plan.device);
  load_weights(weights.file, a.weights.weights, session, step, a.weights.allow_partial);
  Executor executor(Plan(step.graph, {step.logits, value}, plan), session);
  executor.feed(step.images, seen.input);
  a.device.note_cpu(plan, "running");
  a.device.note_plan(executor.plan());
  executor.run();
  check_outputs_finite(executor.read(step.logits), step.graph, session);

  const Tensor maps = executor.read(value);
  std::vector<Image> tiles = map_tiles(maps, viridis);
  const Shape& s = maps.shape();
  const int64_t columns = square_columns(tiles.size());
  const int64_t factor = enlargement(std::max(s[1], s[2]), columns, kGap, 96);
  for (Image& tile : tiles) tile = enlarged(tile, factor);
  write_png(a.output, grid(tiles, columns, kGap));
  fmt::print("{}: {} maps of {} x {} of {}, row by row, each from its least value to its largest\n",
             a.output, s[3], s[1], s[2], step.graph.info(value).name);
  return 0;
}

// Runs the model's gradient at a value for the picture, and says what is shown.
struct Explained {
  SeenPicture seen;
  ScoreGradient::Result result;
  std::string layer, title;
};

Explained explain(const VisualizeArguments& a,
                  const std::function<Value(const StepGraph&)>& choose) {
  check_ending(a.output, {".png"});
  const PlanOptions plan = a.device.plan_options();
  const LoadedWeights weights = load(a.weights, a.model);
  Explained explained{.seen = open_picture(a, weights)};
  const Preprocessing& names = output_names(weights, explained.seen.data);
  std::optional<int64_t> label;
  if (!a.class_name.empty()) label = find_class(a.class_name, names);
  const StepOptions step = step_for(weights, explained.seen.data.test->image_shape());
  check_fit(weights, a.weights, a.model, inference_step(step));
  a.check_output(explained.seen.name);
  Session session(plan.device);
  ScoreGradient score(session, step, plan, choose);
  load_weights(weights.file, a.weights.weights, session, score.step(), a.weights.allow_partial);
  a.device.note_cpu(plan, "running");
  a.device.note_plan(score.plan());
  explained.result = score.of(explained.seen.input, label);
  explained.layer = score.layer();
  const std::span<const float> logits = explained.result.logits.data<float>();
  for (const RankedClass& ranked : best_classes(logits, static_cast<int64_t>(logits.size()))) {
    if (ranked.label != explained.result.label) continue;
    explained.title = fmt::format("{} ({:.2f} %) in {}", class_name(names, ranked.label),
                                  100 * ranked.probability, explained.seen.name);
  }
  return explained;
}

int run_gradcam(const VisualizeArguments& a) {
  const Explained e = explain(a, [&](const StepGraph& step) {
    return a.layer.empty() ? last_feature_map(step) : layer_map(step, a.layer);
  });
  const Image picture = e.seen.shown();
  const Tensor cam = grad_cam(e.result.value, e.result.gradient);
  const float most = std::ranges::max(cam.data<float>());
  const Tensor heat = resized_map(cam, picture.height, picture.width);
  write_png(a.output, grid({picture, heated(picture, heat, most)}, 2, 4 * kGap));
  fmt::print("{}: {}, by the {} x {} maps of {}{}\n", a.output, e.title, cam.shape()[0],
             cam.shape()[1], e.layer, most > 0 ? "" : "; nothing there speaks for it");
  return 0;
}

// The brightest hundredth is white: a few pixels would else leave the others black.
int run_saliency(const VisualizeArguments& a) {
  const Explained e = explain(a, [](const StepGraph& step) { return step.images; });
  const Image picture = e.seen.shown();
  const Tensor map = saliency(e.result.gradient);
  std::vector<float> sorted(map.data<float>().begin(), map.data<float>().end());
  const auto white = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 99 / 100);
  std::ranges::nth_element(sorted, white);
  const Image marks = enlarged(colored(map, 0, *white, grey), picture.height / map.shape()[0]);
  write_png(a.output, grid({picture, marks}, 2, 4 * kGap));
  fmt::print("{}: {}\n", a.output, e.title);
  return 0;
}

// Of pictures with a map beside them: SeenPicture::shown().
const std::string kEnlarged =
    "; a pixel of a small picture is a square, so that the shorter side has 224 or more";

Command command(const std::string& name, const std::string& description, const std::string& shows,
                const std::string& examples,
                const std::function<void(VisualizeArguments&, Flags&)>& declare,
                int (*run)(const VisualizeArguments&)) {
  auto a = std::make_shared<VisualizeArguments>();
  return {.name = "visualize " + name,
          .description = description,
          .examples = examples,
          .declare =
              [=](Flags& flags) {
                a->declare_model(flags, name + ".png", shows);
                declare(*a, flags);
              },
          .run = [=] { return run(*a); },
          .needs = {{"--index", "--data-path"}, {"--index", "--dataset"}}};
}

}  // namespace

Command visualize_filters_command() {
  return command(
      "filters", "The filters of a convolution as a grid, a PNG file",
      "the filters row by row, 0 in grey, each to its own largest weight",
      "  voluta visualize filters --weights w.safetensors\n"
      "  voluta visualize filters --weights w.safetensors --layer layer1.0.conv1 -o filters.png",
      [](VisualizeArguments& a, Flags& flags) {
        flags.add("--layer", a.layer, "Path of the convolution (default: the first)");
      },
      run_filters);
}

Command visualize_activations_command() {
  return command(
      "activations", "What a layer makes of a picture: its maps as a grid, a PNG file",
      "the maps row by row, each from its least value (dark blue) to its largest (yellow)",
      "  voluta visualize activations --weights w.safetensors cat.jpg --layer layer1.0\n"
      "  voluta visualize activations --weights w.safetensors --dataset cifar10 --index 7",
      [](VisualizeArguments& a, Flags& flags) {
        flags.add("--layer", a.layer,
                  "Path of the layer (default: the last with more than one cell)");
        a.declare_picture(flags);
      },
      run_activations);
}

Command visualize_gradcam_command() {
  return command(
      "gradcam", "Where a picture speaks for a class: Grad-CAM beside it, a PNG file",
      "the picture, and the map over it, from blue (nothing there speaks for the class) over green "
      "to "
      "red (most does)" +
          kEnlarged,
      "  voluta visualize gradcam --weights w.safetensors cat.jpg\n"
      "  voluta visualize gradcam --weights w.safetensors cat.jpg --class dog -o dog.png",
      [](VisualizeArguments& a, Flags& flags) {
        flags.add("--class", a.class_name, "Name or number (default: the predicted one)");
        flags.add("--layer", a.layer,
                  "Path of the layer (default: the last with more than one cell)");
        a.declare_picture(flags);
      },
      run_gradcam);
}

Command visualize_saliency_command() {
  return command(
      "saliency", "The pixels on which a class depends most, beside the picture, a PNG file",
      "the picture, and its pixels from black (the class does not depend on them) to white (most)" +
          kEnlarged,
      "  voluta visualize saliency --weights w.safetensors cat.jpg\n"
      "  voluta visualize saliency --weights w.safetensors --data-path mnist --index 3",
      [](VisualizeArguments& a, Flags& flags) {
        flags.add("--class", a.class_name, "Name or number (default: the predicted one)");
        a.declare_picture(flags);
      },
      run_saliency);
}

}  // namespace voluta::cli
