#include "toy_ops.h"

#include <gtest/gtest.h>
#include <voluta/core/graph/executor.h>

namespace voluta {
namespace {

using namespace toy;

const TensorType kScalar{DType::f32, {}};

float run_scalar(Graph graph, Value wanted, std::map<std::string, float> fed = {}) {
  Session session(Device{});
  Executor executor(Plan(graph, {wanted}, {}), session);
  for (std::size_t i = 0; i < graph.values().size(); ++i) {
    const ValueInfo& info = graph.values()[i];
    if (info.kind == ValueKind::kInput) {
      executor.feed(Value{static_cast<int32_t>(i)}, scalar(fed.at(info.name)));
    }
  }
  executor.run();
  return executor.read(wanted).data<float>()[0];
}

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

TEST(Passes, DeadNodesGoAndUpdatesStay) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value state = graph.state("s", kScalar, StateRole::kMetric, filled(0));
  graph.add<Negate>({}, {x}, "dead");
  const Value wanted = graph.add<Twice>({}, {x}, "wanted");
  graph.add<Advance>({}, {state, x}, "update");
  remove_dead_nodes(graph, std::vector{wanted});
  ASSERT_EQ(graph.nodes().size(), 2u);
  EXPECT_EQ(graph.nodes()[0].path, "wanted");
  EXPECT_EQ(graph.nodes()[1].path, "update");
}

TEST(Passes, FusionFoldsTheOnlyReaderAndKeepsTheResult) {
  for (const bool read_twice : {false, true}) {
    Graph graph;
    const Value x = graph.input("x", kScalar);
    const Value twice = graph.add<Twice>({}, {x}, "");
    Value y = graph.add<Negate>({}, {twice}, "");
    if (read_twice) y = graph.add<Sum>({}, {y, twice}, "");
    const float plain = run_scalar(graph, y, {{"x", 7}});
    Graph fused = graph;
    fuse(fused, std::vector{y});
    EXPECT_EQ(fused.nodes().size(), read_twice ? 3u : 1u);
    EXPECT_EQ(run_scalar(fused, y, {{"x", 7}}), plain);
    EXPECT_EQ(plain, read_twice ? 0 : -14);
  }
}

TEST(Passes, AWantedIntermediateIsNotFusedAway) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value twice = graph.add<Twice>({}, {x}, "");
  const Value y = graph.add<Negate>({}, {twice}, "");
  fuse(graph, std::vector{y, twice});
  EXPECT_EQ(graph.nodes().size(), 2u);
}

std::vector<std::string_view> op_names(const Graph& graph) {
  std::vector<std::string_view> names;
  for (const Node& node : graph.nodes()) names.push_back(node.problem.op->name);
  return names;
}

TEST(Passes, FusionPutsAPreludeInFrontOfTheFusedNode) {
  Graph graph;
  const Value x = graph.input("x", kScalar), z = graph.input("z", kScalar);
  const Value y = graph.add<Difference>({}, {graph.add<Total>({}, {x}, ""), z}, "layer");
  fuse(graph, std::vector{y});
  ASSERT_EQ(op_names(graph), (std::vector<std::string_view>{"toy_negate", "toy_total"}));
  EXPECT_EQ(graph.nodes()[0].path, "layer");
  EXPECT_EQ(run_scalar(graph, y, {{"x", 7}, {"z", 2}}), 5);
}

TEST(Passes, FusionKnowsWhichInputTheProducerFeeds) {
  Graph graph;
  const Value x = graph.input("x", kScalar), z = graph.input("z", kScalar);
  const Value y = graph.add<Difference>({}, {z, graph.add<Total>({}, {x}, "")}, "");
  fuse(graph, std::vector{y});
  EXPECT_EQ(op_names(graph), (std::vector<std::string_view>{"toy_total", "toy_difference"}));
  EXPECT_EQ(run_scalar(graph, y, {{"x", 7}, {"z", 2}}), -5);
}

TEST(Passes, OfTwoProducersTheYoungerAbsorbs) {
  for (const bool swapped : {false, true}) {
    Graph graph;
    const Value x = graph.input("x", kScalar), z = graph.input("z", kScalar);
    const Value old = graph.add<Total>({}, {x}, "old"), young = graph.add<Total>({}, {z}, "young");
    const Value y =
        graph.add<Sum>({}, swapped ? std::vector{young, old} : std::vector{old, young}, "sum");
    fuse(graph, std::vector{y});
    ASSERT_EQ(graph.nodes().size(), 2u);
    EXPECT_EQ(graph.nodes()[1].path, "young");
    EXPECT_EQ(run_scalar(graph, y, {{"x", 7}, {"z", 2}}), 9);
  }
}

TEST(Passes, AProducerOfSeveralValuesAbsorbsTheReaderOfTheFirst) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const std::vector<Value> both = graph.add_all<TwiceAndThrice>({}, {x}, "");
  const Value negated = graph.add<Negate>({}, {both[0]}, "");
  const Value y = graph.add<Sum>({}, {negated, both[1]}, "");
  fuse(graph, std::vector{y});
  EXPECT_EQ(op_names(graph), (std::vector<std::string_view>{"toy_twice_and_thrice", "toy_sum"}));
  EXPECT_EQ(run_scalar(graph, y, {{"x", 7}}), 7);
}

TEST(Passes, AProducerDoesNotMoveBehindAReaderOfItsOtherValues) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const std::vector<Value> both = graph.add_all<TwiceAndThrice>({}, {x}, "");
  const Value between = graph.add<Twice>({}, {both[1]}, "");
  const Value y = graph.add<Sum>({}, {graph.add<Negate>({}, {both[0]}, ""), between}, "");
  fuse(graph, std::vector{y});
  EXPECT_EQ(graph.nodes().size(), 4u);
  EXPECT_EQ(run_scalar(graph, y, {{"x", 7}}), 28);
}

TEST(Passes, AConsumerAbsorbsItsProducer) {
  Graph graph;
  const Value x = graph.input("x", kScalar), s = graph.input("s", kScalar);
  const Value y = graph.add<Shift>({}, {graph.add<Negate>({}, {x}, ""), s}, "");
  absorb(graph, std::vector{y});
  EXPECT_EQ(op_names(graph), (std::vector<std::string_view>{"toy_shift"}));
  EXPECT_EQ(run_scalar(graph, y, {{"x", 7}, {"s", 2}}), -5);
}

// The other readers of the value stand in front of the consumer or behind it, or it is wanted.
TEST(Passes, AnAbsorbedValueWithOtherReadersIsPutOut) {
  for (const bool before : {false, true}) {
    Graph graph;
    const Value x = graph.input("x", kScalar), s = graph.input("s", kScalar);
    const Value negated = graph.add<Negate>({}, {x}, "");
    const Value early = before ? graph.add<Twice>({}, {negated}, "") : x;
    const Value shifted = graph.add<Shift>({}, {negated, s}, "");
    const Value late = graph.add<Sum>({}, {shifted, before ? early : negated}, "");
    absorb(graph, std::vector{late});
    EXPECT_EQ(op_names(graph)[0], "toy_shift");
    EXPECT_EQ(graph.nodes().size(), before ? 3u : 2u);
    EXPECT_EQ(run_scalar(graph, late, {{"x", 7}, {"s", 2}}), before ? -19 : -12);
    EXPECT_EQ(run_scalar(graph, negated, {{"x", 7}, {"s", 2}}), -7);
  }
}

TEST(Passes, OnlyOneConsumerAbsorbsAProducer) {
  Graph graph;
  const Value x = graph.input("x", kScalar), s = graph.input("s", kScalar);
  const Value negated = graph.add<Negate>({}, {x}, "");
  const Value a = graph.add<Shift>({}, {negated, s}, ""),
              b = graph.add<Shift>({}, {negated, a}, "");
  absorb(graph, std::vector{b});
  EXPECT_EQ(op_names(graph), (std::vector<std::string_view>{"toy_shift", "toy_shift"}));
  EXPECT_EQ(run_scalar(graph, b, {{"x", 7}, {"s", 2}}), -12);
}

// Its other input does not exist yet where the producer stands.
TEST(Passes, AConsumerThatCannotMoveUpAbsorbsNothing) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value negated = graph.add<Negate>({}, {x}, "");
  const Value twice = graph.add<Twice>({}, {negated}, "");
  const Value y = graph.add<Shift>({}, {negated, twice}, "");
  absorb(graph, std::vector{y});
  EXPECT_EQ(graph.nodes().size(), 3u);
  EXPECT_EQ(run_scalar(graph, y, {{"x", 7}}), -21);
}

const Engine* first_engine(const Problem& problem) {
  return &problem.op->engines()[0];
}

// Only the first reader is served, and the value itself is still there for others.
TEST(Passes, ARequestedOutputIsReadByWhoAskedForIt) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value a = graph.add<Source>({}, {x}, "");
  const Value served = graph.add<Tens>({}, {a}, ""), late = graph.add<Tens>({}, {a}, "");
  request(graph, first_engine);
  EXPECT_EQ(op_names(graph), (std::vector<std::string_view>{"toy_source", "toy_tens", "toy_tens"}));
  EXPECT_EQ(run_scalar(graph, served, {{"x", 3}}), 27);
  EXPECT_EQ(run_scalar(graph, late, {{"x", 3}}), -30);
  EXPECT_EQ(run_scalar(graph, a, {{"x", 3}}), -3);
}

// b is an input or comes first: the producer can have it. Where b comes later, it cannot.
TEST(Passes, AProducerBorrowsTheConsumersInputsWhereTheyExist) {
  const auto result = [](bool early, bool late) {
    Graph graph;
    const Value x = graph.input("x", kScalar);
    Value b = graph.input("b", kScalar);
    if (early) b = graph.add<Twice>({}, {b}, "");
    const Value a = graph.add<Source>({}, {x}, "");
    if (late) b = graph.add<Twice>({}, {b}, "");
    const Value y = graph.add<TensAndMore>({}, {a, b}, "");
    request(graph, first_engine);
    EXPECT_EQ(graph.nodes().size(), early || late ? 3u : 2u);
    return run_scalar(graph, y, {{"x", 3}, {"b", 100}});
  };
  EXPECT_EQ(result(false, false), 127);
  EXPECT_EQ(result(true, false), 227);
  EXPECT_EQ(result(false, true), 170);
}

// Where no engine computes more, or another one than without.
TEST(Passes, NoRequestChangesAnEngine) {
  const auto refuses = [](const EngineOf& engine_of) {
    Graph graph;
    const Value x = graph.input("x", kScalar);
    const Value y = graph.add<Tens>({}, {graph.add<Source>({}, {x}, "")}, "");
    request(graph, engine_of);
    EXPECT_EQ(run_scalar(graph, y, {{"x", 3}}), -30);
  };
  refuses([](const Problem&) -> const Engine* { return nullptr; });
  refuses([](const Problem& problem) {
    return problem.outputs.size() == 2 ? &op<Tens>().engines()[0] : first_engine(problem);
  });
  refuses([](const Problem& problem) {
    return problem.inputs.size() == 2 ? nullptr : first_engine(problem);
  });
}

TEST(Passes, UpdatesMoveUpBehindTheLastReaderOfTheState) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value state = graph.state("s", kScalar, StateRole::kParameter, filled(10));
  const Value gradient = graph.add<Twice>({}, {x}, "gradient");
  const Value reader = graph.add<Sum>({}, {state, gradient}, "reader");
  const Value last = graph.add<Negate>({}, {reader}, "last");
  graph.add<Advance>({}, {state, gradient}, "update");
  hoist_updates(graph);
  std::vector<std::string> order;
  for (const Node& node : graph.nodes()) order.push_back(node.path);
  EXPECT_EQ(order, (std::vector<std::string>{"gradient", "reader", "update", "last"}));
  EXPECT_EQ(run_scalar(graph, last, {{"x", 1}}), -12);  // the old state was read
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
  EXPECT_EQ(first.read(state).data<float>()[0], 6);
  EXPECT_EQ(session.read_state("s").data<float>()[0], 6);
  session.write_state("s", scalar(0));
  first.run();
  EXPECT_EQ(session.read_state("s").data<float>()[0], 2);
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
  EXPECT_EQ(executor.read(y).data<float>()[3], -4);
  feed({vector({5}), vector({6, 7})});
  EXPECT_EQ(executor.read(y).data<float>()[0], -5);
  EXPECT_EQ(executor.read(y).data<float>()[2], -7);
  EXPECT_THROW(feed({vector({1, 2, 3}), vector({4, 5})}), Error);
}

}  // namespace
}  // namespace voluta
