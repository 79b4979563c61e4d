// Mixed precision: data in 16 bits, everything that must not be rounded so in f32, and in f16 a loss
// that is scaled so that small gradients survive.

#include <gtest/gtest.h>
#include <voluta/core/graph/executor.h>
#include <voluta/core/random.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/conv2d.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/normalization.h>
#include <voluta/layers/pooling.h>
#include <voluta/train/step.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace voluta {
namespace {

constexpr int64_t kBatch = 8, kClasses = 5;

// Without kinks, where rounding could turn a gradient.
ModelOutput small_net(Scope s, Value x, const ModelOptions& options) {
  x = conv2d(s["conv1"], x, {.channels = 8, .kernel = 3, .padding = 1});
  x = tanh(s["tanh"], batch_norm(s["bn"], x, {}));
  x = average_pool2d(s["pool"], x, {.window = 2});
  x = linear(s["hidden"], flatten(s["flat"], x), {.features = 12});
  return linear(s["out"], tanh(s["tanh2"], x), {.features = options.classes});
}

const ModelEntry kNet{"small_net", "", 8, 8, 2, kClasses, small_net};

StepOptions options_of(DType data_type, double clip = 0) {
  return {.model = &kNet,
          .data_type = data_type,
          .image = {8, 8, 2},
          .classes = kClasses,
          .batch = kBatch,
          .seed = 3,
          .optimizer = {.momentum = 0.9, .clip_grad_norm = clip}};
}

// A session that trains on batches drawn from a seed.
class Training {
 public:
  explicit Training(const StepOptions& options, const PassOptions& passes = {})
      : step_(training_step(options)),
        executor_(Plan(step_.graph, {step_.loss}, {.passes = passes}), session_) {}

  const Graph& graph() const { return step_.graph; }
  const Graph& planned() const { return executor_.plan().graph(); }
  Tensor state(const std::string& name) { return session_.read_state(name); }
  void set_loss_scale(float value) {
    Tensor scale(DType::f32, {});
    scale.data<float>()[0] = value;
    session_.write_state(kLossScale, scale);
  }

  double run(float magnitude = 1) {
    Tensor images(step_.graph.type(step_.images)), labels(step_.graph.type(step_.labels));
    Tensor lr(DType::f32, {});
    for (float& v : images.data<float>()) {
      v = magnitude * static_cast<float>(random_.next_normal());
    }
    for (int64_t& label : labels.data<int64_t>()) label = random_.next_below(kClasses);
    lr.data<float>()[0] = 0.05f;
    executor_.feed(step_.images, images);
    executor_.feed(step_.labels, labels);
    executor_.feed(step_.learning_rate, lr);
    executor_.run();
    return executor_.read(step_.loss).item<float>();
  }

 private:
  StepGraph step_;
  Session session_{Device{}};
  Executor executor_;
  Random random_{11};
};

double distance(const Tensor& a, const Tensor& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(b.elements()); ++i) {
    const double x = a.data<float>()[i], y = b.data<float>()[i];
    difference += (x - y) * (x - y);
    size += y * y;
  }
  return std::sqrt(difference / size);
}

class MixedPrecision : public testing::TestWithParam<DType> {};

TEST_P(MixedPrecision, DataAreIn16BitsAndWhatMustNotBeRoundedIsF32) {
  const StepGraph step = training_step(options_of(GetParam()));
  const Graph& graph = step.graph;
  EXPECT_EQ(graph.type(step.loss).dtype, DType::f32);
  EXPECT_EQ(graph.type(step.logits).dtype, DType::f32);
  for (std::size_t i = 0; i < step.parameters.size(); ++i) {
    EXPECT_EQ(graph.type(step.parameters[i]).dtype, DType::f32);
    EXPECT_EQ(graph.type(step.gradients[i]).dtype, DType::f32);
  }
  int convolutions = 0;
  for (const Node& node : graph.nodes()) {
    const auto& types = node.problem.inputs;
    if (node.problem.op == &op<Conv2d>()) {
      ++convolutions;
      EXPECT_EQ(types[0].dtype, GetParam());
      EXPECT_EQ(types[1].dtype, GetParam());
    } else if (node.problem.op == &op<BatchNormTraining>()) {
      EXPECT_EQ(types[0].dtype, GetParam());
      for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(types[i].dtype, DType::f32);
    }
  }
  EXPECT_EQ(convolutions, 1);
}

// Data and gradients are rounded to 2^-8 or 2^-11 some ten times on their way.
TEST_P(MixedPrecision, TrainsAsF32DoesButForRounding) {
  Training mixed(options_of(GetParam())), plain(options_of(DType::f32));
  const double u = unit_roundoff(GetParam());
  for (int i = 0; i < 3; ++i) {
    const double loss = mixed.run(), expected = plain.run();
    EXPECT_NEAR(loss, expected, 8 * u * expected) << "step " << i;
    EXPECT_NE(loss, expected) << "nothing was rounded";
  }
  for (const char* name : {"conv1.weight", "hidden.weight", "out.weight", "out.bias"}) {
    const std::string momentum = std::string("momentum.") + name;
    EXPECT_LE(distance(mixed.state(momentum), plain.state(momentum)), 16 * u) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MixedPrecision, testing::Values(DType::bf16, DType::f16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST(LossScale, IsOfF16Alone) {
  EXPECT_FALSE(training_step(options_of(DType::f32)).loss_scale);
  EXPECT_FALSE(training_step(options_of(DType::bf16)).loss_scale);
  EXPECT_TRUE(training_step(options_of(DType::f16)).loss_scale);
}

// Gradients of the scaled loss beyond 65504 become infinite.
TEST(LossScale, AStepThatOverflowsIsLeftOutAndHalvesTheScale) {
  Training training(options_of(DType::f16));
  training.run();
  const Tensor before = training.state("out.weight"),
               momentum = training.state("momentum.out.weight");
  training.set_loss_scale(std::ldexp(1.0f, 40));
  EXPECT_TRUE(std::isfinite(training.run()));
  EXPECT_EQ(distance(training.state("out.weight"), before), 0);
  EXPECT_EQ(distance(training.state("momentum.out.weight"), momentum), 0);
  EXPECT_EQ(training.state(kLossScale).item<float>(), std::ldexp(1.0f, 39));
  EXPECT_EQ(training.state("loss_scale.steps").item<int64_t>(), 0);
  training.set_loss_scale(1024);
  training.run();
  EXPECT_GT(distance(training.state("out.weight"), before), 0);
  EXPECT_EQ(training.state(kLossScale).item<float>(), 1024);
  EXPECT_EQ(training.state("loss_scale.steps").item<int64_t>(), 1);
}

// What moves a weight by the rate itself is Adam's first update: one that was left out before it does not count.
TEST(LossScale, AStepThatIsLeftOutIsNoUpdateOfAdam) {
  StepOptions options = options_of(DType::f16);
  options.optimizer = {.kind = OptimizerKind::kAdam};
  Training training(options);
  const Tensor before = training.state("out.bias");
  training.set_loss_scale(std::ldexp(1.0f, 40));
  training.run();
  EXPECT_EQ(training.state(kLossScaleUpdates).item<int64_t>(), 0);
  training.set_loss_scale(1024);
  training.run();
  EXPECT_EQ(training.state(kLossScaleUpdates).item<int64_t>(), 1);
  const Tensor after = training.state("out.bias");
  for (std::size_t i = 0; i < kClasses; ++i) {
    EXPECT_NEAR(std::abs(after.data<float>()[i] - before.data<float>()[i]), 0.05, 1e-4);
  }
}

// A power of two scales every gradient exactly, so long as none leaves f16's range.
TEST(LossScale, ChangesNoUpdate) {
  for (const double clip : {0.0, 0.05}) {
    Training a(options_of(DType::f16, clip)), b(options_of(DType::f16, clip));
    a.set_loss_scale(256);
    b.set_loss_scale(1024);
    a.run();
    b.run();
    for (const char* name : {"conv1.weight", "hidden.weight", "out.weight", "bn.bias"}) {
      EXPECT_LE(distance(a.state(name), b.state(name)), 1e-6) << name << ", clipped to " << clip;
    }
  }
}

int64_t casts_of_gradients(DType data_type, double clip) {
  const StepGraph step = training_step(options_of(data_type, clip));
  const Plan plan(step.graph, {step.loss}, {});
  return std::ranges::count_if(plan.graph().nodes(), [&](const Node& node) {
    return node.problem.op == &op<Cast>() && node.pass == "backward" &&
           node.problem.outputs[0].dtype == DType::f32;
  });
}

// Three steps of each; then all losses and states have the same bits.
void expect_equal(Training& a, Training& b) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(a.run(), b.run());
  for (const ValueInfo& value : a.graph().values()) {
    if (value.kind != ValueKind::kState) continue;
    const Tensor left = a.state(value.name), right = b.state(value.name);
    EXPECT_EQ(std::memcmp(left.raw(), right.raw(), left.bytes()), 0) << value.name;
  }
}

// A clipping factor of one, to find which all gradients are cast, changes no bit.
TEST(GradientsIn16Bits, AreTakenByUpdatesAsTheyWereComputed) {
  EXPECT_EQ(casts_of_gradients(DType::bf16, 0), 0);
  EXPECT_EQ(casts_of_gradients(DType::bf16, 1e30), 6);  // three weights and their biases
  Training taken(options_of(DType::bf16)), cast(options_of(DType::bf16, 1e30));
  expect_equal(taken, cast);
}

int64_t casts_of_weights(const Graph& graph) {
  return std::ranges::count_if(graph.nodes(), [&](const Node& node) {
    return node.problem.op == &op<Cast>() && graph.info(node.inputs[0]).kind == ValueKind::kState;
  });
}

TEST(WeightsIn16Bits, AreCastAtOnce) {
  Training joined(options_of(DType::f16)), apart(options_of(DType::f16), {.join = false});
  EXPECT_EQ(casts_of_weights(joined.planned()), 1);
  EXPECT_EQ(casts_of_weights(apart.planned()), 6);
  expect_equal(joined, apart);
}

}  // namespace
}  // namespace voluta
