// A chain of layers whose data has 16 bits, beside the same chain in f32: casts of images and
// parameters at one end, of the logits at the other, forward and backward.

#include <voluta/core/graph/autodiff.h>
#include <voluta/core/graph/executor.h>
#include <voluta/judge/reference.h>
#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/flatten/flatten.h>
#include <voluta/kernels/linear/linear.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

#include "judge/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr int64_t kBatch = 4, kSize = 8, kChannels = 8, kFilters = 16, kClasses = 10;

struct Chain {
  Graph graph;
  Value labels, logits, loss;
  std::vector<Value> floating, gradients;  // what is fed, and the loss's gradients of it
};

Chain make_chain(DType data) {
  Chain chain;
  Graph& g = chain.graph;
  const auto given = [&](const char* name, const Shape& shape) {
    chain.floating.push_back(g.input(name, {DType::f32, shape}));
    return chain.floating.back();
  };
  const auto as_data = [&](Value value) {
    return data == DType::f32 ? value : g.add<Cast>({.to = data}, {value}, "cast");
  };
  const auto statistic = [&](const char* name, float first) {
    return g.state(name, {DType::f32, {kFilters}}, StateRole::kBuffer,
                   [first](Tensor& tensor) { std::ranges::fill(tensor.data<float>(), first); });
  };
  const Value images = given("images", {kBatch, kSize, kSize, kChannels});
  const Value filters = given("filters", {kFilters, 3, 3, kChannels});
  const Value weight = given("weight", {kFilters}), shift = given("shift", {kFilters});
  const Value matrix = given("matrix", {kClasses, kFilters * kSize * kSize / 4});
  const Value bias = given("bias", {kClasses});
  chain.labels = g.input("labels", {DType::i64, {kBatch}});
  const Value mean = statistic("mean", 0), variance = statistic("variance", 1);
  const Value batches = g.state("batches", {DType::i64, {}}, StateRole::kBuffer, [](Tensor&) {});

  Value x = g.add<Conv2d>({.padding = 1}, {as_data(images), as_data(filters)}, "conv");
  x = g.add<BatchNormTraining>({}, {x, weight, shift, mean, variance, batches}, "norm");
  x = g.add<Activation>({.kind = ActivationKind::kRelu}, {x}, "relu");
  x = g.add<Pool2d>({.mode = PoolMode::kAverage, .window = {2, 2}, .stride = {2, 2}}, {x}, "pool");
  x = g.add<Flatten>({}, {x}, "flatten");
  x = g.add<Linear>({}, {x, as_data(matrix), as_data(bias)}, "linear");
  chain.logits = data == DType::f32 ? x : g.add<Cast>({.to = DType::f32}, {x}, "cast");
  chain.loss = g.add<SoftmaxCrossEntropy>({}, {chain.logits, chain.labels}, "loss");
  chain.gradients = gradients(g, chain.loss, chain.floating, [&](Value a, Value b) {
    return g.add<Add>({}, {a, b}, "sum");
  });
  return chain;
}

// The logits, then the gradients.
Tensors run_chain(DType data, Device device) {
  const Chain chain = make_chain(data);
  std::vector<Value> wanted = {chain.logits};
  wanted.insert(wanted.end(), chain.gradients.begin(), chain.gradients.end());
  Session session(device);
  Executor executor(Plan(chain.graph, wanted, {.device = device}), session);
  Random random(5);
  for (const Value value : chain.floating) {
    Tensor tensor(chain.graph.type(value));
    for (float& element : tensor.data<float>()) element = static_cast<float>(random.next_normal());
    executor.feed(value, tensor);
  }
  Tensor labels(chain.graph.type(chain.labels));
  for (int64_t& label : labels.data<int64_t>()) label = random.next_below(kClasses);
  executor.feed(chain.labels, labels);
  executor.run();
  Tensors results;
  for (const Value value : wanted) {
    EXPECT_EQ(chain.graph.type(value).dtype, DType::f32);
    results.push_back(executor.read(value));
  }
  return results;
}

double relative_difference(const Tensor& of, const Tensor& from) {
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < of.elements(); ++i) {
    difference += std::pow(value_at(of, i) - value_at(from, i), 2);
    norm += std::pow(value_at(from, i), 2);
  }
  return std::sqrt(difference / norm);
}

// Seven tensors are rounded on the way to the logits and as many on the way back, each by u of its
// norm at most. Of relu's arguments a share of no more than 14 u lies so near to 0 that rounding
// takes it to the other side, and its gradient with it: the root of that share of the norm.
TEST(HalfNetwork, DiffersFromF32ByRoundings) {
  for (const Device device : available_devices()) {
    const Tensors exact = run_chain(DType::f32, device);
    for (const DType data : {DType::bf16, DType::f16}) {
      const Tensors half = run_chain(data, device);
      const double roundings = 14 * unit_roundoff(data);
      for (std::size_t i = 0; i < exact.size(); ++i) {
        const double difference = relative_difference(half[i], exact[i]);
        const double allowed = i == 0 ? roundings : roundings + std::sqrt(roundings);
        EXPECT_TRUE(difference > 0 && difference <= allowed)
            << to_string(device) << " " << name_of(data) << ", result " << i << " differs by "
            << difference << ", allowed " << allowed;
      }
    }
  }
}

// The CPU multiplies 16-bit convolutions by their references alone.
TEST(HalfNetwork, EveryRoomThatDataPassesThroughHasAnEngineForIt) {
  for (const char* line : {"cast n2c8 to_f32",
                           "activation n2c8 relu",
                           "activation n2c8 silu",
                           "activation_gradient n2c8 silu",
                           "add n2c8",
                           "scale n2c8 factor2",
                           "bias n2c8",
                           "bias_gradient n2c8",
                           "batch_norm_training n4c8 residual relu",
                           "batch_norm_training_gradient n4c8 relu kept du",
                           "batch_norm_inference n4c8 relu",
                           "batch_norm_inference_gradient n4c8 relu",
                           "pool2d n1h4w4c8r2s2u2 max argmax",
                           "pool2d n1h4w4c8r2s2u2 min",
                           "pool2d n1h4w4c8r2s2u2 average",
                           "max_pool2d_gradient n1h4w4c8r2s2u2 max",
                           "average_pool2d_gradient n1h4w4c8r2s2u2 average",
                           "adaptive_average_pool2d n1h4w4c8oh1ow1",
                           "adaptive_average_pool2d n1h4w4c8oh3ow3",
                           "adaptive_average_pool2d_gradient n1h4w4c8oh1ow1",
                           "concat n2c8 x1=8",
                           "channel_slice n2c8 channels4",
                           "channel_pad n2c8 before8",
                           "dropout n2c8",
                           "flatten n1h2w2c8",
                           "unflatten n1h2w2c8",
                           "local_response_norm n2c8",
                           "local_response_norm_gradient n2c8",
                           "softmax n2k8",
                           "softmax_gradient n2k8",
                           "depthwise_conv2d n1h4w4c8k8r3s3p1",
                           "depthwise_conv2d_input_gradient n1h4w4c8k8r3s3p1",
                           "depthwise_conv2d_filter_gradient n1h4w4c8k8r3s3p1"}) {
    for (const DType data : {DType::bf16, DType::f16}) {
      const Problem problem = parse_problem(with_dtype(line, data));
      for (const DeviceType device : device_types_under_test()) {
        const bool by_reference = std::string_view(line).starts_with("depthwise");
        if (device == DeviceType::kCpu && by_reference) continue;
        EXPECT_TRUE(std::ranges::any_of(problem.op->engines(), [&](const Engine& engine) {
          return engine.device == device && engine.role == EngineRole::kProduct &&
                 engine.supports(problem).ok;
        })) << describe(problem);
      }
    }
  }
}

}  // namespace
}  // namespace voluta::judge
