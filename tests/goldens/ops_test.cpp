// Tier 6: ops against PyTorch. goldens/ops.safetensors and the rooms' own files, those with problem
// lines in their metadata, hold inputs and float64 results; the references must reproduce them in f64,
// and every engine on f32 must stay within the judge's bound of them.

#include <voluta/io/layout.h>
#include <voluta/io/safetensors.h>
#include <voluta/judge/compare.h>
#include <voluta/judge/guarded_run.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/truth.h>
#include <voluta/kernels/registry.h>
#include "judge/judge.h"
#include "judge/tests_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

namespace voluta::judge {
namespace {

struct Golden {
  std::string name;
  Problem problem;
  Tensors inputs, outputs;  // in Voluta's layouts
};

// All tensors <name>/in0, in1, ...; ranks 4 and 3 come as NCHW or OIHW, and as CHW.
Tensors take(const TensorFile& file, const std::string& prefix) {
  Tensors tensors;
  for (int i = 0; file.has(prefix + std::to_string(i)); ++i) {
    tensors.push_back(parameter_from_pytorch(file.tensors.at(prefix + std::to_string(i))));
  }
  return tensors;
}

std::vector<Golden> read_goldens() {
  std::vector<Golden> goldens;
  for (const auto& entry : std::filesystem::directory_iterator(tests_path("goldens"))) {
    if (entry.path().extension() != ".safetensors") continue;
    const TensorFile file = read_safetensors(entry.path().string());
    for (const auto& [name, line] : file.metadata) {
      goldens.push_back({entry.path().stem().string() + "/" + name, parse_problem(line),
                         take(file, name + "/in"), take(file, name + "/out")});
    }
  }
  return goldens;
}

// Those of optimizer_test.cpp.
bool is_training_sequence(const Golden& golden) {
  return golden.problem.op->name.ends_with("_update");
}

// f64 against f64: both sides round a few hundred times at 2^-53.
Bounds f64_bounds(const Tensors& outputs) {
  Bounds bounds;
  for (const Tensor& output : outputs) {
    std::vector<double>& bound = bounds.emplace_back();
    for (int64_t i = 0; i < output.elements(); ++i) {
      bound.push_back(1e-13 * (1 + std::abs(value_at(output, i))));
    }
  }
  return bounds;
}

void expect_within(const Golden& golden, const Tensors& outputs, const Bounds& bounds,
                   std::string_view engine) {
  ASSERT_EQ(outputs.size(), golden.outputs.size()) << golden.name;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    ASSERT_EQ(outputs[i].shape(), golden.outputs[i].shape()) << golden.name;
    EXPECT_EQ(compare_bounded(outputs[i], golden.outputs[i], bounds[i]), "")
        << golden.name << ": " << describe(golden.problem) << ", engine " << engine;
  }
}

Bounds judge_bounds(const Golden& golden, const Engine& engine) {
  const OpRules& rules = rules_of(golden.problem.op->name);
  Truth truth{.inputs = golden.inputs,
              .outputs = golden.outputs,
              .bounds = (rules.bounds ? rules.bounds : default_bounds)(
                  golden.problem, golden.inputs, golden.outputs)};
  return for_engine(std::move(truth), engine, golden.problem).bounds;
}

// An engine that has bounds of its own may spread a NaN or an infinity of the inputs as far as its
// tiles go (Note [Winograd's error]), and there its bounds are not finite either. Puts the golden in
// the place of such outputs.
void pass_over_unbounded(const Golden& golden, Bounds& bounds, Tensors& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (int64_t j = 0; j < outputs[i].elements(); ++j) {
      double& bound = bounds[i][static_cast<std::size_t>(j)];
      if (std::isfinite(bound)) continue;
      set_value(outputs[i], j, value_at(golden.outputs[i], j));
      bound = 0;
    }
  }
}

TEST(OpGoldens, ReferencesEqualPyTorchInF64) {
  for (const Golden& golden : read_goldens()) {
    if (is_training_sequence(golden)) continue;
    const Tensors outputs = run_reference_f64(golden.problem, golden.inputs);
    expect_within(golden, outputs, f64_bounds(golden.outputs), "reference in f64");
  }
}

TEST(OpGoldens, EnginesStayWithinTheBoundOfPyTorch) {
  const std::vector<DeviceType> types = device_types_under_test();
  int judged = 0;
  for (const Golden& golden : read_goldens()) {
    if (is_training_sequence(golden)) continue;
    for (const Engine& engine : golden.problem.op->engines()) {
      if (std::ranges::find(types, engine.device) == types.end()) continue;
      if (engine.arithmetic == Arithmetic::kTensorCoreTf32) continue;  // not the f32 of PyTorch
      if (!support_on(engine, golden.problem, Device{engine.device, 0}).ok) continue;
      Stream stream(Device{engine.device, 0});
      GuardedRun run = run_guarded(engine, golden.problem, golden.inputs, stream);
      EXPECT_EQ(run.complaint, "") << golden.name << " " << engine.name;
      Bounds bounds = judge_bounds(golden, engine);
      if (engine.rounding.bounds) pass_over_unbounded(golden, bounds, run.outputs);
      expect_within(golden, run.outputs, bounds, engine.name);
      ++judged;
    }
  }
  RecordProperty("engines", judged);
  if (!types.empty()) {
    EXPECT_GT(judged, 0);
  }
}

TEST(OpGoldens, EveryOpHasOne) {
  std::set<std::string_view> names;
  for (const Golden& golden : read_goldens()) names.insert(golden.problem.op->name);
  for (const Op* op : all_ops()) {
    if (op->name == "classification_metrics") continue;  // PyTorch has no such op
    // Bit for bit in mixed_precision_test.cpp: in f64 there is nothing to cast and to scale.
    if (op->name == "cast" || op->name == "loss_scale_update") continue;
    EXPECT_TRUE(names.contains(op->name)) << op->name;
  }
}

}  // namespace
}  // namespace voluta::judge
