// An activation folded into a convolution or a fully connected layer gives what it gives alone: in
// inference and in training, for every kind and for slopes that the epilogue does not know.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/linear/linear.h>

#include <algorithm>
#include <cmath>

#include "trained_network.h"

namespace voluta {
namespace {

using enum ActivationKind;

const std::vector<ActivationOptions> kActivations = {
    {kRelu}, {kRelu6},     {kTanh},           {kSigmoid},        {kHardswish},
    {kSilu}, {kLeakyRelu}, {kLeakyRelu, 0.2}, {kLeakyRelu, 0.0}, {kLeakyRelu, -0.5}};

// activate(product(x, w) + b): a pointwise convolution or a matrix product.
Network network(bool convolution, const ActivationOptions& activation) {
  Network made;
  Graph& graph = made.graph;
  const Value x = graph.input("x", {DType::f32, convolution ? Shape{2, 2, 3, 7} : Shape{9, 7}});
  const Value w = graph.input("w", {DType::f32, convolution ? Shape{6, 1, 1, 7} : Shape{6, 7}});
  const Value b = graph.input("b", {DType::f32, {6}});
  const Value product =
      convolution ? graph.add<Conv2d>({}, {x, w}, "conv") : graph.add<Linear>({}, {x, w}, "fc");
  made.y = graph.add<Activation>(activation, {graph.add<Bias>({}, {product, b}, "bias")}, "act");
  made.inputs = {x, w, b};
  return made;
}

// Both round sums of up to 24 products of a few units differently, some at 2^-24 each.
void expect_close(const std::vector<Tensor>& fused, const std::vector<Tensor>& plain) {
  for (std::size_t t = 0; t < plain.size(); ++t) {
    const auto a = fused[t].data<float>(), b = plain[t].data<float>();
    for (std::size_t i = 0; i < b.size(); ++i) {
      EXPECT_TRUE(std::fabs(a[i] - b[i]) <= 0x1p-24 * 24 * 4 * std::max(1.0f, std::fabs(b[i])))
          << "tensor " << t << ", element " << i << ": " << a[i] << " and " << b[i];
    }
  }
}

class ActivationFusion : public testing::TestWithParam<Device> {};

TEST_P(ActivationFusion, KeepsInferenceAndTraining) {
  for (const bool convolution : {true, false}) {
    for (const ActivationOptions& activation : kActivations) {
      SCOPED_TRACE((convolution ? "conv2d " : "linear ") + describe(activation) +
                   std::to_string(activation.negative_slope));
      Network made = network(convolution, activation);
      expect_close(run(made, {made.y}, true, GetParam()), run(made, {made.y}, false, GetParam()));
      const std::vector<Value> wanted = add_training(made);
      expect_close(run(made, wanted, true, GetParam()), run(made, wanted, false, GetParam()));
    }
  }
}

bool has_activation_node(const Plan& plan) {
  return std::ranges::any_of(plan.graph().nodes(), [](const Node& node) {
    return node.problem.op->name == Activation::kName;
  });
}

// In inference all but unknown slopes; in training those whose gradient reads y alone.
TEST(ActivationFusionRule, FoldsWhatTheEpilogueKnowsAndTheGradientAllows) {
  for (const bool convolution : {true, false}) {
    for (const ActivationOptions& activation : kActivations) {
      SCOPED_TRACE(describe(activation));
      const bool known = activation.kind != kLeakyRelu || activation.negative_slope == 0.01;
      const bool from_output = activation.kind != kHardswish && activation.kind != kSilu;
      Network made = network(convolution, activation);
      EXPECT_EQ(has_activation_node(Plan(made.graph, {made.y}, {})), !known);
      const std::vector<Value> wanted = add_training(made);
      EXPECT_EQ(has_activation_node(Plan(made.graph, wanted, {})), !known || !from_output);
    }
  }
}

// A graph fused before it is differentiated has lost what silu's gradient reads.
TEST(ActivationFusionRule, RefusesTheGradientOfAFusedKindThatReadsItsInput) {
  for (const bool convolution : {true, false}) {
    Network made = network(convolution, {kSilu});
    fuse(made.graph, std::vector{made.y});
    EXPECT_THROW(add_training(made), Error);
    Network relu = network(convolution, {kRelu});
    fuse(relu.graph, std::vector{relu.y});
    EXPECT_NO_THROW(add_training(relu));
  }
}

TEST(ActivationLayer, RefusesAnInfiniteSlope) {
  Graph graph;
  const Value x = graph.input("x", {DType::f32, {3}});
  EXPECT_THROW(graph.add<Activation>({kLeakyRelu, INFINITY}, {x}, "act"), Error);
}

INSTANTIATE_TEST_SUITE_P(Devices, ActivationFusion, testing::ValuesIn(available_devices()),
                         [](const auto& info) {
                           std::string name = to_string(info.param);
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

}  // namespace
}  // namespace voluta
