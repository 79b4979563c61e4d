// NaN and infinities in 16-bit data: every engine has them where the reference has them.

#include <voluta/judge/guarded_run.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/truth.h>
#include "judge/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace voluta::judge {
namespace {

// Three elements that lie in vectors of their own where rows are long enough.
constexpr std::array kSpoiled = {std::pair{1, NAN}, std::pair{10, INFINITY},
                                 std::pair{21, -INFINITY}};

constexpr const char* kLines[] = {"activation n3c24 relu",
                                  "activation n3c24 relu6",
                                  "activation n3c24 tanh",
                                  "activation n3c24 sigmoid",
                                  "activation n3c24 leaky_relu",
                                  "activation n3c21 hardswish",
                                  "activation n3c24 silu",
                                  "activation_gradient n3c24 relu",
                                  "activation_gradient n3c21 silu",
                                  "add n3c24",
                                  "scale n3c21 factor-2",
                                  "bias n3c24",
                                  "bias_gradient n3c24",
                                  "pool2d n1h4w4c8r2s2u2 max argmax",
                                  "pool2d n1h4w4c8r3s3u1p1 min",
                                  "pool2d n1h4w4c8r3s3u1p1 average",
                                  "max_pool2d_gradient n1h4w4c8r3s3u1p1 max",
                                  "average_pool2d_gradient n1h4w4c8r3s3u1p1 average",
                                  "adaptive_average_pool2d n2h4w4c8oh1ow1",
                                  "adaptive_average_pool2d_gradient n1h3w3c8oh2ow2",
                                  "concat n3c8 x1=16",
                                  "channel_slice n3c24 offset8 channels16",
                                  "channel_pad n3c8 before8",
                                  "dropout n3c24 probability0.5",
                                  "flatten n1h3w3c8",
                                  "local_response_norm n3c24",
                                  "local_response_norm_gradient n3c24",
                                  "softmax n3k24",
                                  "softmax_gradient n3k24",
                                  "depthwise_conv2d n1h4w4c8k8r3s3p1",
                                  "depthwise_conv2d_input_gradient n1h4w4c8k8r3s3p1"};

bool alike(double y, double reference) {
  if (std::isnan(reference) || std::isinf(reference)) {
    return std::isnan(reference) ? std::isnan(y) : y == reference;
  }
  return std::isfinite(y);
}

void expect_alike(const Problem& problem, const Tensors& inputs, const Engine& engine,
                  const Tensors& reference) {
  Stream stream(Device{engine.device, 0});
  const GuardedRun run = run_guarded(engine, problem, inputs, stream);
  EXPECT_EQ(run.complaint, "") << engine.name;
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    for (int64_t j = 0; j < run.outputs[i].elements(); ++j) {
      const double y = value_at(run.outputs[i], j), want = value_at(reference[i], j);
      EXPECT_TRUE(alike(y, want)) << describe(problem) << ", engine " << engine.name << ", output "
                                  << i << ", element " << j << ": " << y << " for " << want;
    }
  }
}

TEST(HalfValues, NanAndInfinitiesAreWhereTheReferenceHasThem) {
  const std::vector<DeviceType> types = device_types_under_test();
  for (const char* line : kLines) {
    for (const DType data : {DType::bf16, DType::f16}) {
      const Problem problem = parse_problem(with_dtype(line, data));
      Tensors inputs = make_inputs(problem, InputKind::kReals, 1);
      for (const auto& [element, value] : kSpoiled) {
        if (element < inputs[0].elements()) set_value(inputs[0], element, value);
      }
      const Tensors reference = run_reference_f64(problem, inputs);
      for (const Engine& engine : problem.op->engines()) {
        if (std::ranges::find(types, engine.device) == types.end()) continue;
        if (!support_on(engine, problem, Device{engine.device, 0}).ok) continue;
        expect_alike(problem, inputs, engine, reference);
      }
    }
  }
}

}  // namespace
}  // namespace voluta::judge
