#pragma once

// Problems of this room as graphs of cuDNN. Internal.

#include <voluta/kernels/common/cudnn_plans.h>

namespace voluta {

// Whether cuDNN is there and asked for the problem's activation.
Support supports_conv2d_graph(const Problem& problem);

// cudnn_convolution_plans() of a problem, for f32 with or without tf32.
std::vector<Execution> conv2d_graph_plans(const Problem& problem,
                                          CudnnConvolution::Direction direction, bool allow_tf32,
                                          CudnnPlans which);

}  // namespace voluta
