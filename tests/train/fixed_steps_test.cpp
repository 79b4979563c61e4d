// What depends on weights alone is computed once in networks too, on every device: evaluations between
// training steps see the weights as they then are, bit for bit as an executor made afterwards does.

#include <gtest/gtest.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/random.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/conv2d.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/loss.h>
#include <voluta/layers/normalization.h>
#include <voluta/layers/pooling.h>
#include <voluta/train/digits.h>
#include <voluta/train/trainer.h>

#include <algorithm>
#include <cstring>

namespace voluta {
namespace {

constexpr int64_t kBatch = 4, kClasses = 10;

ModelOutput small_net(Scope s, Value x, const ModelOptions& options) {
  x = conv2d(s["conv1"], x, {.channels = 8, .kernel = 5, .stride = 3, .bias = false});
  x = relu(s["relu1"], batch_norm(s["bn1"], x, {}));
  x = conv2d(s["conv2"], x, {.channels = 8, .kernel = 3});
  x = relu(s["relu2"], batch_norm(s["bn2"], x, {}));
  x = average_pool2d(s["pool"], x, {.window = 2});
  return linear(s["fc"], flatten(s["flat"], x), {.features = options.classes});
}
const ModelEntry kNet{"small_net", "", 28, 28, 1, kClasses, small_net};

StepOptions options_of(DType data_type) {
  return {.model = &kNet,
          .data_type = data_type,
          .image = {28, 28, 1},
          .classes = kClasses,
          .batch = kBatch,
          .seed = 3};
}

// With an auxiliary head: its loss enters with a weight, whose gradient depends on nothing.
ModelOutput two_heads(Scope s, Value x, const ModelOptions& options) {
  const Value flat = flatten(s["flat"], x);
  return {linear(s["fc"], flat, {.features = options.classes}),
          {{linear(s["head"], flat, {.features = options.classes}), 0.3}}};
}
const ModelEntry kTwoHeads{"two_heads", "", 28, 28, 1, kClasses, two_heads};

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

struct Batches {
  Tensor images{DType::f32, {kBatch, 28, 28, 1}}, labels{DType::i64, {kBatch}};
  Random random{17};

  void next() {
    for (float& pixel : images.data<float>()) pixel = static_cast<float>(random.next_normal());
    for (int64_t& label : labels.data<int64_t>()) label = random.next_below(kClasses);
  }
};

// A plan of the network in a session, fed with the batch at hand.
class Runner {
 public:
  Runner(StepGraph step, std::vector<Value> wanted, Session& session, PlanOptions plan,
         bool use_graph = false)
      : step_(std::move(step)),
        executor_(Plan(step_.graph, std::move(wanted), plan), session, {.use_graph = use_graph}) {}

  const Plan& plan() const { return executor_.plan(); }
  Executor& executor() { return executor_; }

  void run(const Batches& batch) {
    executor_.feed(step_.images, batch.images);
    executor_.feed(step_.labels, batch.labels);
    if (step_.learning_rate) {
      Tensor lr(DType::f32, {});
      lr.data<float>()[0] = 0.05f;
      executor_.feed(step_.learning_rate, lr);
    }
    executor_.run();
  }
  Tensor logits(const Batches& batch) {
    run(batch);
    return executor_.read(step_.logits);
  }

 private:
  StepGraph step_;
  Executor executor_;
};

Runner evaluation(const StepOptions& options, Session& session, bool keep_fixed,
                  bool use_graph = false) {
  StepGraph step = evaluation_step(options);
  const Value logits = step.logits;
  return {std::move(step),
          {logits},
          session,
          {.device = session.device(), .keep_fixed = keep_fixed},
          use_graph};
}

struct Case {
  Device device;
  DType data_type;
  bool use_graph;
};

std::vector<Case> cases(const std::vector<DType>& types, bool with_cpu) {
  std::vector<Case> found;
  for (const Device device : available_devices()) {
    if (!with_cpu && device.type == DeviceType::kCpu) continue;
    for (const DType type : types) {
      found.push_back({device, type, false});
      if (runtime(device.type).supports_graphs()) found.push_back({device, type, true});
    }
  }
  return found;
}

const std::vector<DType> kAllTypes = {DType::f32, DType::bf16, DType::f16};

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = to_string(info.param.device) + "_" +
                     std::string(name_of(info.param.data_type)) +
                     (info.param.use_graph ? "_graph" : "");
  std::erase_if(name, [](char c) { return !std::isalnum(c) && c != '_'; });
  return name;
}

class FixedStepsOfANetwork : public testing::TestWithParam<Case> {
 protected:
  const StepOptions options_ = options_of(GetParam().data_type);
  Batches batch_;
};

TEST_P(FixedStepsOfANetwork, AreCastsOfWeightsAndFactorsOfBatchNorms) {
  Session session(GetParam().device);
  const Runner runner = evaluation(options_, session, true);
  for (const Step& step : runner.plan().steps()) {
    const Node& node = runner.plan().graph().nodes()[static_cast<std::size_t>(step.node)];
    const bool weight =
        node.problem.op->name == Cast::kName && node.path != "images" && node.path != "logits";
    const bool factors = node.problem.op->name == "batch_norm_scale_shift";
    EXPECT_EQ(step.fixed, weight || factors) << describe(node.problem);
  }
}

TEST_P(FixedStepsOfANetwork, SeeTrainingBetweenEvaluations) {
  const Device device = GetParam().device;
  Session session(device);
  Runner training(training_step(options_), {}, session, {.device = device}, GetParam().use_graph);
  Runner once = evaluation(options_, session, true, GetParam().use_graph);
  Runner always = evaluation(options_, session, false);
  Tensor before;
  for (int i = 0; i < 3; ++i) {
    batch_.next();
    const Tensor logits = once.logits(batch_);
    EXPECT_TRUE(!before.defined() || !same_bits(logits, before)) << "training changed nothing";
    EXPECT_TRUE(same_bits(logits, always.logits(batch_))) << i;
    EXPECT_TRUE(same_bits(logits, evaluation(options_, session, true).logits(batch_))) << i;
    EXPECT_TRUE(same_bits(logits, once.logits(batch_))) << "a second run, " << i;
    before = logits;
    training.run(batch_);
  }
}

// Every state that the logits depend on, one after another.
TEST_P(FixedStepsOfANetwork, SeeEachStateThatIsWritten) {
  Session session(GetParam().device);
  Runner once = evaluation(options_, session, true, GetParam().use_graph);
  batch_.next();
  Tensor before = once.logits(batch_);
  int written = 0;
  for (const std::string& name : session.state_names()) {
    if (session.state_type(name).dtype != DType::f32) continue;
    Tensor state = session.read_state(name);
    for (float& x : state.data<float>()) x += 0.125f * (1 + std::abs(x));
    session.write_state(name, state);
    ++written;
    const Tensor logits = once.logits(batch_);
    EXPECT_FALSE(same_bits(logits, before)) << name;
    EXPECT_TRUE(same_bits(logits, evaluation(options_, session, false).logits(batch_))) << name;
    before = logits;
  }
  EXPECT_EQ(written, 13);
}

// Only the last layer is trained: what the others' weights are cast to stays.
TEST_P(FixedStepsOfANetwork, AreThoseOfFrozenLayersInTraining) {
  const Device device = GetParam().device;
  StepGraph step = gradient_step(options_, StepMode::kEvaluation);
  std::vector<Value> trained, gradients;
  for (std::size_t i = 0; i < step.parameters.size(); ++i) {
    if (!step.graph.info(step.parameters[i]).name.starts_with("fc.")) continue;
    trained.push_back(step.parameters[i]);
    gradients.push_back(step.gradients[i]);
  }
  step.learning_rate = add_updates(step.graph, step.graph, trained, gradients, {}).learning_rate;
  Session first(device), second(device);
  Runner once(step, {step.logits}, first, {.device = device}, GetParam().use_graph);
  Runner always(step, {step.logits}, second, {.device = device, .keep_fixed = false});
  for (int i = 0; i < 4; ++i) {
    batch_.next();
    EXPECT_TRUE(same_bits(once.logits(batch_), always.logits(batch_))) << i;
  }
  for (const std::string& name : first.state_names()) {
    EXPECT_TRUE(same_bits(first.read_state(name), second.read_state(name))) << name;
  }
  for (const Step& planned : once.plan().steps()) {
    const Node& node = once.plan().graph().nodes()[static_cast<std::size_t>(planned.node)];
    if (node.problem.op->name != Cast::kName || node.pass != "forward") continue;
    EXPECT_EQ(planned.fixed, node.path.starts_with("conv")) << node.path;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, FixedStepsOfANetwork, testing::ValuesIn(cases(kAllTypes, true)),
                         case_name);

class FixedLaunches : public FixedStepsOfANetwork {
 protected:
  // Kernels that a run launches, by itself or to be recorded.
  std::size_t launches_of(Runner& runner) {
    const std::size_t before = device_.calls(CallKind::kLaunch);
    runner.run(batch_);
    return device_.calls(CallKind::kLaunch) - before;
  }

  FaultInjector device_{runtime(GetParam().device.type)};
  ScopedRuntime scope_{GetParam().device.type, device_};
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FixedLaunches);

TEST_P(FixedLaunches, AreMadeOnce) {
  Session session(GetParam().device);
  Runner always = evaluation(options_, session, false);
  Runner once = evaluation(options_, session, true, GetParam().use_graph);
  const std::size_t all = launches_of(always);
  EXPECT_EQ(launches_of(always), all);
  EXPECT_EQ(launches_of(once), all);
  EXPECT_EQ(device_.calls(CallKind::kGraph), 0U) << "a first run is no graph";
  const std::size_t fixed = once.plan().fixed_steps();  // one launch each
  EXPECT_EQ(launches_of(once), all - fixed);
  const std::size_t rest = launches_of(once);
  EXPECT_EQ(rest, GetParam().use_graph ? 0 : all - fixed);
  EXPECT_GT(fixed, 0U);

  session.write_state("bn1.weight", session.read_state("bn1.weight"));
  EXPECT_EQ(launches_of(once), rest + fixed);
  EXPECT_EQ(launches_of(once), rest);
}

// A run neither allocates nor waits, whether fixed steps are due or not.
TEST_P(FixedLaunches, NeitherAllocateNorWait) {
  Session session(GetParam().device);
  Runner once = evaluation(options_, session, true, GetParam().use_graph);
  once.run(batch_);
  session.write_state("bn1.weight", session.read_state("bn1.weight"));
  const auto calls = [&] {
    return device_.calls(CallKind::kAllocate) + device_.calls(CallKind::kAllocatePinned) +
           device_.calls(CallKind::kSynchronize);
  };
  const std::size_t before = calls();
  once.executor().run();
  once.executor().run();
  EXPECT_EQ(calls(), before);
}

INSTANTIATE_TEST_SUITE_P(Cases, FixedLaunches, testing::ValuesIn(cases(kAllTypes, false)),
                         case_name);

// Whole runs: tests after each epoch, of weights, and of their averages with batches in parts.
class FixedStepsOfARun : public testing::TestWithParam<Case> {
 protected:
  std::vector<double> losses(bool averages, bool keep_fixed) {
    TrainOptions options{
        .batch_size = 8, .grad_accum_steps = averages ? 2 : 1, .epochs = 2, .print_freq = 1};
    options.plan = {.device = GetParam().device, .keep_fixed = keep_fixed};
    options.data_type = GetParam().data_type;
    options.schedule = {.kind = ScheduleKind::kConstant, .lr = 0.05};
    options.average = {.enabled = averages, .decay = 0.99, .steps = 1};
    options.use_graph = GetParam().use_graph;
    Trainer trainer(kNet, train_, test_, options);
    std::vector<double> found;
    trainer.run({.on_epoch = [&](const EpochReport& r) { found.push_back(r.test.mean_loss()); }});
    return found;
  }

  InMemoryDataset train_{draw_digits(28, 1, Split::kTrain), mnist_normalization()};
  InMemoryDataset test_{draw_digits(11, 1, Split::kTest), mnist_normalization()};
};

TEST_P(FixedStepsOfARun, ChangeNoTest) {
  for (const bool averages : {false, true}) {
    const std::vector<double> once = losses(averages, true);
    EXPECT_EQ(once, losses(averages, false)) << averages;
    ASSERT_EQ(once.size(), 2U);
    EXPECT_NE(once[0], once[1]);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, FixedStepsOfARun, testing::ValuesIn(cases({DType::bf16}, true)),
                         case_name);

TEST(FixedStepsOfATrainer, AreNoneOfTheTimesOfAStep) {
  const InMemoryDataset data(draw_digits(16, 1, Split::kTrain), mnist_normalization());
  Trainer trainer(kTwoHeads, data, data,
                  {.plan = {.device = Device{}}, .batch_size = 8, .epochs = 1});
  trainer.run({});
  EXPECT_GT(trainer.plan().fixed_steps(), 0U);
  EXPECT_EQ(trainer.time_steps().size(),
            trainer.plan().steps().size() - trainer.plan().fixed_steps());
}

}  // namespace
}  // namespace voluta
