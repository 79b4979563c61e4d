// Every descriptor of cudnn_plans.cpp and cudnn_operation_graph.cpp, as cuDNN itself takes it.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/kernels/common/cudnn_operation_graph.h>

#include <set>

#include "cudnn_without_device.h"

#if VOLUTA_CUDNN_WITHOUT_DEVICE

namespace voluta {
namespace {

using Direction = CudnnConvolution::Direction;

struct Layer {
  const char* name;
  int64_t n, c, h, k, groups, r, stride, padding;
};

constexpr Layer kLayers[] = {{"3x3", 32, 64, 56, 64, 1, 3, 1, 1},
                             {"1x1", 32, 256, 56, 64, 1, 1, 1, 0},
                             {"7x7 of a picture", 8, 3, 224, 64, 1, 7, 2, 3},
                             {"3x3 stride 2", 32, 128, 56, 128, 1, 3, 2, 1},
                             {"groups", 32, 128, 56, 128, 32, 3, 1, 1},
                             {"depthwise", 32, 32, 112, 32, 32, 3, 1, 1},
                             {"odd channels", 2, 5, 9, 7, 1, 3, 1, 1}};

CudnnConvolution convolution(const Layer& of, DType dtype, Direction direction) {
  const int64_t p = (of.h + 2 * of.padding - of.r) / of.stride + 1;
  return {.direction = direction,
          .dtype = dtype,
          .x = {of.n, of.c, of.h, of.h},
          .w = {of.k, of.c / of.groups, of.r, of.r},
          .y = {of.n, of.k, p, p},
          .stride = {of.stride, of.stride},
          .dilation = {1, 1},
          .padding_before = {of.padding, of.padding},
          .padding_after = {of.padding, of.padding}};
}

class CudnnPlansTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const Support support = has_cudnn(); !support.ok) GTEST_SKIP() << support.reason;
    take_built_plans();
  }
};

TEST_F(CudnnPlansTest, EveryConvolutionHasPlansAndEachOnce) {
  for (const Layer& layer : kLayers) {
    for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
      for (const Direction direction :
           {Direction::kForward, Direction::kInputGradient, Direction::kFilterGradient}) {
        const std::string where = std::string(layer.name) + " " + std::string(name_of(dtype)) +
                                  ", direction " + std::to_string(static_cast<int>(direction));
        const CudnnConvolution of = convolution(layer, dtype, direction);
        const std::vector<Execution> plans = cudnn_convolution_plans(of, CudnnPlans::kAll);
        const std::vector<std::string> built = take_built_plans();
        EXPECT_EQ(built.size(), plans.size()) << where;
        EXPECT_EQ(std::set(built.begin(), built.end()).size(), built.size()) << where;
        EXPECT_EQ(cudnn_convolution_plans(of, CudnnPlans::kFirst).size(), 1U) << where;
        EXPECT_TRUE(cudnn_convolution_plans(of, CudnnPlans::kFirst)[0].deterministic) << where;
        take_built_plans();
      }
    }
  }
}

TEST_F(CudnnPlansTest, Tf32AddsPlans) {
  CudnnConvolution of = convolution(kLayers[0], DType::f32, Direction::kForward);
  const std::size_t exact = cudnn_convolution_plans(of, CudnnPlans::kAll).size();
  of.allow_tf32 = true;
  EXPECT_GT(cudnn_convolution_plans(of, CudnnPlans::kAll).size(), exact);
}

// Plans of most are compiled for the device that is there.
TEST_F(CudnnPlansTest, GraphsOfEveryEpilogue) {
  using Epilogue = CudnnConvolution::Epilogue;
  for (const Epilogue& epilogue :
       {Epilogue{.bias = true}, Epilogue{.activation = ActivationKind::kRelu},
        Epilogue{.bias = true, .activation = ActivationKind::kRelu6},
        Epilogue{.bias = true, .activation = ActivationKind::kTanh},
        Epilogue{.scale_shift = true, .activation = ActivationKind::kSigmoid},
        Epilogue{.bias = true,
        .scale_shift = true,
        .residual = true,
        .activation = ActivationKind::kRelu}}) {
    for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
      CudnnConvolution of = convolution(kLayers[0], dtype, Direction::kForward);
      of.epilogue = epilogue;
      const CudnnOperationGraph graph(of);
      const std::size_t inputs = 2U + epilogue.bias + 2U * epilogue.scale_shift + epilogue.residual;
      EXPECT_EQ(graph.tensor_names().size(), inputs + 1);
    }
  }
}

TEST_F(CudnnPlansTest, PaddingAndDilationOfEachSide) {
  CudnnConvolution of = convolution(kLayers[0], DType::bf16, Direction::kForward);
  of.padding_before = {0, 2};
  of.padding_after = {2, 1};
  of.dilation = {1, 2};
  of.y = {of.x[0], of.w[0], of.x[2], of.x[3] - 1};
  EXPECT_FALSE(cudnn_convolution_plans(of, CudnnPlans::kAll).empty());
}

}  // namespace
}  // namespace voluta

#endif
