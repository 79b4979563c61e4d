// Tier 6: whole architectures against PyTorch in f64: logits, loss and every parameter's gradient,
// with running and with batch statistics. models/models.safetensors is made by make_models.py.
//
// VOLUTA_ALL_MODELS=1 takes every model; without it one of each family.

#include <voluta/core/graph/executor.h>
#include <voluta/io/layout.h>
#include <voluta/io/safetensors.h>
#include <voluta/judge/compare.h>
#include <voluta/judge/gradient_check.h>
#include <voluta/judge/reference.h>
#include <voluta/models/registry.h>
#include <voluta/train/step.h>
#include "goldens/formula.h"
#include "judge/tests_folder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

namespace voluta::goldens {
namespace {

constexpr double kF32Bound = 1e-4;  // of ||a - b|| / ||b||: the design's, for whole models

const TensorFile& golden_file() {
  static const TensorFile file =
      read_safetensors(judge::tests_path("goldens/models/models.safetensors"));
  return file;
}

struct GoldenModel {
  std::string name;
  std::vector<int64_t> input;  // [N,C,H,W]
  int64_t classes;
  std::vector<std::string> parameters;
};

GoldenModel golden_model(const std::string& name) {
  const auto json = nlohmann::json::parse(golden_file().metadata.at(name));
  return {name, json.at("input"), json.at("classes"), json.at("parameters")};
}

bool takes_all_models() {
  const char* value = std::getenv("VOLUTA_ALL_MODELS");
  return value != nullptr && *value == '1';
}

std::vector<std::string> model_names() {
#ifdef VOLUTA_SIMT
  return {};  // the same CPU engines as in the other program; tests/models/devices_test.cpp has simt
#endif
  const std::set<std::string> one_of_each_family = {
      "lenet5",   "digits_fcn",      "alexnet",      "zfnet",        "all_cnn_c", "resnet18",
      "resnet20", "resnext50_32x4d", "mobilenet_v1", "mobilenet_v2", "googlenet"};
  std::vector<std::string> names;
  for (const auto& [name, json] : golden_file().metadata) {
    if (takes_all_models() || one_of_each_family.contains(name)) names.push_back(name);
  }
  return names;
}

double norm(const Tensor& t) {
  double sum = 0;
  for (const double v : t.data<double>()) sum += v * v;
  return std::sqrt(sum);
}

// ||a - b|| / ||b||, NaN where either has one.
double relative_error(const Tensor& ours, const Tensor& theirs) {
  EXPECT_EQ(ours.shape(), theirs.shape());
  Tensor difference(DType::f64, theirs.shape());
  for (int64_t i = 0; i < theirs.elements(); ++i) {
    judge::set_value(difference, i, judge::value_at(ours, i) - judge::value_at(theirs, i));
  }
  return norm(difference) / norm(theirs);
}

// Root mean square of the projections' differences: estimates the norm of the gradients' difference.
double distance(const Digest& ours, const double* theirs) {
  double sum = 0;
  for (std::size_t j = 1; j < ours.size(); ++j) sum += std::pow(ours[j] - theirs[j], 2);
  return std::sqrt(sum / 4);
}

// A model with everything that the formula feeds it.
struct Fed {
  StepGraph step;
  std::map<Value, Tensor> given;
};

Fed feed(const GoldenModel& golden, StepMode mode) {
  const auto& in = golden.input;
  Fed fed{.step = gradient_step({.model = &find_model(golden.name),
                                 .options = {.dropout = 0.0},
                                 .image = {in[2], in[3], in[1]},
                                 .classes = golden.classes,
                                 .batch = in[0]},
                                mode),
          .given = {}};
  fed.given[fed.step.images] =
      channels_last(formula("input", DType::f32, {in[0], in[1], in[2], in[3]}));
  fed.given[fed.step.labels] = formula_labels(in[0], golden.classes);
  if (fed.step.step) fed.given[fed.step.step] = Tensor(DType::i64, {});
  for (std::size_t i = 0; i < fed.step.graph.values().size(); ++i) {
    const ValueInfo& state = fed.step.graph.values()[i];
    if (state.kind != ValueKind::kState) continue;
    const Shape shape = parameter_shape_in_pytorch(state.type.shape);
    fed.given[fed.step.graph.value(i)] =
        parameter_from_pytorch(formula(state.name, state.type.dtype, shape));
  }
  return fed;
}

class ModelGolden : public testing::TestWithParam<std::tuple<std::string, StepMode>> {
 protected:
  std::string name() const { return std::get<0>(GetParam()); }
  StepMode mode() const { return std::get<1>(GetParam()); }
  const Tensor& golden(const std::string& what) const {
    const char* folder = mode() == StepMode::kTraining ? "/train/" : "/eval/";
    return golden_file().tensors.at(name() + folder + what);
  }
};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ModelGolden);

// Every parameter's gradient within the bound of its own norm. Where the true one vanishes (a shift
// that the next batch norm takes away again) rounding is all there is: it is held against the whole.
void expect_gradients(const GoldenModel& golden, const StepGraph& step,
                      const std::map<Value, Tensor>& values, const Tensor& rows, double bound) {
  double whole = 0;
  for (std::size_t i = 0; i < golden.parameters.size(); ++i) {
    whole += std::pow(rows.data<double>()[5 * i], 2);
  }
  whole = std::sqrt(whole);
  std::map<std::string, Value> gradient_of;
  for (std::size_t i = 0; i < step.parameters.size(); ++i) {
    gradient_of[step.graph.info(step.parameters[i]).name] = step.gradients[i];
  }
  for (std::size_t i = 0; i < golden.parameters.size(); ++i) {
    const std::string& name = golden.parameters[i];
    const double* want = rows.data<double>().data() + 5 * i;
    const auto found = gradient_of.find(name);
    if (found == gradient_of.end()) {
      EXPECT_EQ(want[0], 0) << name << " has no gradient here";
      continue;
    }
    const Digest got = digest(name, parameter_to_pytorch(values.at(found->second)));
    const bool vanishes = want[0] < 1e-12 * whole;
    EXPECT_LE(vanishes ? got[0] : distance(got, want), bound * (vanishes ? whole : want[0]))
        << name;
    gradient_of.erase(found);
  }
  for (const auto& [name, gradient] : gradient_of) ADD_FAILURE() << name << " is not PyTorch's";
}

// The graph and its gradients, every node by its reference in double: no relu's input comes out on
// the other side of 0, as some do between any two f32 programs (scripts/parity.py has those).
TEST_P(ModelGolden, ReferencesInF64) {
  const GoldenModel model = golden_model(name());
  Fed fed = feed(model, mode());
  const std::map<Value, Tensor> values = judge::evaluate_f64(fed.step.graph, fed.given);
  constexpr double kBound = 1e-9;
  EXPECT_LE(relative_error(values.at(fed.step.logits), golden("logits")), kBound);
  EXPECT_LE(relative_error(values.at(fed.step.loss), golden("loss")), kBound);
  expect_gradients(model, fed.step, values, golden("gradients"), kBound);
}

// The same as a plan of the engines that users run.
TEST_P(ModelGolden, PlansInF32) {
  const GoldenModel model = golden_model(name());
  const Fed fed = feed(model, mode());
  const StepGraph& step = fed.step;
  Session session(default_device());
  std::vector<Value> wanted = step.gradients;
  wanted.insert(wanted.end(), {step.logits, step.loss});
  Executor executor(Plan(step.graph, wanted, {.device = session.device()}), session);
  for (const auto& [value, tensor] : fed.given) {
    const ValueInfo& info = step.graph.info(value);
    if (info.kind == ValueKind::kState) {
      session.write_state(info.name, tensor);
    } else {
      executor.feed(value, tensor);
    }
  }
  executor.run();
  EXPECT_LE(relative_error(executor.read(step.logits), golden("logits")), kF32Bound);
  EXPECT_LE(relative_error(executor.read(step.loss), golden("loss")), kF32Bound);
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGolden,
                         testing::Combine(testing::ValuesIn(model_names()),
                                          testing::Values(StepMode::kEvaluation,
                                                          StepMode::kTraining)),
                         [](const auto& info) {
                           const bool training = std::get<1>(info.param) == StepMode::kTraining;
                           return std::get<0>(info.param) + (training ? "_train" : "_eval");
                         });

TEST(ModelGoldens, HoldEveryModelOfTheRegistry) {
  for (const ModelEntry& model : all_models()) {
    EXPECT_TRUE(golden_file().metadata.contains(std::string(model.name))) << model.name;
  }
}

}  // namespace
}  // namespace voluta::goldens
