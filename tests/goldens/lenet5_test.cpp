// Tier 6: the whole of LeNet-5 against PyTorch: logits, loss and every parameter's gradient. The
// weights come from a formula that make_goldens.py computes too.

#include "judge/gradient_check.h"
#include "judge/reference.h"

#include <voluta/core/graph/executor.h>
#include <voluta/io/layout.h>
#include <voluta/io/safetensors.h>
#include <voluta/layers/loss.h>
#include <voluta/models/registry.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr int64_t kBatch = 4;
constexpr std::array kParameters = {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias",
                                    "conv3.weight", "conv3.bias", "fc1.weight",   "fc1.bias",
                                    "fc2.weight",   "fc2.bias"};

// f32((2 u - 1) scale) with u from stream `stream` of seed 1998, in PyTorch's layout.
Tensor formula(Shape pytorch_shape, uint64_t stream, double scale) {
  Tensor tensor(DType::f32, pytorch_shape);
  Random random(1998, stream);
  for (float& value : tensor.data<float>()) {
    const double u = philox_uniform(random.next_u32());
    value = static_cast<float>((2 * u - 1) * scale);
  }
  return parameter_from_pytorch(tensor);
}

std::string layer_of(const std::string& parameter) {
  return parameter.substr(0, parameter.find('.'));
}

struct Model {
  Graph graph;
  Value image, labels, logits, loss;
  std::vector<Value> parameters, gradients;
  std::map<Value, Tensor> given;
};

Model build() {
  Model m;
  m.image = m.graph.input("image", {DType::f32, {kBatch, 28, 28, 1}});
  m.labels = m.graph.input("labels", {DType::i64, {kBatch}});
  const Scope scope(m.graph, {.training = true});
  m.logits = find_model("lenet5").build(scope, m.image, {}).logits;
  m.loss = softmax_cross_entropy(scope["loss"], m.logits, m.labels);
  for (Value value : parameters(m.graph)) {
    const auto name = std::ranges::find(kParameters, m.graph.info(value).name);
    EXPECT_NE(name, kParameters.end()) << m.graph.info(value).name;
    m.parameters.push_back(value);
  }
  m.gradients = backward(m.graph, m.loss, m.parameters);

  m.given[m.image] = formula({kBatch, 1, 28, 28}, 100, 1);
  Tensor labels(DType::i64, {kBatch});
  for (int64_t n = 0; n < kBatch; ++n)
    labels.data<int64_t>()[static_cast<std::size_t>(n)] = n * 3 % 10;
  m.given[m.labels] = labels;
  std::map<std::string, double> layer_fan_in;
  for (Value value : m.parameters) {
    const std::string& name = m.graph.info(value).name;
    if (name.ends_with(".weight")) {
      const Shape& shape = m.graph.shape(value);
      layer_fan_in[layer_of(name)] = static_cast<double>(shape.elements() / shape[0]);
    }
  }
  for (Value value : m.parameters) {
    const std::string& name = m.graph.info(value).name;
    const auto stream =
        static_cast<uint64_t>(std::ranges::find(kParameters, name) - kParameters.begin());
    const double scale = 1 / std::sqrt(layer_fan_in.at(layer_of(name)));
    m.given[value] = formula(parameter_shape_in_pytorch(m.graph.shape(value)), stream, scale);
  }
  return m;
}

// ||a - b|| / ||b||, NaN where either has one.
double relative_error(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < b.elements(); ++i) {
    difference += std::pow(value_at(a, i) - value_at(b, i), 2);
    norm += std::pow(value_at(b, i), 2);
  }
  return std::sqrt(difference / norm);
}

template <class Read>
void expect_golden(const Model& m, double bound, double gradient_bound, Read&& read) {
  const TensorFile golden = read_safetensors(tests_path("goldens/lenet5.safetensors"));
  EXPECT_TRUE(relative_error(read(m.logits), golden.tensors.at("logits")) <= bound);
  EXPECT_TRUE(relative_error(read(m.loss), golden.tensors.at("loss")) <= bound);
  ASSERT_EQ(m.parameters.size(), kParameters.size());
  for (std::size_t i = 0; i < m.parameters.size(); ++i) {
    const std::string& name = m.graph.info(m.parameters[i]).name;
    const Tensor want = parameter_from_pytorch(golden.tensors.at("grad." + name));
    const double error = relative_error(read(m.gradients[i]), want);
    EXPECT_TRUE(error <= gradient_bound) << name << " " << error;
  }
}

// The file keeps gradients as f32: 2^-24 of each.
TEST(LeNet5Golden, ReferencesInF64) {
  const Model m = build();
  const std::map<Value, Tensor> values = evaluate_f64(m.graph, m.given);
  expect_golden(m, 1e-13, 0x1p-24, [&](Value value) { return values.at(value); });
}

class LeNet5Golden : public testing::TestWithParam<Device> {};

// The bound that the design sets for whole models is 1e-4; seven f32 layers need far less.
TEST_P(LeNet5Golden, PlansInF32) {
  const Model m = build();
  std::vector<Value> wanted = m.gradients;
  wanted.push_back(m.logits);
  wanted.push_back(m.loss);
  Session session(GetParam());
  Executor executor(Plan(m.graph, wanted, {.device = GetParam()}), session);
  for (Value value : m.parameters) {
    session.write_state(m.graph.info(value).name, m.given.at(value));
  }
  executor.feed(m.image, m.given.at(m.image));
  executor.feed(m.labels, m.given.at(m.labels));
  executor.run();
  expect_golden(m, 2e-6, 2e-6, [&](Value value) { return executor.read(value); });
}

INSTANTIATE_TEST_SUITE_P(Devices, LeNet5Golden, testing::ValuesIn(available_devices()),
                         [](const auto& info) {
                           std::string name = to_string(info.param);
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

}  // namespace
}  // namespace voluta::judge
