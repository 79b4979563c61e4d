// Tier 6: a hundred steps of each optimiser against PyTorch's (timm's for RMSpropTF and Lars) in
// f64: goldens/optimizer.safetensors, whose form make_optimizer.py tells.

#include <voluta/io/safetensors.h>
#include <voluta/judge/guarded_run.h>
#include <voluta/judge/problem.h>
#include <voluta/judge/reference.h>
#include <voluta/kernels/registry.h>
#include "judge/judge.h"
#include "judge/tests_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr int64_t kSteps = 100;
constexpr double kLearningRate = 1.0 / 64;
constexpr std::size_t kTensors = 2;

struct Sequence {
  std::string name;
  Problem problem;
  Tensors starts, gradients, ends;  // of the parameters; [100,...] a parameter; then the slots'
};

std::vector<Sequence> read_sequences() {
  const TensorFile file = read_safetensors(tests_path("goldens/optimizer.safetensors"));
  std::vector<Sequence> sequences;
  for (const auto& [name, line] : file.metadata) {
    Sequence sequence{name, parse_problem(line), {}, {}, {}};
    if (!sequence.problem.op->name.ends_with("_update")) continue;
    for (std::size_t i = 0; i < kTensors; ++i) {
      sequence.starts.push_back(file.tensors.at(name + "/in" + std::to_string(i)));
      sequence.gradients.push_back(file.tensors.at(name + "/in" + std::to_string(kTensors + i)));
    }
    for (std::size_t i = 0; i < sequence.problem.outputs.size(); ++i) {
      sequence.ends.push_back(file.tensors.at(name + "/out" + std::to_string(i)));
    }
    sequences.push_back(std::move(sequence));
  }
  return sequences;
}

Tensor filled(const TensorType& type, double value) {
  Tensor tensor(type);
  for (int64_t i = 0; i < tensor.elements(); ++i) set_value(tensor, i, value);
  return tensor;
}

Tensor row_of(const Tensor& steps, int64_t step, const TensorType& type) {
  Tensor row(type);
  for (int64_t i = 0; i < row.elements(); ++i) {
    set_value(row, i, value_at(steps, step * row.elements() + i));
  }
  return row;
}

// |x_1|..|x_n|, as tensor_norms gives them.
Tensor norms_of(const Tensors& tensors, const TensorType& type) {
  Tensor norms(type);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    double sum = 0;
    for (int64_t e = 0; e < tensors[i].elements(); ++e) {
      sum += value_at(tensors[i], e) * value_at(tensors[i], e);
    }
    set_value(norms, static_cast<int64_t>(i), std::sqrt(sum));
  }
  return norms;
}

// The scalars behind the tensors, by their types: norms [2n], lr, t.
void append_scalars(const Problem& problem, int64_t step, Tensors& inputs) {
  const Tensors moved(inputs.begin(), inputs.begin() + 2 * kTensors);
  for (std::size_t i = inputs.size(); i < problem.inputs.size(); ++i) {
    const TensorType& type = problem.inputs[i];
    if (type.shape.rank() == 1) {
      inputs.push_back(norms_of(moved, type));
    } else {
      inputs.push_back(
          filled(type, is_floating(type.dtype) ? kLearningRate : static_cast<double>(step + 1)));
    }
  }
}

// ‖a - b‖ / ‖b‖.
double distance(const Tensor& a, const Tensor& b) {
  double difference = 0, size = 0;
  for (int64_t i = 0; i < b.elements(); ++i) {
    difference += std::pow(value_at(a, i) - value_at(b, i), 2);
    size += std::pow(value_at(b, i), 2);
  }
  return std::sqrt(difference / size);
}

void expect_equal(const Sequence& sequence, const Engine& engine, const Problem& problem,
                  double tolerance) {
  Stream stream(Device{engine.device, 0});
  const bool tensorflow = describe(problem).find(" tensorflow") != std::string::npos;
  Tensors state;  // parameters, then slots
  for (std::size_t i = 0; i < problem.outputs.size(); ++i) {
    const bool square_average = tensorflow && i / kTensors == 1;
    state.push_back(i < kTensors ? converted({sequence.starts[i]}, problem.outputs[i].dtype)[0]
                                 : filled(problem.outputs[i], square_average ? 1 : 0));
  }
  for (int64_t step = 0; step < kSteps; ++step) {
    Tensors inputs(state.begin(), state.begin() + kTensors);
    for (std::size_t i = 0; i < kTensors; ++i) {
      inputs.push_back(row_of(sequence.gradients[i], step, problem.inputs[kTensors + i]));
    }
    inputs.insert(inputs.end(), state.begin() + kTensors, state.end());
    append_scalars(problem, step, inputs);
    const GuardedRun run = run_guarded(engine, problem, inputs, stream);
    ASSERT_EQ(run.complaint, "") << sequence.name << " " << engine.name;
    state = run.outputs;
  }
  for (std::size_t i = 0; i < state.size(); ++i) {
    EXPECT_LE(distance(state[i], sequence.ends[i]), tolerance)
        << sequence.name << ", output " << i << ": " << describe(problem) << ", engine "
        << engine.name;
  }
}

TEST(OptimizerGoldens, ReferencesEqualPyTorchAfterAHundredSteps) {
  const std::vector<Sequence> sequences = read_sequences();
  EXPECT_GE(sequences.size(), 16U);
  for (const Sequence& sequence : sequences) {
    const Problem f64 = in_f64(sequence.problem);
    expect_equal(sequence, reference_engine(*f64.op), f64, 1e-13);
  }
}

TEST(OptimizerGoldens, EnginesEqualPyTorchAfterAHundredSteps) {
  for (const Sequence& sequence : read_sequences()) {
    for (const Engine& engine : sequence.problem.op->engines()) {
      const std::vector<DeviceType> types = device_types_under_test();
      if (std::ranges::find(types, engine.device) == types.end()) continue;
      if (!engine.supports(sequence.problem).ok) continue;
      expect_equal(sequence, engine, sequence.problem, 1e-6);
    }
  }
}

}  // namespace
}  // namespace voluta::judge
