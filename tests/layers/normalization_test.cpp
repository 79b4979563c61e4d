// Normalisation layers in plans: names of their states, running statistics over steps, gradients.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>
#include <voluta/core/random.h>
#include <voluta/layers/loss.h>
#include <voluta/layers/normalization.h>

#include <cmath>

namespace voluta {
namespace {

const Shape kPicture{2, 3, 2, 3};  // 12 rows of 3 channels

std::vector<Device> devices() {
  std::vector<Device> found;
#ifndef VOLUTA_SIMT
  found.push_back({DeviceType::kCpu, 0});
#endif
  if (linked_cuda_runtime().device_count() > 0) found.push_back({DeviceType::kCuda, 0});
  return found;
}

Tensor picture(uint64_t step) {
  Tensor x(DType::f32, kPicture);
  Random random(7, step);
  for (float& value : x.data<float>()) value = static_cast<float>(3 + 2 * random.next_normal());
  return x;
}

struct Moments {
  double mean = 0, unbiased = 0;
};
Moments moments(const Tensor& x, int64_t channel) {
  Moments of;
  const auto values = x.data<float>();
  const int64_t channels = kPicture[3], rows = x.elements() / channels;
  for (int64_t r = 0; r < rows; ++r) of.mean += values[r * channels + channel] / double(rows);
  for (int64_t r = 0; r < rows; ++r) {
    const double d = values[r * channels + channel] - of.mean;
    of.unbiased += d * d / double(rows - 1);
  }
  return of;
}

TEST(BatchNormLayer, NamesItsStatesAsPyTorch) {
  Graph graph;
  const Value x = graph.input("x", {DType::f32, kPicture});
  batch_norm(Scope(graph)["layer1"][0]["bn1"], x);
  std::vector<std::string> names;
  for (const ValueInfo& info : graph.values()) {
    if (info.kind == ValueKind::kState) names.push_back(info.name);
  }
  const std::string path = "layer1.0.bn1.";
  EXPECT_EQ(names, (std::vector<std::string>{path + "weight", path + "bias", path + "running_mean",
                                             path + "running_var", path + "num_batches_tracked"}));
}

// Three steps; then the evaluation graph of the same session normalises with what they left.
TEST(BatchNormLayer, KeepsRunningStatistics) {
  for (const Device device : devices()) {
    Session session(device);
    Graph graph;
    const Value x = graph.input("x", {DType::f32, kPicture});
    const Value y = batch_norm(Scope(graph, {.training = true})["bn"], x, {.momentum = 0.25});
    Executor training(Plan(graph, {y}, {.device = device}), session);
    double mean = 0, var = 1;  // of channel 2
    for (uint64_t step = 0; step < 3; ++step) {
      training.feed(x, picture(step));
      training.run();
      const Moments batch = moments(picture(step), 2);
      mean = 0.75 * mean + 0.25 * batch.mean;
      var = 0.75 * var + 0.25 * batch.unbiased;
    }
    const Tensor running_mean = session.read_state("bn.running_mean");
    const Tensor running_var = session.read_state("bn.running_var");
    EXPECT_NEAR(running_mean.data<float>()[2], mean, 1e-6 * mean);
    EXPECT_NEAR(running_var.data<float>()[2], var, 1e-6 * var);
    EXPECT_EQ(session.read_state("bn.num_batches_tracked").item<int64_t>(), 3);

    Graph evaluation;
    const Value image = evaluation.input("x", {DType::f32, kPicture});
    const Value out = batch_norm(Scope(evaluation)["bn"], image);
    Executor executor(Plan(evaluation, {out}, {.device = device}), session);
    executor.feed(image, picture(9));
    executor.run();
    const Tensor in = picture(9), normalised = executor.read(out);
    const double want = (in.data<float>()[2] - mean) / std::sqrt(var + 1e-5);
    EXPECT_NEAR(normalised.data<float>()[2], want, 1e-5 * (1 + std::fabs(want)));
    EXPECT_EQ(session.read_state("bn.num_batches_tracked").item<int64_t>(), 3);
  }
}

TEST(BatchNormLayer, NamesItselfInErrors) {
  Graph graph;
  const Value x = graph.input("x", {DType::f32, {1, 1, 1, 4}});
  try {
    batch_norm(Scope(graph, {.training = true})["stem"]["bn"], x);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("stem.bn: "), 0u) << error.what();
  }
}

TEST(LocalResponseNormLayer, DividesByItsNeighboursEnergy) {
  for (const Device device : devices()) {
    Session session(device);
    Graph graph;
    const Value x = graph.input("x", {DType::f32, kPicture});
    const Value y = local_response_norm(Scope(graph)["norm"], x, {.size = 2, .alpha = 1, .k = 2});
    Executor executor(Plan(graph, {y}, {.device = device}), session);
    executor.feed(x, picture(0));
    executor.run();
    const Tensor in = picture(0), out = executor.read(y);
    const double below = in.data<float>()[0], own = in.data<float>()[1];
    const double want = own * std::pow(2 + (below * below + own * own) / 2, -0.75);
    EXPECT_NEAR(out.data<float>()[1], want, 1e-6 * std::fabs(want));
  }
}

}  // namespace
}  // namespace voluta
