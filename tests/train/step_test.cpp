// The graphs of a step: modes, and auxiliary heads, which count in training alone.

#include <gtest/gtest.h>
#include <voluta/core/graph/executor.h>
#include <voluta/core/random.h>
#include <voluta/layers/linear.h>
#include <voluta/train/step.h>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

constexpr double kWeight = 0.25;

// A classifier with another one before it.
ModelOutput two_heads(Scope s, Value image, const ModelOptions& options) {
  const Value x = linear(s["body"], flatten(s["flat"], image), {.features = 6});
  const Value early = linear(s["early"], x, {.features = options.classes});
  return {linear(s["late"], x, {.features = options.classes}), {{early, kWeight}}};
}

const ModelEntry kTwoHeads{"two_heads", "", 2, 2, 1, 3, two_heads};
const StepOptions kOptions{.model = &kTwoHeads, .image = {2, 2, 1}, .classes = 3, .batch = 4};

std::vector<std::string> names(const StepGraph& step) {
  std::vector<std::string> found;
  for (const Value value : step.parameters) found.push_back(step.graph.info(value).name);
  return found;
}

class Step : public ::testing::Test {
 protected:
  // The loss and the gradient of body.weight.
  std::pair<double, Tensor> run(const StepGraph& step) {
    Executor executor(Plan(step.graph, {step.loss, step.gradients[0]}, {}), session_);
    Tensor images(DType::f32, {4, 2, 2, 1}), labels(DType::i64, {4});
    Random random(1);
    for (float& v : images.data<float>()) v = static_cast<float>(random.next_normal());
    labels.data<int64_t>()[1] = 2;
    executor.feed(step.images, images);
    executor.feed(step.labels, labels);
    executor.run();
    return {executor.read(step.loss).item<float>(), executor.read(step.gradients[0])};
  }
  Session session_{Device{}};
};

TEST_F(Step, AuxiliaryLossesAddUpInTraining) {
  const StepGraph training = gradient_step(kOptions, StepMode::kTraining);
  const StepGraph evaluation = gradient_step(kOptions, StepMode::kEvaluation);
  const auto [sum, sum_gradient] = run(training);
  const auto [late, late_gradient] = run(evaluation);
  // The early head's own loss: that of the model whose heads are exchanged.
  static constexpr auto kExchanged = [](Scope s, Value image, const ModelOptions& options) {
    return ModelOutput(two_heads(s, image, options).auxiliary[0].logits);
  };
  const ModelEntry exchanged{"exchanged", "", 2, 2, 1, 3, kExchanged};
  StepOptions options = kOptions;
  options.model = &exchanged;
  const auto [early, early_gradient] = run(gradient_step(options, StepMode::kEvaluation));
  EXPECT_NEAR(sum, late + kWeight * early, 1e-6);
  for (std::size_t i = 0; i < 24; ++i) {
    EXPECT_NEAR(sum_gradient.data<float>()[i],
                late_gradient.data<float>()[i] + kWeight * early_gradient.data<float>()[i], 1e-6);
  }
}

TEST_F(Step, EvaluationGivesGradientsOfWhatTheLossDependsOn) {
  EXPECT_EQ(names(gradient_step(kOptions, StepMode::kEvaluation)),
            (std::vector<std::string>{"body.weight", "body.bias", "late.weight", "late.bias"}));
  EXPECT_EQ(names(gradient_step(kOptions, StepMode::kTraining)).size(), 6u);
  EXPECT_EQ(names(inference_step(kOptions)).size(), 6u) << "weights files hold all of them";
  EXPECT_EQ(training_step(kOptions).gradients.size(), 6u);
}

TEST(ModelEntries, MayCaptureWhatTheyAreMadeOf) {
  const int64_t features = 5;
  const ModelEntry model{
      "captured", "", 2, 2, 1, 3, [=](Scope s, Value image, const auto& options) {
        const Value x = linear(s["body"], flatten(s["flat"], image), {.features = features});
        return ModelOutput(linear(s["fc"], x, {.features = options.classes}));
      }};
  const StepGraph step = inference_step({.model = &model, .image = {2, 2, 1}, .classes = 3});
  EXPECT_EQ(step.graph.shape(step.logits), (Shape{1, 3}));
  EXPECT_EQ(parameter_count(step.graph), 4 * 5 + 5 + 5 * 3 + 3);
}

TEST(StepSize, AModelBeyondEveryMemoryIsRefusedAtOnce) {
  expect_error(ErrorKind::kInvalidArgument,
               {"vgg16 would have", "ModelOptions::width or ModelOptions::classes"}, [] {
                 training_step({.model = &find_model("vgg16"),
                                .options = {.width = 1000},
                                .image = {224, 224, 3},
                                .classes = 1000});
               });
}

}  // namespace
}  // namespace voluta
