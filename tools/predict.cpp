// voluta predict: the classes of pictures, with probabilities.

#include <voluta/core/error.h>
#include <voluta/train/predictor.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "common_flags.h"
#include "data_flags.h"
#include "interrupt.h"
#include "json_text.h"
#include "model_flags.h"
#include "picture_flags.h"

namespace voluta::cli {
namespace {

struct PredictArguments {
  WeightsFlag weights;
  ModelFlags model;
  DataFlags data;
  PictureFlags pictures;
  DeviceFlags device;
  ReplayFlag replay;
  std::vector<std::string> paths;
  int64_t batch_size = 64, top_k = 5, test_limit = -1;
  bool json = false;
};

struct Prediction {
  std::string picture;
  int64_t label = -1;  // -1: unknown
  std::vector<RankedClass> top;

  bool is_right() const { return !top.empty() && top.front().label == label; }
};

void check(const PredictArguments& a) {
  if (a.batch_size < 1) invalid("--batch-size must be at least 1");
  if (a.top_k < 1) invalid("--top-k must be at least 1");
  check_test_limit(a.test_limit, 1);
  const bool of_set = !a.data.path.empty() || !a.data.dataset.empty();
  if (of_set && !a.paths.empty()) invalid("give pictures, or --data-path and --dataset, not both");
  if (!of_set && a.paths.empty()) {
    invalid("which pictures? Give files or folders, or --data-path for the test pictures of a set");
  }
  a.data.check();
  a.pictures.check();
}

nlohmann::ordered_json as_json(const Prediction& prediction, const Preprocessing& known) {
  nlohmann::ordered_json document{{"picture", prediction.picture}};
  if (prediction.label >= 0) document["label"] = prediction.label;
  for (const RankedClass& ranked : prediction.top) {
    document["top"].push_back({{"class", class_name(known, ranked.label)},
                               {"label", ranked.label},
                               {"probability", ranked.probability}});
  }
  return document;
}

void print_json(const std::string& model, const std::vector<Prediction>& predictions,
                const Preprocessing& known) {
  nlohmann::ordered_json document{
      {"model", model}, {"images", predictions.size()}, {"predictions", nlohmann::json::array()}};
  for (const Prediction& p : predictions) document["predictions"].push_back(as_json(p, known));
  fmt::print("{}\n", json_text(document, 2));
}

// "label dog" where it is known.
std::string label_text(const Prediction& prediction, const Preprocessing& known) {
  return prediction.label < 0 ? "" : "  label " + class_name(known, prediction.label);
}

// A line a picture: its name and label, then classes with their percentages, in columns.
void print_table(const std::vector<Prediction>& predictions, const Preprocessing& known) {
  std::size_t width = 0, label_width = 0, class_width = 0;
  for (const Prediction& prediction : predictions) {
    width = std::max(width, prediction.picture.size());
    label_width = std::max(label_width, label_text(prediction, known).size());
    for (const RankedClass& ranked : prediction.top) {
      class_width = std::max(class_width, class_name(known, ranked.label).size());
    }
  }
  for (const Prediction& prediction : predictions) {
    std::string line = fmt::format("{:<{}}{:<{}}", prediction.picture, width,
                                   label_text(prediction, known), label_width);
    for (const RankedClass& ranked : prediction.top) {
      line += fmt::format("  {:>6.2f} % {:<{}}", 100 * ranked.probability,
                          class_name(known, ranked.label), class_width);
    }
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
  const auto labelled =
      std::ranges::count_if(predictions, [](const Prediction& p) { return p.label >= 0; });
  if (labelled == 0) return;
  const auto right = std::ranges::count_if(predictions, &Prediction::is_right);
  fmt::print("right: {} of {} ({:.2f} %)\n", right, labelled,
             100.0 * static_cast<double>(right) / static_cast<double>(labelled));
}

int run(const PredictArguments& a) {
  check(a);
  const PlanOptions plan = a.device.plan_options();
  const LoadedWeights weights = load(a.weights, a.model);
  const DataRequest request{.data = a.data,
                            .pictures = a.pictures,
                            .weights = weights,
                            .test_limit = a.test_limit,
                            .quiet = a.device.quiet};
  const DataSets data = a.paths.empty() ? open_data(request) : open_pictures(request, a.paths);
  StepOptions step = step_for(weights, data.test->image_shape());
  step.data_type = a.device.data_type();
  check_fit(weights, a.weights, a.model, inference_step(step));

  Session session(plan.device);
  step.batch = a.batch_size;
  Predictor predictor(session, *data.test, step, plan, a.replay.options());
  load_weights(weights.file, a.weights.weights, session, predictor.step(), a.weights.allow_partial);
  a.device.note_cpu(plan, "predicting");
  a.device.note_plan(predictor.plan());
  const InterruptGuard interrupt;
  std::vector<Prediction> predictions;
  run_on(data, [&] {
    predictor.run(
        [&](int64_t index, int64_t label, std::span<const float> logits) {
          predictions.push_back(
              {picture_name(*data.test, index), label, best_classes(logits, a.top_k)});
        },
        &interrupt.requested());
    return 0;
  });
  if (interrupt.requested()) return interrupt.exit_code();
  if (a.json) {
    print_json(std::string(weights.model->name), predictions, output_names(weights, data));
  } else {
    print_table(predictions, output_names(weights, data));
  }
  return 0;
}

void declare(PredictArguments& a, Flags& flags) {
  a.weights.declare(flags, true);
  flags.add("picture", a.paths,
            "JPEG and PNG files, and folders with such files; made grey or coloured as the weights "
            "take them");
  flags.add("-k,--top-k", a.top_k, "Classes to name for each picture");
  a.model.declare(flags, "--model", "what the weights file says");
  a.data.declare(flags);
  a.pictures.declare(flags, false);
  flags.add("-b,--batch-size", a.batch_size, "Images in a step");
  flags.add("--test-limit", a.test_limit, "Of a data set: the first N test pictures (-1: all)");
  flags.add_switch("--json", a.json, "One JSON document on standard output");
  a.replay.declare(flags);
  a.device.declare(flags);
}

}  // namespace

Command predict_command() {
  auto a = std::make_shared<PredictArguments>();
  return {.name = "predict",
          .description = "The classes of pictures, with probabilities",
          .examples =
              "  voluta predict --weights runs/resnet50/weights.safetensors cat.jpg holiday/\n"
              "  voluta predict --weights w.safetensors --top-k 1 --json *.png\n"
              "  voluta predict --weights w.safetensors --data-path d --test-limit 20",
          .declare = [a](Flags& flags) { declare(*a, flags); },
          .run = [a] { return run(*a); },
          .needs = {{"--test-limit", "--data-path"}, {"--test-limit", "--dataset"}}};
}

}  // namespace voluta::cli
