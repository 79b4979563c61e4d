// A parameter used in several places has one state, one gradient, the sum of what each use adds, and
// one update a step. goldens/weight_tying.safetensors holds PyTorch's numbers.

#include "judge/tests_folder.h"

#include <gtest/gtest.h>
#include <voluta/core/graph/executor.h>
#include <voluta/io/safetensors.h>
#include <voluta/kernels/linear/linear.h>
#include <voluta/kernels/optimizer/optimizer.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/loss.h>

#include <algorithm>
#include <cmath>

namespace voluta {
namespace {

struct Tied {
  Graph graph;
  Value x, target, lr, loss;
  std::vector<Value> weights, gradients;
};

// Two layers of one path share its parameter; the update is appended for each parameter.
Tied tied_network() {
  Tied made;
  Graph& graph = made.graph;
  made.x = graph.input("x", {DType::f32, {4, 6}});
  made.target = graph.input("target", {DType::f32, {4, 6}});
  made.lr = graph.input("lr", {DType::f32, {}});
  const Scope scope(graph, {.training = true}), shared = scope["shared"];
  const LinearLayer layer{.features = 6, .bias = false};
  const Value hidden = tanh(scope, linear(shared, made.x, layer));
  made.loss = squared_error(scope, tanh(scope, linear(shared, hidden, layer)), made.target);
  made.weights = parameters(graph);
  made.gradients = backward(graph, made.loss, made.weights);
  graph.set_pass("update");
  for (std::size_t i = 0; i < made.weights.size(); ++i) {
    const ValueInfo info = graph.info(made.weights[i]);
    const Value momentum =
        graph.state("momentum." + info.name, info.type, StateRole::kOptimizer, nullptr);
    graph.add_all<SgdUpdate>({.momentum = 0.9},
                             {made.weights[i], made.gradients[i], momentum, made.lr}, info.name);
  }
  return made;
}

TensorFile golden() {
  return read_safetensors(judge::tests_path("goldens/weight_tying.safetensors"));
}

// ||a - b|| / ||b||, b in f64.
double error(const Tensor& a, const Tensor& b) {
  const auto x = a.data<float>();
  const auto y = b.data<double>();
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    difference += (x[i] - y[i]) * (x[i] - y[i]);
    norm += y[i] * y[i];
  }
  return std::sqrt(difference / norm);
}

// Some 30 roundings at 2^-24 lie between the inputs and each result.
constexpr double kError = 64 * 0x1p-24;

class WeightTying : public testing::TestWithParam<Device> {};

TEST_P(WeightTying, AddsGradientsAndUpdatesOnceAsPyTorch) {
  const TensorFile file = golden();
  const Tied made = tied_network();
  ASSERT_EQ(made.weights.size(), 1u);
  Session session(GetParam());
  Executor executor(Plan(made.graph, {made.loss, made.gradients[0]}, {.device = GetParam()}),
                    session);
  session.write_state("shared.weight", file.tensors.at("weight"));
  Tensor lr(DType::f32, {});
  lr.data<float>()[0] = 0.5f;
  executor.feed(made.x, file.tensors.at("x"));
  executor.feed(made.target, file.tensors.at("target"));
  executor.feed(made.lr, lr);
  executor.run();
  EXPECT_TRUE(error(executor.read(made.loss), file.tensors.at("loss")) <= kError);
  EXPECT_TRUE(error(executor.read(made.gradients[0]), file.tensors.at("grad.weight")) <= kError);
  EXPECT_TRUE(error(session.read_state("shared.weight"), file.tensors.at("weight_after")) <=
              kError);
}

TEST(WeightTyingGraph, HasOneUpdateAParameter) {
  const Tied made = tied_network();
  EXPECT_EQ(std::ranges::count_if(
                made.graph.nodes(),
                [](const Node& node) { return node.problem.op->name == SgdUpdate::kName; }),
            1);
}

INSTANTIATE_TEST_SUITE_P(Devices, WeightTying, testing::ValuesIn(available_devices()),
                         [](const auto& info) {
                           std::string name = to_string(info.param);
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

}  // namespace
}  // namespace voluta
