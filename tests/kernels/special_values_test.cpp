// What the judge's inputs leave out: labels that are no class, pixels that are no number. (NaN, infinities
// and ties of activations and pooling are in the goldens.)

#include "engine_runs.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr int64_t kRows = 5, kClasses = 7, kBadRow = 3;

// Runs every engine of the line's op with one bad label and hands each result to `check`.
template <class Check>
void with_bad_label(const std::string& line, int64_t label, Check&& check) {
  const Problem problem = parse_problem(line);
  Random random(1);
  Tensors inputs = rules_of(problem.op->name).inputs(problem, InputKind::kReals, random);
  const auto labels = std::ranges::find(inputs, DType::i64, &Tensor::dtype);
  labels->data<int64_t>()[kBadRow] = label;
  for_each_run(problem, inputs, [&](const Tensors& outputs, const std::string& where) {
    check(outputs[0], where + ", label " + std::to_string(label));
  });
}

constexpr std::array<int64_t, 4> kNoClass = {-1, kClasses, int64_t{1} << 40, INT64_MIN};

TEST(BadLabels, MakeTheLossNan) {
  for (int64_t label : kNoClass) {
    with_bad_label("softmax_cross_entropy n5k7", label,
                   [](const Tensor& loss, const std::string& where) {
                     EXPECT_TRUE(std::isnan(value_at(loss, 0))) << where;
                   });
  }
}

TEST(BadLabels, MakeTheirRowOfTheGradientNan) {
  for (int64_t label : kNoClass) {
    with_bad_label("softmax_cross_entropy_gradient n5k7 smoothing0.1", label,
                   [](const Tensor& gradient, const std::string& where) {
                     for (int64_t i = 0; i < kRows * kClasses; ++i) {
                       EXPECT_EQ(std::isnan(value_at(gradient, i)), i / kClasses == kBadRow)
                           << where << ", element " << i;
                     }
                   });
  }
}

// The row's own, and that of the picture whose partner it is.
TEST(BadLabels, MakeTheirMixedTargetsNan) {
  for (int64_t label : kNoClass) {
    with_bad_label("mix_labels n5k7", label, [](const Tensor& targets, const std::string& where) {
      for (int64_t i = 0; i < kRows * kClasses; ++i) {
        const int64_t row = i / kClasses;
        EXPECT_EQ(std::isnan(value_at(targets, i)), row == kBadRow || row == kBadRow + 1)
            << where << ", element " << i;
      }
    });
  }
}

// Zeros that a kernel adds to fill its tiles must not meet a neighbour's NaN, nor groups that share a tile
// each other's.
TEST(NotANumber, ReachesTheOutputsWhoseWindowsHoldIt) {
  for (const char* line : {"conv2d n2h9w11c3k8r3s3p1 bf16",
                           "conv2d n2h12w12c3k8r5s5p2u2 f16",
                           "conv2d n1h8w9c1k8r3s3 bf16",
                           "conv2d n1h9w16c3k8r7s7p3u2 bf16",
                           "conv2d n2h7w7c16k8r3s3p1 bf16",
                           "conv2d_filter_gradient n2h9w11c3k8r3s3p1u2 bf16",
                           "conv2d_filter_gradient n2h12w16c3k8r5s5p2u3 f16",
                           "conv2d n2h7w9c16k16r3s3p1g4 bf16",
                           "conv2d n2h7w9c32k16r3s3p1g4 f16",
                           "conv2d n2h7w9c24k48r3s3p1g3 bf16",
                           "conv2d n2h7w9c24k8r2s2g2 f16",
                           "conv2d_input_gradient n2h7w9c16k16r3s3p1g4 bf16",
                           "conv2d_input_gradient n2h9w12c8k24r3s3p1u2g2 f16",
                           "conv2d_filter_gradient n2h7w9c16k16r3s3p1g4 bf16",
                           "conv2d_filter_gradient n2h7w9c32k32r3s3p1g2 f16",
                           "conv2d n1h5w6c128k384r3s3p1g2 moments bf16",
                           "conv2d n1h41w42c128k640r1s1g2 residual moments bf16",
                           "conv2d_input_gradient n1h41w42c640k128r1s1g2 residual sums f16",
                           "conv2d_input_gradient n1h5w6c128k128r3s3p1g2 f16",
                           "conv2d_filter_gradient n1h5w6c128k128r3s3p1g2 bf16",
                           "conv2d n1h6w7c8k8r1s1p1 normalise_relu bf16",
                           "conv2d n2h7w7c5k8r3s3p1 normalise f32",
                           "conv2d_filter_gradient n1h6w7c8k8r1s1p1 normalise f16",
                           "depthwise_conv2d n1h6w7c8k8r3s3p1 normalise_relu6 bf16",
                           "depthwise_conv2d n2h9w11c8k8r3s3p1u2 f32",
                           "depthwise_conv2d_filter_gradient n2h9w11c8k8r3s3p1 bf16",
                           "depthwise_conv2d_filter_gradient n1h2w11c8k8r3s3p1 bf16",
                           "depthwise_conv2d_filter_gradient n2h9w11c8k8r3s3p1u2 f32"}) {
    const Problem problem = parse_problem(line);
    const int64_t channels = problem.inputs[0].shape[3];
    const int64_t middle = problem.inputs[0].shape.elements() / 2 / channels;
    // Pixels with neighbours on both sides; their last channel, which stands before the next pixel's window, too.
    for (const int64_t at : {(middle + 5) * channels, (middle + 7) * channels - 1}) {
      for (const double value : {double{NAN}, double{INFINITY}}) {
        Random random(1);
        Tensors inputs = default_inputs(problem, InputKind::kReals, random);
        set_value(inputs[0], at, value);
        expect_alike(problem, inputs);
      }
    }
  }
}

// A row's NaN is that row's alone, a feature's that feature's: among rows and columns that fill a kernel's
// tile and are dropped, and at the end, where the last chunk is not whole.
TEST(NotANumber, OfALinearLayerStaysInItsRowOrColumn) {
  for (const char* line :
       {"linear n3f37m6", "linear n1f72m5 bf16", "linear n6f64m34 bias f16", "linear n9f140m3",
        "linear n13f296m35 bias relu bf16", "linear n16f20m9 f16", "linear n17f24m70",
        "linear_input_gradient n3f35m70", "linear_input_gradient n1f24m9 bf16",
        "linear_input_gradient n7f40m100 f16", "linear_input_gradient n11f36m19",
        "linear_input_gradient n13f140m66 f16", "linear_input_gradient n17f24m70 bf16"}) {
    for (const double value : {double{NAN}, double{INFINITY}}) {
      for (const std::size_t input : {0, 1}) {
        const Problem problem = parse_problem(line);
        Random random(1);
        Tensors inputs = default_inputs(problem, InputKind::kReals, random);
        set_value(inputs[input], inputs[input].elements() - 1, value);
        expect_alike(problem, inputs);
        set_value(inputs[input], inputs[input].elements() / 2, value);
        expect_alike(problem, inputs);
      }
    }
  }
}

// What is no pixel of x is zero, whatever xhat of zero would be: here it is beyond f16's largest number,
// where each xhat is 0 or 1. 15 and 35 pixels fill no step of a kernel's depth.
TEST(Prologue, MakesNothingOfPixelsThatAreNone) {
  for (const char* line : {"conv2d n1h3w5c16k8r1s1 normalise f16",
                           "conv2d_filter_gradient n1h5w7c16k8r1s1 normalise f16",
                           "conv2d_filter_gradient n1h6w7c16k8r1s1p1 normalise f16",
                           "depthwise_conv2d n1h4w5c8k8r3s3p1 normalise f16"}) {
    const Problem problem = parse_problem(line);
    Random random(1);
    Tensors inputs = default_inputs(problem, InputKind::kReals, random);
    const int64_t channels = problem.inputs[0].shape[3];
    for (int64_t i = 0; i < inputs[0].elements(); ++i) set_value(inputs[0], i, -300);
    for (int64_t c = 0; c < channels; ++c) {
      set_value(inputs.back(), c, -300);
      set_value(inputs.back(), channels + c, 316);
      set_value(inputs.back(), 2 * channels + c, c % 2);
    }
    expect_alike(problem, inputs);
  }
}

}  // namespace
}  // namespace voluta::judge
