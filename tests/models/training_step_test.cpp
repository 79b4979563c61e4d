// A whole training step (forward, backward, update, metrics) as one plan, on every device of this
// binary: the same losses as the reference engines, the same bits twice, with and without fusion,
// memory reuse and graph replay.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>
#include <voluta/core/random.h>
#include <voluta/kernels/classification_metrics/classification_metrics.h>
#include <voluta/kernels/optimizer/optimizer.h>
#include <voluta/layers/loss.h>
#include <voluta/models/registry.h>

#include <cmath>
#include <cstring>

namespace voluta {
namespace {

constexpr int64_t kBatch = 3, kSteps = 4;

struct TrainingGraph {
  Graph graph;
  Value image, labels, lr, loss, metrics;
};

TrainingGraph lenet_training() {
  TrainingGraph made;
  Graph& graph = made.graph;
  made.image = graph.input("image", {DType::f32, {kBatch, 28, 28, 1}});
  made.labels = graph.input("labels", {DType::i64, {kBatch}});
  made.lr = graph.input("lr", {DType::f32, {}});
  const Scope scope(graph, {.training = true, .seed = 5});
  const Value logits = find_model("lenet5").build(scope, made.image, {}).logits;
  made.loss = softmax_cross_entropy(scope["loss"], logits, made.labels);

  const std::vector<Value> weights = parameters(graph);
  const std::vector<Value> grads = backward(graph, made.loss, weights);
  graph.set_pass("update");
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string name = graph.info(weights[i]).name;
    const Value momentum =
        graph.state("momentum." + name, graph.type(weights[i]), StateRole::kOptimizer, nullptr);
    graph.add_all<SgdUpdate>({.momentum = 0.9, .weight_decay = 1e-4},
                             {weights[i], grads[i], momentum, made.lr}, name);
  }
  const Value sums = graph.state("metrics", {DType::f64, {4}}, StateRole::kMetric, nullptr);
  made.metrics = graph.add<ClassificationMetrics>({}, {logits, made.labels, made.loss, sums}, "");
  return made;
}

struct Outcome {
  std::vector<float> losses;
  std::vector<double> metrics;
  std::map<std::string, Tensor> parameters;
};

Outcome train(const PlanOptions& options, ExecutorOptions executor_options = {}) {
  TrainingGraph made = lenet_training();
  Session session(options.device);
  Executor executor(Plan(made.graph, {made.loss, made.metrics}, options), session,
                    executor_options);
  Tensor image(made.graph.type(made.image)), labels(made.graph.type(made.labels));
  Tensor lr(made.graph.type(made.lr));
  lr.data<float>()[0] = 0.05f;
  Random random(17);
  Outcome outcome;
  for (int64_t step = 0; step < kSteps; ++step) {
    for (float& pixel : image.data<float>()) pixel = static_cast<float>(random.next_normal());
    for (int64_t& label : labels.data<int64_t>()) label = random.next_below(10);
    executor.feed(made.image, image);
    executor.feed(made.labels, labels);
    executor.feed(made.lr, lr);
    executor.run();
    outcome.losses.push_back(executor.read(made.loss).item<float>());
  }
  const Tensor sums = executor.read(made.metrics);
  outcome.metrics.assign(sums.data<double>().begin(), sums.data<double>().end());
  for (Value weight : parameters(made.graph)) {
    const std::string name = made.graph.info(weight).name;
    outcome.parameters.emplace(name, session.read_state(name));
  }
  return outcome;
}

void expect_same_bits(const Outcome& a, const Outcome& b) {
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(a.metrics, b.metrics);
  for (const auto& [name, tensor] : a.parameters) {
    EXPECT_EQ(std::memcmp(tensor.raw(), b.parameters.at(name).raw(), tensor.bytes()), 0) << name;
  }
}

// ||a - b|| / ||b|| over each parameter, and each loss; !(x <= bound) also catches NaN.
void expect_close(const Outcome& a, const Outcome& b, double bound) {
  for (std::size_t i = 0; i < b.losses.size(); ++i) {
    const double error = std::abs(a.losses[i] - b.losses[i]) / std::abs(b.losses[i]);
    EXPECT_TRUE(error <= bound) << "loss of step " << i << ": " << a.losses[i] << " and "
                                << b.losses[i];
  }
  for (const auto& [name, tensor] : a.parameters) {
    const auto x = tensor.data<float>(), y = b.parameters.at(name).data<float>();
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      difference += (double{x[i]} - y[i]) * (double{x[i]} - y[i]);
      norm += double{y[i]} * y[i];
    }
    EXPECT_TRUE(std::sqrt(difference / norm) <= bound) << name;
  }
}

class TrainingStep : public testing::TestWithParam<Device> {};

TEST_P(TrainingStep, MatchesTheReferenceEngines) {
  const Outcome reference = train({.engines = parse_engine_policy("reference")});
  const Outcome outcome = train({.device = GetParam()});
  expect_close(outcome, reference, 1e-5);
  EXPECT_EQ(outcome.metrics[3], kBatch * kSteps);
  EXPECT_NEAR(outcome.metrics[0], reference.metrics[0], 1e-4);
}

TEST_P(TrainingStep, TwoRunsAgreeBitForBit) {
  expect_same_bits(train({.device = GetParam()}), train({.device = GetParam()}));
}

TEST_P(TrainingStep, MemoryReuseAndGraphReplayChangeNoBit) {
  const Outcome plain = train({.device = GetParam()});
  expect_same_bits(train({.device = GetParam(), .reuse_memory = false}), plain);
  expect_same_bits(train({.device = GetParam()}, {.use_graph = true}), plain);
}

TEST_P(TrainingStep, PassesKeepTheResult) {
  const PassOptions off{.remove_dead_nodes = false, .fuse = false, .hoist_updates = false};
  expect_close(train({.device = GetParam()}), train({.device = GetParam(), .passes = off}), 1e-5);
}

TEST(LeNet5, HasThePapersParameters) {
  const TrainingGraph made = lenet_training();
  std::map<std::string, Shape> shapes;
  int64_t count = 0;
  for (Value weight : parameters(made.graph)) {
    shapes[made.graph.info(weight).name] = made.graph.shape(weight);
    count += made.graph.shape(weight).elements();
  }
  EXPECT_EQ(count, 61706);  // 156 + 2,416 + 48,120 + 10,164 + 850
  EXPECT_EQ(shapes.size(), 10u);
  EXPECT_EQ(shapes["conv2.weight"], (Shape{16, 5, 5, 6}));
  EXPECT_EQ(shapes["fc2.bias"], (Shape{10}));
}

TEST(LeNet5, RefusesOtherImageSizes) {
  Graph graph;
  const Value image = graph.input("image", {DType::f32, {1, 30, 30, 1}});
  EXPECT_THROW(find_model("lenet5").build(Scope(graph), image, {}), Error);
  EXPECT_THROW(find_model("lenet6"), Error);
}

TEST(Plan, TrainingPeakIsBelowTheNaiveSum) {
  TrainingGraph made = lenet_training();
  const Plan plan(made.graph, {made.loss}, {});
  EXPECT_LT(plan.arena_bytes(), plan.naive_bytes());
  EXPECT_GE(plan.arena_bytes(), plan.lower_bound_bytes());
}

INSTANTIATE_TEST_SUITE_P(Devices, TrainingStep, testing::ValuesIn(available_devices()),
                         [](const auto& info) {
                           std::string name = to_string(info.param);
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

}  // namespace
}  // namespace voluta
