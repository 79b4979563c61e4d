// voluta eval: loss and accuracy of weights on test images.

#include <voluta/core/error.h>
#include <voluta/train/evaluator.h>
#include <voluta/train/finite_check.h>

#include <fmt/format.h>

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

struct EvalArguments {
  WeightsFlag weights;
  ModelFlags model;
  DataFlags data;
  PictureFlags pictures;
  DeviceFlags device;
  ReplayFlag replay;
  int64_t batch_size = 64, test_limit = -1;
  bool json = false;
};

void print_result(const MetricSums& test, bool json) {
  if (json) {
    const nlohmann::ordered_json document{{"images", static_cast<int64_t>(test.images)},
                                          {"top1", test.top1_fraction()},
                                          {"top5", test.top5_fraction()},
                                          {"loss", test.mean_loss()}};
    fmt::print("{}\n", json_text(document));
  } else {
    fmt::print("test: {:.2f} % ({:.0f} of {:.0f}), top-5 {:.2f} %, loss {:.4f}\n",
               100 * test.top1_fraction(), test.top1, test.images, 100 * test.top5_fraction(),
               test.mean_loss());
  }
}

// The outputs, which without --classes are as many as the data have classes, or more where the weights name just
// those: they were trained on as many.
int64_t classes(const EvalArguments& a, const LoadedWeights& weights, const Dataset& test) {
  const int64_t outputs =
      weights.options.classes > 0 ? weights.options.classes : weights.model->classes;
  const std::size_t named =
      weights.description ? weights.description->preprocessing.class_names.size() : 0;
  const bool may_be_more = a.model.classes || static_cast<int64_t>(named) == test.classes();
  if (may_be_more ? outputs < test.classes() : outputs != test.classes()) {
    const char* say = a.model.classes ? "--classes says" : "the weights have";
    invalid(fmt::format("the data have {} classes, {} {}", test.classes(), say, outputs));
  }
  return outputs;
}

int run(const EvalArguments& a) {
  if (a.batch_size < 1) invalid("--batch-size must be at least 1");
  check_test_limit(a.test_limit, 1);
  a.data.check();
  a.pictures.check();
  const PlanOptions plan = a.device.plan_options();
  const LoadedWeights weights = load(a.weights, a.model);
  const DataSets data = open_data({.data = a.data,
                                   .pictures = a.pictures,
                                   .weights = weights,
                                   .test_limit = a.test_limit,
                                   .quiet = a.device.quiet});
  const Dataset& test = *data.test;
  StepOptions step{.model = weights.model,
                   .options = weights.options,
                   .image = test.image_shape(),
                   .classes = classes(a, weights, test)};
  check_fit(weights, a.weights, a.model, inference_step(step));

  step.data_type = a.device.data_type();
  Session session(plan.device);
  step.batch = a.batch_size;
  Evaluator evaluator(session, test, step, plan, a.replay.options());
  load_weights(weights.file, a.weights.weights, session, evaluator.step(), a.weights.allow_partial);
  a.device.note_cpu(plan, "evaluating");
  a.device.note_plan(evaluator.plan());
  const InterruptGuard interrupt;
  const MetricSums sums = run_on(data, [&] { return evaluator.run(&interrupt.requested()); });
  if (interrupt.requested()) return interrupt.exit_code();
  if (!std::isfinite(sums.loss)) fail_not_finite(evaluator.graph(), session);
  print_result(sums, a.json);
  return 0;
}

}  // namespace

Command eval_command() {
  auto a = std::make_shared<EvalArguments>();
  return {.name = "eval",
          .description = "Loss and accuracy of weights on the test images",
          .examples =
              "  voluta eval --weights runs/lenet5/weights.safetensors\n"
              "  voluta eval --model lenet5 --weights w.safetensors --data-path d --json\n"
              "  voluta eval --model resnet20 --weights w.safetensors --mean .485,.456,.406 "
              "--std .229,.224,.225",
          .declare =
              [a](Flags& flags) {
                a->weights.declare(flags, true);
                a->model.declare(flags, "--model", "what the weights file says");
                a->data.declare(flags);
                a->pictures.declare(flags, false);
                flags.add("-b,--batch-size", a->batch_size, "Images in a step");
                flags.add("--test-limit", a->test_limit, "The first N images (-1: all)");
                flags.add_switch("--json", a->json, "One JSON document on standard output");
                a->replay.declare(flags);
                a->device.declare(flags);
              },
          .run = [a] { return run(*a); }};
}

}  // namespace voluta::cli
