// What mixed precision adds, against PyTorch bit for bit: casts of numbers of every kind, and the
// scales that torch.amp.GradScaler goes through. Goldens: make_mixed_precision.py.

#include <gtest/gtest.h>
#include <voluta/io/safetensors.h>
#include <voluta/judge/guarded_run.h>
#include <voluta/judge/reference.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/gradient_norm/gradient_norm.h>
#include "judge/judge.h"
#include "judge/tests_folder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace voluta::judge {
namespace {

TensorFile goldens() {
  return read_safetensors(tests_path("goldens/mixed_precision.safetensors"));
}

// Calls f(engine, stream) for each engine of the devices under test that takes the problem.
template <class F>
int for_each_engine(const Problem& problem, F&& f) {
  int count = 0;
  const std::vector<DeviceType> types = device_types_under_test();
  for (const Engine& engine : problem.op->engines()) {
    if (std::ranges::find(types, engine.device) == types.end()) continue;
    const Device device{engine.device, 0};
    if (!support_on(engine, problem, device).ok) continue;
    Stream stream(device);
    f(engine, stream);
    ++count;
  }
  return count;
}

TEST(MixedPrecisionGoldens, CastsEqualPyTorch) {
  const TensorFile file = goldens();
  const Tensor& x = file.tensors.at("x");
  for (const DType type : {DType::bf16, DType::f16}) {
    const Tensor& expected = file.tensors.at(std::string(name_of(type)));
    const Problem problem = make_problem<Cast>({.to = type}, {{DType::f32, x.shape()}});
    const int engines = for_each_engine(problem, [&](const Engine& engine, Stream& stream) {
      const GuardedRun run = run_guarded(engine, problem, {x}, stream);
      EXPECT_EQ(run.complaint, "") << engine.name;
      const auto* bits = static_cast<const uint16_t*>(run.outputs[0].raw());
      const auto* wanted = static_cast<const uint16_t*>(expected.raw());
      for (int64_t i = 0; i < x.elements(); ++i) {
        const float value = x.data<float>()[static_cast<std::size_t>(i)];
        if (std::isnan(value)) {  // one NaN is as good as another
          ASSERT_TRUE(std::isnan(value_at(run.outputs[0], i))) << engine.name;
          continue;
        }
        ASSERT_EQ(bits[i], wanted[i]) << engine.name << " of " << value;
      }
    });
    EXPECT_GT(engines, 0);
  }
}

TEST(MixedPrecisionGoldens, TheLossScaleGoesThroughGradScalersValues) {
  const TensorFile file = goldens();
  const auto interval = file.tensors.at("interval").item<int64_t>();
  const auto overflows = file.tensors.at("overflows").data<int64_t>();
  const Problem problem = make_problem<LossScaleUpdate>(
      {.interval = interval},
      {{DType::f32, {}}, {DType::f32, {}}, {DType::i64, {}}, {DType::i64, {}}});
  const int engines = for_each_engine(problem, [&](const Engine& engine, Stream& stream) {
    Tensors inputs{Tensor(DType::f32, {}), Tensor(DType::f32, {}), Tensor(DType::i64, {}),
                   Tensor(DType::i64, {})};
    set_value(inputs[1], 0, 65536);
    int64_t updates = 0;
    for (std::size_t i = 0; i < overflows.size(); ++i) {
      set_value(inputs[0], 0, overflows[i] ? std::numeric_limits<double>::infinity() : 3.0);
      const GuardedRun run = run_guarded(engine, problem, inputs, stream);
      EXPECT_EQ(run.complaint, "") << engine.name;
      ASSERT_EQ(run.outputs[0].data<float>()[0], file.tensors.at("scales").data<float>()[i]) << i;
      ASSERT_EQ(run.outputs[1].data<int64_t>()[0], file.tensors.at("steps").data<int64_t>()[i])
          << i;
      updates += overflows[i] ? 0 : 1;
      ASSERT_EQ(run.outputs[2].data<int64_t>()[0], updates) << i;
      for (std::size_t j = 1; j < inputs.size(); ++j) inputs[j] = run.outputs[j - 1];
    }
  });
  EXPECT_GT(engines, 0);
}

}  // namespace
}  // namespace voluta::judge
