// Random graphs: whatever memory the planner lets values share, the results are those of a plan in
// which every value has its own bytes.

#include "toy_ops.h"

#include <gtest/gtest.h>
#include <voluta/core/graph/executor.h>
#include <voluta/core/random.h>

namespace voluta {
namespace {

using namespace toy;

struct RandomGraph {
  Graph graph;
  std::vector<Value> inputs, wanted;
};

RandomGraph random_graph(uint64_t seed) {
  Random random(seed);
  RandomGraph made;
  const TensorType type{DType::f32, {1 + random.next_below(200)}};
  std::vector<Value> values;
  for (int i = 0; i < 3; ++i) {
    made.inputs.push_back(made.graph.input("x" + std::to_string(i), type));
    values.push_back(made.inputs.back());
  }
  values.push_back(made.graph.state("s", type, StateRole::kParameter, filled(0.5f)));
  const auto any = [&] { return values[random.next_below(static_cast<uint32_t>(values.size()))]; };
  for (int i = 0; i < 30; ++i) {
    switch (random.next_below(4)) {
      case 0:
        values.push_back(made.graph.add<Sum>({}, {any(), any()}, ""));
        break;
      case 1:
        values.push_back(made.graph.add<Product>({}, {any(), any()}, ""));
        break;
      case 2:
        values.push_back(made.graph.add<Negate>({}, {any()}, ""));
        break;
      default:
        values.push_back(made.graph.add<Twice>({}, {any()}, ""));
        break;
    }
  }
  made.wanted = {values[values.size() - 1], values[values.size() - 5], values[values.size() - 9]};
  made.wanted.push_back(made.graph.add<Advance>({}, {values[3], values.back()}, "update"));
  return made;
}

std::vector<Tensor> results(const RandomGraph& made, const PlanOptions& options) {
  Session session(Device{});
  Executor executor(Plan(made.graph, made.wanted, options), session);
  Random random(99);
  for (Value input : made.inputs) {
    Tensor tensor(made.graph.type(input));
    for (float& x : tensor.data<float>()) x = static_cast<float>(random.next_uniform(-1, 1));
    executor.feed(input, tensor);
  }
  executor.run();
  executor.run();  // a second run starts from the state that the first one left
  std::vector<Tensor> read;
  for (Value value : made.wanted) read.push_back(executor.read(value));
  return read;
}

TEST(PlanProperty, SharingMemoryAndPassesDoNotChangeResults) {
  const PassOptions no_passes{.remove_dead_nodes = false, .fuse = false, .hoist_updates = false};
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const RandomGraph made = random_graph(seed);
    const auto expected = results(made, {.passes = no_passes, .reuse_memory = false});
    for (const PlanOptions& options :
         {PlanOptions{}, PlanOptions{.passes = no_passes}, PlanOptions{.reuse_memory = false}}) {
      const auto actual = results(made, options);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto a = actual[i].data<float>(), e = expected[i].data<float>();
        for (std::size_t j = 0; j < e.size(); ++j) {
          ASSERT_EQ(std::bit_cast<uint32_t>(a[j]), std::bit_cast<uint32_t>(e[j]))
              << "seed " << seed << ", value " << i << ", element " << j;
        }
      }
    }
  }
}

TEST(PlanProperty, ThePlanIsNeverLargerThanTheSumAndNeverSmallerThanTheBound) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const RandomGraph made = random_graph(seed);
    const Plan plan(made.graph, made.wanted, {});
    EXPECT_GE(plan.arena_bytes(), plan.lower_bound_bytes());
    const Plan wasteful(made.graph, made.wanted, {.reuse_memory = false});
    EXPECT_LE(plan.arena_bytes(), wasteful.arena_bytes());
  }
}

}  // namespace
}  // namespace voluta
