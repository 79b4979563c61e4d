// A bias of one value an output cell: its parameter, and that fusion leaves it alone.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/linear/linear.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/conv2d.h>
#include <voluta/layers/loss.h>

#include <algorithm>

namespace voluta {
namespace {

struct Network {
  Graph graph;
  Value image, y, loss;
  std::vector<Value> wanted;  // y, loss and the gradients of weight and bias
};

Network network(bool untied) {
  Network made;
  Graph& graph = made.graph;
  made.image = graph.input("image", {DType::f32, {2, 5, 4, 3}});
  const Scope scope(graph, {.training = true, .seed = 9});
  made.y = relu(scope, conv2d(scope["conv"], made.image,
                              {.channels = 6, .kernel = 3, .untied_bias = untied}));
  const Value target = graph.constant(Tensor(graph.type(made.y)));
  made.loss = squared_error(scope, made.y, target);
  made.wanted = backward(graph, made.loss, parameters(graph));
  made.wanted.push_back(made.loss);
  return made;
}

std::vector<Tensor> run(const Network& made, bool fuse) {
  Session session(Device{});
  Executor executor(Plan(made.graph, made.wanted, {.passes = {.fuse = fuse}}), session);
  Tensor image(made.graph.type(made.image));
  Random random(2);
  for (float& pixel : image.data<float>()) pixel = static_cast<float>(random.next_normal());
  executor.feed(made.image, image);
  executor.run();
  std::vector<Tensor> results;
  for (const Value value : made.wanted) results.push_back(executor.read(value));
  return results;
}

TEST(UntiedBias, HasAValueAnOutputCell) {
  const Network made = network(true);
  for (const Value parameter : parameters(made.graph)) {
    const ValueInfo& info = made.graph.info(parameter);
    if (info.name == "conv.bias") {
      EXPECT_EQ(info.type.shape, (Shape{3, 2, 6}));
    }
  }
}

bool has_bias_node(const Graph& graph, const std::vector<Value>& wanted) {
  const Plan plan(graph, wanted, {});
  return std::ranges::any_of(plan.graph().nodes(),
                             [](const Node& node) { return node.problem.op->name == Bias::kName; });
}

TEST(UntiedBias, IsNotFoldedIntoAProducer) {
  const Network untied = network(true), tied = network(false);
  EXPECT_TRUE(has_bias_node(untied.graph, untied.wanted));
  EXPECT_FALSE(has_bias_node(tied.graph, tied.wanted));

  Graph graph;
  const Value x = graph.input("x", {DType::f32, {4, 3}});
  const Value w = graph.input("w", {DType::f32, {5, 3}});
  const Value b = graph.input("b", {DType::f32, {4, 5}});
  const Value y = graph.add<Bias>({}, {graph.add<Linear>({}, {x, w}, "fc"), b}, "bias");
  EXPECT_TRUE(has_bias_node(graph, {y}));
}

// Sums of 27 products and of 12 cells, rounded in another order.
TEST(UntiedBias, FusionKeepsTheResult) {
  const Network made = network(true);
  const std::vector<Tensor> fused = run(made, true), plain = run(made, false);
  for (std::size_t t = 0; t < plain.size(); ++t) {
    const auto a = fused[t].data<float>(), b = plain[t].data<float>();
    for (std::size_t i = 0; i < b.size(); ++i) {
      EXPECT_NEAR(a[i], b[i], 0x1p-24 * 40 * 4) << "tensor " << t << ", element " << i;
    }
  }
}

TEST(UntiedBias, RefusesOtherShapes) {
  const TensorType x{DType::f32, {2, 3, 4, 5}};
  auto shape = [&](Shape bias) {
    const TensorType types[] = {x, {DType::f32, bias}};
    return Bias::infer({}, types)[0].shape;
  };
  EXPECT_EQ(shape({5}), x.shape);
  EXPECT_EQ(shape({4, 5}), x.shape);
  EXPECT_EQ(shape({3, 4, 5}), x.shape);
  EXPECT_THROW(shape({}), Error);
  EXPECT_THROW(shape({4}), Error);
  EXPECT_THROW(shape({3, 5}), Error);
  EXPECT_THROW(shape({1, 2, 3, 4, 5}), Error);
  const TensorType dy[] = {x};
  EXPECT_EQ(BiasGradient::infer({.axes = 3}, dy)[0].shape, (Shape{3, 4, 5}));
  EXPECT_THROW(BiasGradient::infer({.axes = 5}, dy), Error);
  EXPECT_THROW(BiasGradient::infer({.axes = 0}, dy), Error);
}

}  // namespace
}  // namespace voluta
