#include "run_scalar.h"

#include <gtest/gtest.h>

namespace voluta {
namespace {

using namespace toy;

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

// A plan that would take another engine for both than for the producer keeps them apart.
TEST(Passes, FusionKeepsTheProducersEngine) {
  for (const bool keeps : {false, true}) {
    Graph graph;
    const Value x = graph.input("x", kScalar);
    const Value y = graph.add<Negate>({}, {graph.add<Twice>({}, {x}, "")}, "");
    const void* const plain = graph.nodes()[0].problem.options.get();
    fuse(graph, std::vector{y}, [&](const Problem& problem) {
      const bool same = keeps || problem.options.get() == plain;
      return same ? &problem.op->engines()[0] : nullptr;
    });
    EXPECT_EQ(graph.nodes().size(), keeps ? 1u : 2u);
    EXPECT_EQ(run_scalar(graph, y, {{"x", 7}}), -14);
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

// What reads an input, or a state that stays, stays where it is.
TEST(Passes, NodesThatReadStatesThatTheStepUpdatesJoin) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const auto state = [&](const char* name, float value) {
    return graph.state(name, kScalar, StateRole::kMetric, filled(value));
  };
  const Value fixed = state("fixed", 1), moving = state("moving", 10), other = state("other", 20);
  const auto negate = [&](Value v) { return graph.add<NegateEach>({}, {v}, ""); };
  std::vector<Value> summands = {negate(fixed), negate(moving), negate(x), negate(other),
                                 negate(fixed)};
  graph.add<Advance>({}, {moving, x}, "");
  graph.add<Advance>({}, {other, x}, "");
  Value y = summands[0];
  for (std::size_t i = 1; i < summands.size(); ++i) y = graph.add<Sum>({}, {y, summands[i]}, "");
  Graph joined = graph;
  join(joined);
  std::vector<std::size_t> sizes;
  for (const Node& node : joined.nodes()) {
    if (node.problem.op == &op<NegateEach>()) sizes.push_back(node.inputs.size());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 2, 1, 1}));
  for (const Graph& run : {graph, joined}) {
    EXPECT_EQ(run_scalar(run, y, {{"x", 5}}), -(1 + 10 + 5 + 20 + 1));
  }
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

// Both readers compute it themselves: 5 x + 1, where a stored output would be 3 x.
TEST(Passes, AnOutputIsLeftToItsReaders) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value a = graph.add<Deferring>({}, {x}, "");
  const Value y = graph.add<Accepting>({}, {a}, ""), z = graph.add<Accepting>({}, {a}, "");
  const Value sum = graph.add<Sum>({}, {y, z}, "");
  EXPECT_EQ(run_scalar(graph, sum, {{"x", 2}}), 14);
  defer(graph, std::vector{sum}, first_engine);
  EXPECT_EQ(graph.nodes().size(), 4u);
  EXPECT_EQ(run_scalar(graph, sum, {{"x", 2}}), 22);
}

// By a chain of two, of which the second reads what the first left to it.
TEST(Passes, AReaderMayItselfLeaveItsOutput) {
  Graph graph;
  const Value x = graph.input("x", kScalar);
  const Value a = graph.add<Accepting>({}, {graph.add<Deferring>({}, {x}, "")}, "");
  const Value y = graph.add<Accepting>({}, {graph.add<Deferring>({}, {a}, "")}, "");
  defer(graph, std::vector{y}, first_engine);
  EXPECT_EQ(run_scalar(graph, y, {{"x", 2}}), 56);
}

// Its readers would come too late.
TEST(Passes, WhatIsOverwrittenIsReadBefore) {
  Graph graph;
  const Value x = graph.state("x", kScalar, StateRole::kParameter, filled(2));
  const Value a = graph.add<Deferring>({}, {x}, "");
  graph.add<Advance>({}, {x, graph.input("step", kScalar)}, "");
  const Value y = graph.add<Accepting>({}, {a}, "");
  defer(graph, std::vector{y}, first_engine);
  EXPECT_EQ(run_scalar(graph, y, {{"step", 1}}), 7);
}

// Somebody wants it, reads it otherwise or twice, or nobody reads it at all; or an engine would change.
TEST(Passes, AnOutputThatSomebodyNeedsIsStored) {
  const auto result = [](auto build, const EngineOf& engine_of) {
    Graph graph;
    const Value x = graph.input("x", kScalar);
    const Value a = graph.add<Deferring>({}, {x}, "");
    const auto [y, wanted] = build(graph, a);
    defer(graph, wanted, engine_of);
    return run_scalar(graph, y, {{"x", 2}});
  };
  using Built = std::pair<Value, std::vector<Value>>;
  const auto reader = [](Graph& graph, Value a) -> Built {
    const Value y = graph.add<Accepting>({}, {a}, "");
    return {y, {y}};
  };
  const auto wants = [](Graph& graph, Value a) -> Built {
    const Value y = graph.add<Accepting>({}, {a}, "");
    return {y, {y, a}};
  };
  const auto other = [](Graph& graph, Value a) -> Built {
    const Value y = graph.add<Accepting>({}, {a}, ""), z = graph.add<Twice>({}, {a}, "");
    const Value sum = graph.add<Sum>({}, {y, z}, "");
    return {sum, {sum}};
  };
  const auto unread = [](Graph&, Value a) -> Built { return {a, {a}}; };
  const auto twice = [](Graph& graph, Value a) -> Built {
    const Value y = graph.add<Accepting>({}, {a, a}, "");
    return {y, {y}};
  };
  EXPECT_EQ(result(reader, first_engine), 11);
  EXPECT_EQ(result(wants, first_engine), 7);
  EXPECT_EQ(result(other, first_engine), 19);
  EXPECT_EQ(result(unread, first_engine), 6);
  EXPECT_EQ(result(twice, first_engine), 37);
  EXPECT_EQ(result(reader, [](const Problem&) -> const Engine* { return nullptr; }), 7);
  EXPECT_EQ(result(reader,
                   [](const Problem& problem) {
                     return problem.inputs.size() == 2 ? &op<Twice>().engines()[0]
                                                       : first_engine(problem);
                   }),
            7);
  EXPECT_EQ(result(reader,
                   [](const Problem& problem) {
                     const bool deferring = problem.op == &op<Deferring>();
                     return deferring && problem.options_as<DeferOptions>().deferred
                                ? &op<Twice>().engines()[0]
                                : first_engine(problem);
                   }),
            7);
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

}  // namespace
}  // namespace voluta
