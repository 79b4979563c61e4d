// What an input gradient takes in of its neighbours: the sum with the gradient that comes by a shortcut, and
// the gradient of the activation in front. What passes an activation and a bias before it passes a pooling.
// What batch norms' gradients leave of a bias in front and read of a concatenation behind. A step gives the
// same numbers as with single nodes.

#include <gtest/gtest.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/linear/linear.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/layers/normalization.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

#include "trained_network.h"

namespace voluta {
namespace {

using enum ActivationKind;

Value parameter(Network& net, Shape shape) {
  net.inputs.push_back(
      net.graph.input("p" + std::to_string(net.inputs.size()), {DType::f32, shape}));
  return net.inputs.back();
}
Value convolution(Network& net, Value x, int64_t channels) {
  const Value w = parameter(net, {channels, 3, 3, net.graph.shape(x)[3]});
  return net.graph.add<Conv2d>({.padding = 1}, {x, w}, "conv");
}
Value activated(Network& net, Value x, ActivationKind f) {
  return net.graph.add<Activation>({f}, {x}, "f");
}

// f of a convolution with a bias, then two blocks f(conv(f(conv(x))) + x).
Network residual_network(ActivationKind f) {
  Network net;
  Value x = convolution(net, parameter(net, {2, 6, 5, 3}), 8);
  x = activated(net, net.graph.add<Bias>({}, {x, parameter(net, {8})}, "bias"), f);
  for (int block = 0; block < 2; ++block) {
    const Value inner = convolution(net, activated(net, convolution(net, x, 8), f), 8);
    x = activated(net, net.graph.add<Add>({}, {inner, x}, "add"), f);
  }
  net.y = x;
  return net;
}

// pool(f(conv(x) + b)), twice, and a convolution.
Network pooled_network(ActivationKind f, const Pool2dOptions& pool) {
  Network net;
  Value x = parameter(net, {2, 12, 13, 3});
  for (int stage = 0; stage < 2; ++stage) {
    x = net.graph.add<Bias>({}, {convolution(net, x, 4), parameter(net, {4})}, "bias");
    x = net.graph.add_all<Pool2d>(pool, {activated(net, x, f)}, "pool")[0];
  }
  net.y = convolution(net, x, 4);
  return net;
}

// Of small inputs: relu6 and tanh then let most through.
std::vector<Tensor> run_small(const Network& net, const std::vector<Value>& wanted, bool fuse,
                              Device device) {
  return run(net, wanted, fuse, device, 0.5f);
}

double largest(const Tensor& of) {
  double most = 0;
  for (const float value : of.data<float>()) most = std::max(most, std::fabs(double{value}));
  return most;
}

void expect_close(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (std::size_t t = 0; t < b.size(); ++t) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(b[t].elements()); ++i) {
      EXPECT_NEAR(a[t].data<float>()[i], b[t].data<float>()[i], 1e-5 * largest(b[t]))
          << "tensor " << t << ", element " << i;
    }
  }
}

int64_t count(const Plan& plan, const Op& op) {
  return std::ranges::count_if(plan.graph().nodes(),
                               [&](const Node& node) { return node.problem.op == &op; });
}

class GradientFusion : public testing::TestWithParam<Device> {};

// Engines of CUDA take both in; those of the CPU do not, and there the nodes stay.
TEST_P(GradientFusion, InputGradientsAddTheShortcutAndGate) {
  for (const ActivationKind f : {kRelu, kRelu6, kTanh}) {
    SCOPED_TRACE(name_of(f));
    Network net = residual_network(f);
    const std::vector<Value> wanted = add_training(net);
    const Plan plan(net.graph, wanted, {.device = GetParam()});
    const bool cuda = GetParam().type == DeviceType::kCuda;
    EXPECT_EQ(count(plan, op<Add>()), cuda ? 0 : 2);
    EXPECT_EQ(count(plan, op<ActivationGradient>()), cuda && f != kTanh ? 1 : 5);
    expect_close(run_small(net, wanted, true, GetParam()),
                 run_small(net, wanted, false, GetParam()));
  }
}

// Another reader of dx, or one who wants to see it, gets it as it was.
TEST_P(GradientFusion, AWantedGradientIsNotGated) {
  Network net = residual_network(kRelu);
  std::vector<Value> wanted = add_training(net);
  for (const Node& node : net.graph.nodes()) {
    if (node.problem.op == &op<Conv2dInputGradient>()) wanted.push_back(node.outputs[0]);
  }
  const Plan plan(net.graph, wanted, {.device = GetParam()});
  EXPECT_EQ(count(plan, op<ActivationGradient>()), 5);
  expect_close(run_small(net, wanted, true, GetParam()), run_small(net, wanted, false, GetParam()));
}

std::vector<Node> nodes_of(const Graph& graph, const Op& op) {
  std::vector<Node> found;
  std::ranges::copy_if(graph.nodes(), std::back_inserter(found),
                       [&](const Node& node) { return node.problem.op == &op; });
  return found;
}

// The gradients of f's outputs themselves, which pass no f, of the first layer first.
std::vector<Value> gradients_of_activations(Network& net) {
  for (const Node& node : nodes_of(net.graph, op<Activation>())) {
    net.inputs.push_back(node.outputs[0]);
  }
  const std::vector<Value> wanted = add_training(net);
  return {wanted.end() - 3, wanted.end() - 1};
}

// What reaches the two convolutions in front, and their biases, is f' of all of y on the gradient of all of y,
// though it was found of what was pooled.
void expect_activation_before_pooling(Network net, ActivationKind f, Device device) {
  Graph& graph = net.graph;
  const auto activations = nodes_of(graph, op<Activation>()), pools = nodes_of(graph, op<Pool2d>());
  const std::vector<Value> parameters = net.inputs, of_y = gradients_of_activations(net);
  net.inputs = parameters;
  // Of the last layer first.
  const auto filters = nodes_of(graph, op<Conv2dFilterGradient>()),
             biases = nodes_of(graph, op<BiasGradient>());
  ASSERT_EQ(biases.size(), 2u);
  std::vector<Value> found, expected;
  for (std::size_t i = 0; i < 2; ++i) {
    const Value du =
        graph.add<ActivationGradient>({f}, {activations[i].outputs[0], of_y[i]}, "expected");
    found.push_back(filters[2 - i].inputs[1]);
    expected.push_back(du);
    found.push_back(biases[1 - i].outputs[0]);
    expected.push_back(graph.add<BiasGradient>({.axes = 1}, {du}, "expected"));
    EXPECT_EQ(graph.shape(biases[1 - i].inputs[0]), graph.shape(pools[i].outputs[0]));
  }
  expect_close(run_small(net, found, true, device), run_small(net, expected, true, device));
}

TEST_P(GradientFusion, GradientsPassTheActivationBeforeThePooling) {
  for (const ActivationKind f : {kRelu, kRelu6, kTanh, kLeakyRelu}) {
    for (const PoolMode mode : {PoolMode::kMax, PoolMode::kMin}) {
      for (const int64_t window : {2, 3}) {
        SCOPED_TRACE(std::string(name_of(f)) + " window " + std::to_string(window));
        const Pool2dOptions pool{
            .mode = mode, .window = {window, window}, .padding = window / 3, .save_argmax = true};
        expect_activation_before_pooling(pooled_network(f, pool), f, GetParam());
      }
    }
  }
}

// Batch norms behind biases: of a convolution by itself, of a convolution and a linear layer that have one as
// an input, and one of running statistics. Of the first bias's sum `shortcut` adds another reader.
Network normalised_network(bool shortcut) {
  Network net;
  Graph& graph = net.graph;
  const Scope training(graph, {.training = true}), inference(graph);
  const Value sum = graph.add<Bias>(
      {}, {convolution(net, parameter(net, {3, 6, 5, 3}), 4), parameter(net, {4})}, "bias");
  Value x = activated(net, batch_norm(training["first"], sum), kRelu);
  if (shortcut) x = graph.add<Add>({}, {x, sum}, "add");
  const Value w = parameter(net, {5, 3, 3, 4}), b = parameter(net, {5});
  x = batch_norm(training["second"], graph.add<Conv2d>({.padding = 1}, {x, w, b}, "conv"));
  x = graph.add<Bias>({}, {convolution(net, activated(net, x, kRelu), 4), parameter(net, {4})},
                      "bias");
  x = activated(net, batch_norm(inference["third"], x), kRelu);
  x = graph.add<Flatten>({}, {x}, "flatten");
  const Value rows = parameter(net, {6, 120}), biases = parameter(net, {6});
  net.y = batch_norm(training["last"], graph.add<Linear>({}, {x, rows, biases}, "linear"));
  return net;
}

// Note [A bias in front of batch norm]: what is left of its own statistics is the rounding of dx's sum.
TEST_P(GradientFusion, ABiasInFrontOfBatchNormHasNoGradient) {
  for (const bool shortcut : {false, true}) {
    SCOPED_TRACE(shortcut ? "with another reader" : "with one reader");
    Network net = normalised_network(shortcut);
    const std::vector<Value> wanted = add_training(net);
    EXPECT_EQ(nodes_of(net.graph, op<BiasGradient>()).size(), shortcut ? 2u : 1u);
    const std::vector<Tensor> gradients = run_small(net, wanted, true, GetParam());
    for (std::size_t i = 0; i < net.inputs.size(); ++i) {
      const Shape& shape = net.graph.shape(net.inputs[i]);
      if (shape.rank() != 1) continue;
      const bool counts = net.inputs[i] == net.inputs[6] || (shortcut && i == 2);
      EXPECT_EQ(largest(gradients[i]) > 1e-4, counts) << "input " << i;
      if (!counts) {
        EXPECT_EQ(largest(gradients[i]), 0) << "input " << i;
      }
    }
  }
}

// What a pooling chose of y + b is what it chose of y, plus b.
TEST_P(GradientFusion, NorHasOneInFrontOfAMaximumPoolingInFrontOfBatchNorm) {
  Network net;
  Graph& graph = net.graph;
  const Value y = convolution(net, parameter(net, {3, 6, 8, 3}), 4);
  const Value sum = graph.add<Bias>({}, {y, parameter(net, {4})}, "bias");
  const Pool2dOptions pool{.mode = PoolMode::kMax, .window = {2, 2}, .save_argmax = true};
  const Value pooled = graph.add_all<Pool2d>(pool, {sum}, "pool")[0];
  net.y = activated(net, batch_norm(Scope(graph, {.training = true})["norm"], pooled), kRelu);
  const std::vector<Value> wanted = add_training(net);
  EXPECT_EQ(nodes_of(graph, op<BiasGradient>()).size(), 0u);
  EXPECT_EQ(largest(run_small(net, wanted, true, GetParam())[2]), 0);
}

// Two normalised branches side by side, each behind an activation or both, or with a shortcut.
Network joined_network(ActivationKind inside, ActivationKind behind, bool shortcut) {
  Network net;
  Graph& graph = net.graph;
  const Scope training(graph, {.training = true});
  const Value x = activated(net, convolution(net, parameter(net, {2, 6, 5, 3}), 4), kRelu);
  std::vector<Value> branches;
  for (const int64_t channels : {4, 7}) {
    Value y =
        batch_norm(training["norm" + std::to_string(channels)], convolution(net, x, channels));
    if (shortcut && channels == 4) y = graph.add<Add>({}, {y, x}, "add");
    branches.push_back(inside == kNone ? y : activated(net, y, inside));
  }
  net.y = graph.add<Concat>({}, branches, "concat");
  if (behind != kNone) net.y = activated(net, net.y, behind);
  return net;
}

// Note [A gradient of channels put side by side]
TEST_P(GradientFusion, BatchNormsReadTheirChannelsOfAConcatenationsGradient) {
  for (const auto& [inside, behind, shortcut] : {std::tuple{kNone, kNone, false},
                                                 {kNone, kRelu, false},
                                                 {kNone, kTanh, false},
                                                 {kRelu, kNone, false},
                                                 {kTanh, kNone, false},
                                                 {kRelu, kNone, true},
                                                 {kRelu, kRelu, true}}) {
    SCOPED_TRACE(std::string(name_of(inside)) + " inside, " + std::string(name_of(behind)) +
                 " behind" + (shortcut ? ", a shortcut" : ""));
    Network net = joined_network(inside, behind, shortcut);
    const std::vector<Value> wanted = add_training(net);
    const Plan plan(net.graph, wanted, {.device = GetParam()});
    EXPECT_EQ(count(plan, op<ChannelSlice>()), 0);
    expect_close(run_small(net, wanted, true, GetParam()),
                 run_small(net, wanted, false, GetParam()));
  }
}

// And the sums of dx themselves, of the gradient that reaches the convolution, are such rounding.
TEST_P(GradientFusion, WhatABatchNormSendsBackSumsToNothing) {
  Network net = normalised_network(false);
  const std::vector<Value> trained = add_training(net);
  std::vector<Value> sums, sizes;
  for (const Node& node : nodes_of(net.graph, op<BatchNormTrainingGradient>())) {
    const Value dx = node.outputs[0];
    sizes.push_back(dx);
    sums.push_back(net.graph.add<BiasGradient>({.axes = 1}, {dx}, "sum"));
  }
  ASSERT_EQ(sums.size(), 3u);
  const std::vector<Tensor> sum = run_small(net, sums, true, GetParam());
  const std::vector<Tensor> dx = run_small(net, sizes, true, GetParam());
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const auto rows = static_cast<double>(dx[i].elements() / sum[i].elements());
    EXPECT_LE(largest(sum[i]), 1e-6 * rows * largest(dx[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, GradientFusion, testing::ValuesIn(available_devices()),
                         [](const auto& info) {
                           return std::string(info.param.type == DeviceType::kCpu ? "cpu" : "cuda");
                         });

}  // namespace
}  // namespace voluta
