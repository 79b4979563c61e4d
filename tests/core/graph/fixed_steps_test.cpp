// Steps that compute the same in every run: they run once and whenever a state that they read has
// changed, whoever changed it, and nothing writes over what they computed.

#include "run_scalar.h"

#include <gtest/gtest.h>
#include <voluta/core/random.h>

#include <bit>
#include <cstdlib>

namespace voluta {
namespace {

using namespace toy;

int counted_runs = 0, runs_until_failure = -1;

// a -> 3 a. Counts its runs, and fails at one where a test says so.
struct Counted : Elementwise, NotDifferentiable {
  static constexpr std::string_view kName = "toy_counted";
  static Execution prepare(const Problem& problem) {
    const int64_t count = problem.outputs[0].shape.elements();
    return {.run = [count](const Args& args, Stream&) {
      ++counted_runs;
      if (runs_until_failure-- == 0) invalid("a step failed");
      for (int64_t i = 0; i < count; ++i) args.out<float>(0)[i] = 3 * args.in<float>(0)[i];
    }};
  }
  static std::span<const Engine> engines() { return prepared_engine<prepare>(); }
};

// y = x + 3 w, of which 3 w is fixed.
class FixedSteps : public testing::Test {
 protected:
  FixedSteps() {
    counted_runs = 0;
    runs_until_failure = -1;
  }

  Value state(Graph& graph, const char* name) const {
    return graph.state(name, kScalar, StateRole::kParameter, filled(1));
  }
  Value thrice(Value value) { return graph_.add<Counted>({}, {value}, "thrice"); }

  float run(Executor& executor, float x) const {
    executor.feed(x_, scalar(x));
    executor.run();
    return executor.read(y_).item<float>();
  }
  // The plan of another executor, which adds `step` to the state.
  Plan plan_of_update(const char* name, float step) const {
    Graph graph;
    graph.add<Advance>({}, {state(graph, name), graph.constant(scalar(step))}, "update");
    return Plan(graph, {}, {});
  }

  Graph graph_;
  Value x_ = graph_.input("x", kScalar), w_ = state(graph_, "w");
  Value y_ = graph_.add<Sum>({}, {x_, thrice(w_)}, "y");
  Session session_{Device{}};
};

TEST_F(FixedSteps, RunOnce) {
  Executor executor(Plan(graph_, {y_}, {}), session_);
  ASSERT_EQ(executor.plan().fixed_steps(), 1U);
  EXPECT_TRUE(executor.plan().steps()[0].fixed);
  EXPECT_FALSE(executor.plan().steps()[1].fixed);
  for (const float x : {1.0f, 2.0f, 3.0f}) EXPECT_EQ(run(executor, x), x + 3);
  EXPECT_EQ(counted_runs, 1);
}

TEST_F(FixedSteps, CanBeSwitchedOff) {
  Executor executor(Plan(graph_, {y_}, {.keep_fixed = false}), session_);
  EXPECT_EQ(executor.plan().fixed_steps(), 0U);
  for (const float x : {1.0f, 2.0f, 3.0f}) EXPECT_EQ(run(executor, x), x + 3);
  EXPECT_EQ(counted_runs, 3);
}

TEST_F(FixedSteps, RunAgainAfterAStateWasWritten) {
  Executor executor(Plan(graph_, {y_}, {}), session_);
  session_.write_state("w", scalar(2));
  EXPECT_EQ(run(executor, 1), 7);
  session_.write_state("w", scalar(5));
  EXPECT_EQ(run(executor, 1), 16);
  EXPECT_EQ(run(executor, 2), 17);
  EXPECT_EQ(counted_runs, 2);
}

TEST_F(FixedSteps, RunAgainAfterAnotherPlanUpdatedAState) {
  Executor executor(Plan(graph_, {y_}, {}), session_);
  Executor update(plan_of_update("w", 10), session_), other(plan_of_update("v", 10), session_);
  EXPECT_EQ(run(executor, 1), 4);
  update.run();
  EXPECT_EQ(run(executor, 1), 34);
  update.run_observed([](std::size_t, double) {});
  EXPECT_EQ(run(executor, 1), 64);
  other.run();
  EXPECT_EQ(run(executor, 1), 64);
  EXPECT_EQ(counted_runs, 3) << "the last update is of a state that nobody here reads";
}

// Each executor by itself.
TEST_F(FixedSteps, RunAgainInEveryExecutor) {
  Executor first(Plan(graph_, {y_}, {}), session_), second(Plan(graph_, {y_}, {}), session_);
  EXPECT_EQ(run(first, 1), run(second, 1));
  session_.write_state("w", scalar(4));
  EXPECT_EQ(run(first, 1), 13);
  EXPECT_EQ(run(second, 1), 13);
  EXPECT_EQ(counted_runs, 4);
}

TEST_F(FixedSteps, AreStillDueAfterOneFailed) {
  y_ = graph_.add<Sum>({}, {y_, thrice(w_)}, "");  // x + 3 w + 3 w
  Executor executor(Plan(graph_, {y_}, {}), session_);
  EXPECT_EQ(run(executor, 1), 7);
  session_.write_state("w", scalar(2));
  runs_until_failure = 1;
  EXPECT_THROW(run(executor, 1), Error);
  EXPECT_EQ(run(executor, 1), 13);
  runs_until_failure = 1;
  EXPECT_THROW(executor.run_observed([](std::size_t, double) {}), Error);
  counted_runs = 0;
  EXPECT_EQ(run(executor, 1), 13);
  EXPECT_EQ(counted_runs, 2);
}

TEST_F(FixedSteps, AreObservedEachTime) {
  Executor executor(Plan(graph_, {y_}, {}), session_);
  executor.feed(x_, scalar(1));
  for (int i = 1; i <= 2; ++i) {
    std::vector<std::size_t> seen;
    executor.run_observed([&](std::size_t step, double) {
      seen.push_back(step);
      const Node& node = executor.plan().graph().nodes()[step];
      EXPECT_EQ(executor.read(node.outputs[0]).item<float>(), step == 0 ? 3 : 4);
    });
    EXPECT_EQ(seen, (std::vector<std::size_t>{0, 1}));
    EXPECT_EQ(counted_runs, i);
  }
  EXPECT_EQ(run(executor, 2), 5);
  EXPECT_EQ(counted_runs, 2) << "what was observed is as good as a run";
}

// Of inputs, of states that the plan updates, and of what either goes into.
TEST_F(FixedSteps, AreNoneOfWhatChanges) {
  const Value moving = state(graph_, "moving");
  const Value before = thrice(moving);  // 3 m
  const Value moved = graph_.add<Advance>({}, {moving, x_}, "update");
  const Value of_input = thrice(x_), mixed = graph_.add<Sum>({}, {thrice(w_), before}, "");
  y_ = graph_.add<Sum>({}, {graph_.add<Sum>({}, {thrice(moved), of_input}, ""), mixed}, "");
  Executor executor(Plan(graph_, {y_}, {}), session_);
  EXPECT_EQ(executor.plan().fixed_steps(), 1U) << "3 w alone";
  EXPECT_EQ(run(executor, 2), 3 * 3 + 3 * 2 + 3 + 3);  // m: 1 -> 3
  EXPECT_EQ(run(executor, 2), 3 * 5 + 3 * 2 + 3 + 9);  // m: 3 -> 5
}

// A node may update what another computed, or a constant: then that is another value in each run.
TEST_F(FixedSteps, AreNoneOfWhatIsWrittenOver) {
  const Value constant = graph_.constant(scalar(1)), computed = thrice(w_);
  const Value of_constant = thrice(constant);
  const Value a = graph_.add<Advance>({}, {constant, x_}, "");  // 1 + x, then 1 + 2 x
  const Value b = graph_.add<Advance>({}, {computed, x_}, "");  // 3 + x, always
  y_ = graph_.add<Sum>({}, {graph_.add<Sum>({}, {a, b}, ""), of_constant}, "");
  Executor executor(Plan(graph_, {y_}, {}), session_);
  EXPECT_EQ(executor.plan().fixed_steps(), 0U);
  EXPECT_EQ(run(executor, 2), 3 + 5 + 3);
  EXPECT_EQ(run(executor, 2), 5 + 5 + 9);
}

// Training that leaves a parameter as it is.
TEST_F(FixedSteps, AreThoseOfFrozenParametersInTraining) {
  const Value trained = state(graph_, "trained");
  const Value product = graph_.add<Product>({}, {thrice(trained), thrice(w_)}, "");
  const Value moved = graph_.add<Advance>({}, {trained, x_}, "update");
  y_ = product;
  Executor executor(Plan(graph_, {y_, moved}, {}), session_);
  EXPECT_EQ(executor.plan().fixed_steps(), 1U);
  EXPECT_EQ(run(executor, 1), 9);
  EXPECT_EQ(run(executor, 1), 18);
  EXPECT_EQ(run(executor, 1), 27);
  EXPECT_EQ(counted_runs, 4);
}

TEST_F(FixedSteps, CountTowardsThePeakWithWhatIsKept) {
  Graph graph;
  const TensorType type{DType::f32, {1000}};  // 4096 bytes in the arena
  const Value x = graph.input("x", type);
  Value fixed = graph.state("w", type, StateRole::kParameter, filled(1)), y = x;
  for (int i = 0; i < 10; ++i) fixed = graph.add<Twice>({}, {fixed}, "");
  for (int i = 0; i < 3; ++i) y = graph.add<Product>({}, {y, fixed}, "");
  const Plan kept(graph, {y}, {}), computed(graph, {y}, {.keep_fixed = false});
  EXPECT_EQ(kept.fixed_steps(), 10U);
  EXPECT_EQ(kept.kept_bytes(), 4096U);
  EXPECT_EQ(computed.kept_bytes(), 0U);
  EXPECT_EQ(kept.naive_bytes(), computed.naive_bytes());
  EXPECT_EQ(kept.lower_bound_bytes(), 3 * 4096U + 256) << "two values of the step, and one kept";
  EXPECT_GE(kept.arena_bytes(), kept.lower_bound_bytes());
}

// Whatever memory others take in turn, a fixed value stays: random graphs over states, one of them
// updated, against plans that compute everything in each run, one with memory of its own for each
// value. Between runs states are written, or updated by another plan.
class FixedStepsProperty : public testing::Test {
 protected:
  FixedStepsProperty() { setenv("VOLUTA_DEBUG_MEMORY", "1", 1); }  // guards and poison
  ~FixedStepsProperty() override { unsetenv("VOLUTA_DEBUG_MEMORY"); }
};

struct RandomGraph {
  Graph graph;
  Value input;
  std::vector<Value> wanted;
};

constexpr int kStates = 4;  // the last is updated by each run

std::string state_name(int i) {
  return "s" + std::to_string(i);
}

Value add_state(Graph& graph, int i, const TensorType& type) {
  return graph.state(state_name(i), type, StateRole::kParameter, filled(0.25f * (1 + i)));
}

RandomGraph random_graph(Random& random, const TensorType& type) {
  RandomGraph made;
  made.input = made.graph.input("x", type);
  Tensor constant(type);
  filled(0.75f)(constant);
  std::vector<Value> values{made.input, made.graph.constant(constant)};
  for (int i = 0; i < kStates; ++i) values.push_back(add_state(made.graph, i, type));
  const Value updated = values.back();
  const auto any = [&] { return values[random.next_below(static_cast<uint32_t>(values.size()))]; };
  for (int i = 0; i < 40; ++i) {
    const uint32_t kind = random.next_below(4);
    values.push_back(kind == 0   ? made.graph.add<Sum>({}, {any(), any()}, "")
                     : kind == 1 ? made.graph.add<Product>({}, {any(), any()}, "")
                     : kind == 2 ? made.graph.add<Negate>({}, {any()}, "")
                                 : made.graph.add<Twice>({}, {any()}, ""));
  }
  for (int i = 0; i < 4; ++i) {
    made.wanted.push_back(values[values.size() - 1 - random.next_below(30)]);
  }
  made.wanted.push_back(made.graph.add<Advance>({}, {updated, made.input}, "update"));
  return made;
}

class RandomRuns {
 public:
  RandomRuns(const RandomGraph& made, const TensorType& type, const PlanOptions& options)
      : made_(made), type_(type), executor_(Plan(made.graph, made.wanted, options), session_) {
    for (int i = 0; i < kStates; ++i) {
      Graph graph;
      const Value step = graph.input("step", type);
      graph.add<Advance>({}, {add_state(graph, i, type), step}, "update");
      updates_.push_back(std::make_unique<Executor>(Plan(graph, {}, options), session_));
      steps_.push_back(step);
    }
  }

  const Plan& plan() const { return executor_.plan(); }

  // What all wanted values are after some runs, as bits.
  std::vector<uint32_t> results(uint64_t seed) {
    Random random(seed);
    std::vector<uint32_t> bits;
    for (int i = 0; i < 6; ++i) {
      change_a_state(random);
      executor_.feed(made_.input, drawn(random));
      executor_.run();
      for (Value value : made_.wanted) {
        const Tensor tensor = executor_.read(value);
        for (float x : tensor.data<float>()) bits.push_back(std::bit_cast<uint32_t>(x));
      }
    }
    session_.pool().check();
    return bits;
  }

 private:
  Tensor drawn(Random& random) const {
    Tensor tensor(type_);
    for (float& x : tensor.data<float>()) x = static_cast<float>(random.next_uniform(-1, 1));
    return tensor;
  }

  void change_a_state(Random& random) {
    const auto state = random.next_below(kStates);
    const uint32_t how = random.next_below(3);
    if (how == 0) session_.write_state(state_name(static_cast<int>(state)), drawn(random));
    if (how == 1) {
      updates_[state]->feed(steps_[state], drawn(random));
      updates_[state]->run();
    }
  }

  const RandomGraph& made_;
  TensorType type_;
  Session session_{Device{}};
  Executor executor_;
  std::vector<std::unique_ptr<Executor>> updates_;
  std::vector<Value> steps_;
};

TEST_F(FixedStepsProperty, KeepTheirMemory) {
  std::size_t fixed = 0, kept = 0, others = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const TensorType type{DType::f32, {1 + random.next_below(100)}};
    const RandomGraph made = random_graph(random, type);
    RandomRuns expected(made, type, {.reuse_memory = false, .keep_fixed = false});
    RandomRuns computed(made, type, {.keep_fixed = false}), once(made, type, {});
    const std::vector<uint32_t> bits = expected.results(seed);
    ASSERT_EQ(computed.results(seed), bits) << "seed " << seed;
    ASSERT_EQ(once.results(seed), bits) << "seed " << seed;
    fixed += once.plan().fixed_steps();
    others += once.plan().steps().size() - once.plan().fixed_steps();
    kept += once.plan().kept_bytes();
    EXPECT_GE(once.plan().arena_bytes(), once.plan().lower_bound_bytes());
    EXPECT_GE(once.plan().arena_bytes(), once.plan().kept_bytes());
  }
  EXPECT_GT(fixed, 500U);
  EXPECT_GT(others, 500U);
  EXPECT_GT(kept, 0U);
}

}  // namespace
}  // namespace voluta
