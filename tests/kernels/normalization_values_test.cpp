// NaN in one channel of batch normalisation, statistics far from zero, and batches too small.

#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include "engine_runs.h"

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

// Runs every engine under test on the line's inputs after `change` and hands outputs to `check`.
template <class Change, class Check>
void with_inputs(const std::string& line, Change&& change, Check&& check) {
  const Problem problem = parse_problem(line);
  Random random(1);
  Tensors inputs = rules_of(problem.op->name).inputs(problem, InputKind::kReals, random);
  change(inputs);
  for_each_run(problem, inputs, check);
}

constexpr int64_t kSpoiled = 1;  // channel

void spoil(Tensors& inputs) {
  set_value(inputs[0], kSpoiled + 4 * inputs[2].elements(), std::nan(""));
}

void expect_nan_in_channel(const Tensor& tensor, int64_t channels, const std::string& where) {
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    EXPECT_EQ(std::isnan(value_at(tensor, i)), i % channels == kSpoiled) << where << ", " << i;
  }
}

TEST(BatchNormNan, SpoilsItsChannelInTraining) {
  for (const int64_t channels : {3, 8}) {
    for (const char* fused : {"", " relu", " relu6", " residual relu", " relu bf16", " f16"}) {
      const std::string extents = " n3h5w2c" + std::to_string(channels) + fused;
      with_inputs("batch_norm_training" + extents, spoil,
                  [&](const Tensors& outputs, const std::string& where) {
                    for (int i = 0; i < 5; ++i) expect_nan_in_channel(outputs[i], channels, where);
                  });
    }
  }
}

// du stays what it is: neither dy nor what the activation kept is NaN, and of a NaN argument dy
// passes.
TEST(BatchNormNan, SpoilsItsChannelOfTheGradient) {
  for (const int64_t channels : {3, 8}) {
    for (const char* absorbed : {"", " relu", " relu6 du", " relu kept du"}) {
      const std::string extents = " n3h5w2c" + std::to_string(channels) + absorbed;
      with_inputs("batch_norm_training_gradient" + extents, spoil,
                  [&](const Tensors& outputs, const std::string& where) {
                    for (int i : {0, 1}) expect_nan_in_channel(outputs[i], channels, where);
                    for (std::size_t i = 2; i < outputs.size(); ++i) {
                      for (int64_t j = 0; j < outputs[i].elements(); ++j) {
                        EXPECT_FALSE(std::isnan(value_at(outputs[i], j))) << where;
                      }
                    }
                  });
    }
  }
}

TEST(BatchNormNan, StaysAloneInInference) {
  with_inputs("batch_norm_inference n3h5w2c8", spoil,
              [](const Tensors& outputs, const std::string& where) {
                for (int64_t i = 0; i < outputs[0].elements(); ++i) {
                  EXPECT_EQ(std::isnan(value_at(outputs[0], i)), i == kSpoiled + 4 * 8) << where;
                }
              });
}

// E[x^2] - E[x]^2 in f32 has no digit left here: the mean is 4,096 times the deviation.
TEST(BatchNormVariance, IsRightFarFromZero) {
  const auto far = [](Tensors& inputs) {
    for (int64_t i = 0; i < inputs[0].elements(); ++i) {
      set_value(inputs[0], i, 4096 + (i / 4 % 2 == 0 ? 1 : -1));
    }
  };
  with_inputs("batch_norm_training n600h2w2c4 eps0", far,
              [](const Tensors& outputs, const std::string& where) {
                for (int64_t c = 0; c < 4; ++c) {
                  EXPECT_NEAR(value_at(outputs[1], c), 4096, 4096 * 0x1p-22) << where;
                  EXPECT_NEAR(value_at(outputs[2], c), 1, 0x1p-18) << where;
                }
              });
}

// No power of a value of 1e25 fits f32.
TEST(BatchNormVariance, OfAConstantIsZeroHoweverLarge) {
  const auto constant = [](Tensors& inputs) {
    for (int64_t i = 0; i < inputs[0].elements(); ++i) set_value(inputs[0], i, 0x1p83);
  };
  with_inputs("batch_norm_training n100h2w2c4", constant,
              [](const Tensors& outputs, const std::string& where) {
                for (int64_t c = 0; c < 4; ++c) {
                  EXPECT_EQ(value_at(outputs[1], c), 0x1p83) << where;
                  EXPECT_NEAR(value_at(outputs[2], c), 1 / std::sqrt(1e-5), 1e-4) << where;
                }
              });
}

TEST(BatchNormShapes, OneValueAChannelIsAnError) {
  for (const char* line : {"batch_norm_training n1c5", "batch_norm_training n1h1w1c5"}) {
    try {
      parse_problem(line);
      FAIL() << line;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("expected more than 1 value per channel"),
                std::string::npos)
          << error.what();
    }
  }
  EXPECT_NO_THROW(parse_problem("batch_norm_inference n1c5"));
}

}  // namespace
}  // namespace voluta::judge
