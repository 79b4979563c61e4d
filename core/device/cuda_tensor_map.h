#pragma once

// Tensor maps by the CUDA driver. Internal to cuda_runtime.cpp.

#include <voluta/core/device/tensor_map.h>

namespace voluta {

// Throws kFailed with the driver's reason.
TensorMap encode_cuda_tensor_map(const TensorMapLayout& layout);

}  // namespace voluta
