#include "run_scalar.h"

#include <gtest/gtest.h>

namespace voluta {
namespace {

using namespace toy;

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Graph, StatesAreSharedByNameAndRefuseAnotherType) {
  Graph graph;
  const Value a = graph.state("w", kScalar, StateRole::kParameter, filled(1));
  EXPECT_EQ(a, graph.state("w", kScalar, StateRole::kParameter, filled(2)));
  EXPECT_THROW(graph.state("w", {DType::f32, {2}}, StateRole::kParameter, filled(1)), Error);
  graph.input("x", kScalar);
  EXPECT_THROW(graph.input("x", kScalar), Error);
}

TEST(Graph, AStateOfAnotherRoleIsNamed) {
  Graph graph;
  graph.state("x", {DType::f32, {3}}, StateRole::kParameter, {});
  EXPECT_EQ(
      error_of([&] {
        graph.state("x", {DType::f32, {3}}, StateRole::kBuffer, {});
      }),
      "'x' is already a state of type f32 [3] (parameter); it cannot also be f32 [3] (buffer)");
}

// A value has the same place in both graphs; a graph takes its own alone.
TEST(Graph, TakesNoValueOfAnotherGraph) {
  Graph graph, other;
  const Value x = graph.input("x", kScalar), foreign = other.input("x", kScalar);
  EXPECT_NE(x, foreign);
  const std::string message = error_of([&] { graph.add<Sum>({}, {x, foreign}, "layer1.add"); });
  EXPECT_TRUE(message.starts_with("layer1.add: ")) << message;
  EXPECT_NE(message.find("another graph"), std::string::npos) << message;
  const std::string none = error_of([&] { graph.add<Negate>({}, {Value{}}, "layer1.act"); });
  EXPECT_TRUE(none.starts_with("layer1.act: ")) << none;
  EXPECT_TRUE(graph.nodes().empty());

  const Value y = graph.add<Negate>({}, {x}, ""), z = other.add<Negate>({}, {foreign}, "");
  EXPECT_THROW(graph.type(z), Error);
  EXPECT_THROW(Plan(graph, {z}, {}), Error);
  Session session(Device{});
  Executor executor(Plan(graph, {y}, {}), session);
  EXPECT_THROW(executor.feed(foreign, scalar(1)), Error);
  executor.feed(x, scalar(1));
  executor.run();
  EXPECT_THROW(executor.read(z), Error);
}

TEST(Graph, AncestorsAreWhatAValueIsComputedFrom) {
  Graph graph;
  const Value x = graph.input("x", kScalar), y = graph.input("y", kScalar);
  const Value sum = graph.add<Sum>({}, {x, x}, ""), other = graph.add<Negate>({}, {y}, "");
  const Value last = graph.add<Negate>({}, {sum}, "");
  EXPECT_EQ(graph.ancestors({{sum}}), (std::vector<bool>{true, false, true, false, false}));
  EXPECT_EQ(graph.ancestors({{last, other}}), std::vector<bool>(5, true));
  EXPECT_EQ(graph.ancestors({}), std::vector<bool>(5, false));
  EXPECT_THROW(graph.ancestors({{Value{}}}), Error);
}

// Plans work on copies.
TEST(Graph, ACopyTakesTheValuesOfTheOriginal) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  Graph copy = graph;
  EXPECT_EQ(run_scalar(copy, copy.add<Negate>({}, {x}, ""), {{"x", 2}}), -2);
}

TEST(Autodiff, ProductRule) {
  Graph graph;
  const Value x = graph.input("x", kScalar), y = graph.input("y", kScalar);
  const Value loss = graph.add<Sum>({}, {graph.add<Product>({}, {x, y}, ""), x}, "");
  const auto add = [&](Value a, Value b) { return graph.add<Sum>({}, {a, b}, ""); };
  const std::vector<Value> wrt = {x, y}, grads = gradients(graph, loss, wrt, add);
  EXPECT_EQ(run_scalar(graph, grads[0], {{"x", 3}, {"y", 5}}), 6);  // y + 1
  EXPECT_EQ(run_scalar(graph, grads[1], {{"x", 3}, {"y", 5}}), 3);  // x
}

TEST(Autodiff, GradientsOfAValueUsedSeveralTimesAddUp) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value square = graph.add<Product>({}, {x, x}, "");
  const Value loss = graph.add<Product>({}, {square, x}, "");  // x^3
  const auto add = [&](Value a, Value b) { return graph.add<Sum>({}, {a, b}, ""); };
  const std::vector<Value> wrt = {x};
  EXPECT_EQ(run_scalar(graph, gradients(graph, loss, wrt, add)[0], {{"x", 2}}), 12);  // 3 x^2
}

// Of xy and of its double with gradients of their own, at x and at what is computed on the way.
TEST(Autodiff, SeedsAreGradientsOfAnyValue) {
  Graph graph;
  const Value x = graph.input("x", kScalar), y = graph.input("y", kScalar);
  const Value s = graph.input("s", kScalar);
  const Value product = graph.add<Product>({}, {x, y}, "");
  const Value twice = graph.add<Twice>({}, {product}, "");
  const auto add = [&](Value a, Value b) { return graph.add<Sum>({}, {a, b}, ""); };
  const std::vector<Value> wrt = {x, product};
  const std::vector<GradientSeed> seeds = {{twice, s}, {product, y}};
  const std::vector<Value> grads = gradients(graph, seeds, wrt, add);
  const std::map<std::string, float> at = {{"x", 3}, {"y", 5}, {"s", 7}};
  EXPECT_EQ(run_scalar(graph, grads[1], at), 19);  // 2 s + y
  EXPECT_EQ(run_scalar(graph, grads[0], at), 95);  // (2 s + y) y
  const Value wide = graph.input("wide", {kScalar.dtype, {2}});
  const std::vector<GradientSeed> wrong = {{twice, wide}};
  EXPECT_THROW(gradients(graph, wrong, wrt, add), Error);
}

TEST(Autodiff, NamesAParameterThatTheLossIgnores) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value idle = graph.state("idle.weight", kScalar, StateRole::kParameter, filled(1));
  const Value loss = graph.add<Negate>({}, {x}, "");
  const std::vector<Value> wrt = {idle};
  EXPECT_NE(error_of([&] { gradients(graph, loss, wrt, nullptr); }).find("'idle.weight'"),
            std::string::npos);
}

TEST(Plan, AnUpdateThatIsReadAfterwardsIsRefused) {
  Graph graph;
  const Value state = graph.state("s", kScalar, StateRole::kMetric, filled(1));
  const Value moved = graph.add<Advance>({}, {state, state}, "update");
  const Value late = graph.add<Sum>({}, {state, moved}, "late");
  EXPECT_NE(error_of([&] { Plan(graph, {late}, {}); }).find("overwrites 's'"), std::string::npos);
}

TEST(Graph, ABadShapeNamesTheLayer) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Op refusing{
      .name = "refusing",
      .infer = [](const void*, std::span<const TensorType>) -> std::vector<TensorType> {
        invalid("takes nothing");
      }};
  EXPECT_EQ(error_of([&] { graph.add(refusing, nullptr, {x}, "layer1.0.conv2"); }),
            "layer1.0.conv2: takes nothing");
}

TEST(Executor, StatesPersistAndAreSharedBetweenPlans) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value state = graph.state("s", kScalar, StateRole::kMetric, filled(1));
  const Value moved = graph.add<Advance>({}, {state, x}, "");

  Session session(Device{});
  Executor first(Plan(graph, {moved}, {}), session), second(Plan(graph, {moved}, {}), session);
  first.feed(x, scalar(2));
  second.feed(x, scalar(3));
  first.run();
  second.run();
  EXPECT_EQ(first.read(state).item<float>(), 6);
  EXPECT_EQ(session.read_state("s").item<float>(), 6);
  session.write_state("s", scalar(0));
  first.run();
  EXPECT_EQ(session.read_state("s").item<float>(), 2);
}

TEST(Executor, RefusesTheWrongTypeAndWhatIsNoInput) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value y = graph.add<Negate>({}, {x}, "");
  Session session(Device{});
  Executor executor(Plan(graph, {y}, {}), session);
  EXPECT_THROW(executor.feed(x, vector({1, 2})), Error);
  EXPECT_THROW(executor.feed(y, scalar(1)), Error);
}

TEST(Plan, RefusesToWantAValueThatIsNotOfTheGraph) {
  Graph graph, larger;
  graph.input("x", kScalar);
  larger.input("x", kScalar);
  const Value y = larger.add<Negate>({}, {larger.find_input("x")}, "");
  EXPECT_THROW(Plan(graph, {Value{}}, {}), Error);
  EXPECT_THROW(Plan(graph, {y}, {}), Error);
}

// Memory that holds something else, or nothing yet, is an error and no number.
class Misuse : public testing::Test {
 protected:
  Graph graph_;
  Value x_ = graph_.input("x", kScalar);
  Value hidden_ = graph_.add<Negate>({}, {x_}, "hidden");
  Value y_ = graph_.add<Negate>({}, {hidden_}, "y");
  Session session_{Device{}};
  Executor executor_{Plan(graph_, {y_}, {}), session_};
};

TEST_F(Misuse, RunsWithoutAnInput) {
  EXPECT_EQ(error_of([&] { executor_.run(); }), "input 'x' was not fed before the run");
  EXPECT_THROW(executor_.run_observed([](std::size_t, double) {}), Error);
  executor_.feed(x_, scalar(1));
  executor_.run();
  executor_.run();
  EXPECT_EQ(executor_.read(y_).item<float>(), 1);
}

TEST_F(Misuse, ReadsWhatDidNotRun) {
  executor_.feed(x_, scalar(1));
  EXPECT_EQ(error_of([&] { executor_.read(y_); }), "value 'y' was read before the first run");
  EXPECT_EQ(executor_.read(x_).item<float>(), 1);
}

TEST_F(Misuse, ReadsWhatNobodyWanted) {
  executor_.feed(x_, scalar(1));
  executor_.run();
  EXPECT_EQ(error_of([&] { executor_.read(hidden_); }),
            "value 'hidden' is not wanted of this plan and cannot be read");
  EXPECT_THROW(executor_.run_observed([](std::size_t, double) { invalid("seen enough"); }), Error);
  EXPECT_THROW(executor_.read(hidden_), Error) << "the observer has ended, by an error";
}

TEST(Executor, ReadsEveryValueOfAPlanThatDoesNotReuseMemory) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value hidden = graph.add<Negate>({}, {x}, ""), y = graph.add<Negate>({}, {hidden}, "");
  Session session(Device{});
  Executor executor(Plan(graph, {y}, {.reuse_memory = false}), session);
  executor.feed(x, scalar(2));
  executor.run();
  EXPECT_EQ(executor.read(hidden).item<float>(), -2);
}

TEST_F(Misuse, AsksForAStateThatIsNotThere) {
  EXPECT_EQ(error_of([&] { (void)session_.state_type("w"); }), "the session has no state 'w'");
}

TEST(Executor, TakesAnInputInParts) {
  Graph graph;
  const Value x = graph.input("x", {DType::f32, {4}});
  const Value y = graph.add<Negate>({}, {x}, "");
  Session session(Device{});
  Executor executor(Plan(graph, {y}, {}), session);
  const auto feed = [&](const std::vector<Tensor>& tensors) {
    std::vector<Executor::Bytes> parts;
    for (const Tensor& t : tensors) {
      parts.emplace_back(static_cast<const std::byte*>(t.raw()), t.bytes());
    }
    executor.feed_parts(x, parts);
    executor.run();
  };
  feed({vector({1, 2, 3}), vector({4})});
  const Tensor first = executor.read(y);
  EXPECT_EQ(first.data<float>()[3], -4);
  feed({vector({5}), vector({6, 7})});
  const Tensor second = executor.read(y);
  EXPECT_EQ(second.data<float>()[0], -5);
  EXPECT_EQ(second.data<float>()[2], -7);
  EXPECT_THROW(feed({vector({1, 2, 3}), vector({4, 5})}), Error);
}

}  // namespace
}  // namespace voluta
