#pragma once

// Execution plans of cuDNN 9's graph interface for a convolution in any of its directions, with the
// epilogue of the forward one.
// Source: cuDNN's documentation, "Backend API", descriptors and attributes of cudnn_graph.h.

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/common/cudnn_library.h>

#include <array>
#include <vector>

namespace voluta {

// In cuDNN's order of axes: x and y (N,C,H,W), w (K,C/G,R,S); memory is NHWC and KRSC.
struct CudnnConvolution {
  enum class Direction { kForward, kInputGradient, kFilterGradient } direction;
  DType dtype;
  std::array<int64_t, 4> x, w, y;
  std::array<int64_t, 2> stride, dilation, padding_before, padding_after;  // rows, columns
  // f32 operands may be rounded to tf32.
  bool allow_tf32 = false;
  // Forward alone: y = f((sum + b) * scale + shift + z). Its tensors are the inputs behind x and w,
  // in this order; scale and shift are f32.
  struct Epilogue {
    bool bias = false, scale_shift = false, residual = false;
    ActivationKind activation = ActivationKind::kNone;  // relu, relu6, tanh or sigmoid
  } epilogue = {};
};

// How many plans are asked for: building one takes tens of milliseconds.
enum class CudnnPlans {
  kFirst,  // the first deterministic one alone: what is run
  kAll,    // what comparisons time
};

#if VOLUTA_HAS_CUDNN

// The plans of the engine configurations that the heuristics name and that can be built: those of mode
// A, then B, then the fallbacks, each in cuDNN's own ranking and once. Left out: plans that accumulate in 16
// bits, and for f32 without allow_tf32 those on tensor cores. kAll keeps plans that are not
// deterministic and says so of each. Throws kFailed where none is left. The executions take the op's
// inputs and its output.
std::vector<Execution> cudnn_convolution_plans(const CudnnConvolution& convolution,
                                               CudnnPlans which);

#endif

}  // namespace voluta
