// NaN and infinities in 16-bit data: every engine has them where the reference has them.

#include <voluta/judge/truth.h>
#include "engine_runs.h"

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

TEST(HalfValues, NanAndInfinitiesAreWhereTheReferenceHasThem) {
  for (const char* line : kLines) {
    for (const DType data : {DType::bf16, DType::f16}) {
      const Problem problem = parse_problem(with_dtype(line, data));
      Tensors inputs = make_inputs(problem, InputKind::kReals, 1);
      for (const auto& [element, value] : kSpoiled) {
        if (element < inputs[0].elements()) set_value(inputs[0], element, value);
      }
      expect_alike(problem, inputs);
    }
  }
}

}  // namespace
}  // namespace voluta::judge
