// Dropout in plans: what is dropped belongs to the layer and the step, and comes again.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>
#include <voluta/layers/dropout.h>

namespace voluta {
namespace {

constexpr int64_t kCount = 10'000;

// dropout of ones at a path and step.
std::vector<float> dropped(const std::string& path, int64_t step, double probability) {
#ifdef VOLUTA_SIMT
  const Device device{DeviceType::kCuda, 0};
#else
  const Device device{DeviceType::kCpu, 0};
#endif
  Graph graph;
  const Value x = graph.input("x", {DType::f32, {kCount}});
  const Scope scope(graph, {.training = true, .seed = 3});
  const Value y = dropout(scope[path], x, probability);
  Session session(device);
  Executor executor(Plan(graph, {y}, {.device = device}), session);
  Tensor ones(DType::f32, {kCount}), now(DType::i64, Shape{});
  for (float& value : ones.data<float>()) value = 1;
  now.data<int64_t>()[0] = step;
  executor.feed(x, ones);
  executor.feed(graph.find_input("step"), now);
  executor.run();
  const Tensor out = executor.read(y);
  return {out.data<float>().begin(), out.data<float>().end()};
}

TEST(DropoutLayer, BelongsToLayerAndStep) {
  const std::vector<float> first = dropped("drop1", 5, 0.25);
  EXPECT_EQ(first, dropped("drop1", 5, 0.25));
  EXPECT_NE(first, dropped("drop1", 6, 0.25));
  EXPECT_NE(first, dropped("drop2", 5, 0.25));
}

// Binomial: 4.5 deviations, sqrt(10,000 * 0.25 * 0.75) = 43.3 each.
TEST(DropoutLayer, DropsItsShare) {
  int64_t zeros = 0;
  for (float value : dropped("drop", 0, 0.25)) {
    if (value == 0) ++zeros;
    EXPECT_TRUE(value == 0 || value == static_cast<float>(1 / 0.75)) << value;
  }
  EXPECT_NEAR(zeros, 2500, 195);
}

TEST(DropoutLayer, IsTheIdentityOutsideTraining) {
  Graph graph;
  const Value x = graph.input("x", {DType::f32, {4}});
  EXPECT_EQ(dropout(Scope(graph)["drop"], x, 0.5), x);
  EXPECT_FALSE(graph.find_input("step"));
  EXPECT_THROW(dropout(Scope(graph)["drop"], x, 1.5), Error);
}

}  // namespace
}  // namespace voluta
