// cuTensorMapEncode* are driver functions; they are asked of the runtime by name, so that the library
// does not link against libcuda and starts on machines without a driver.

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <voluta/core/device/cuda_tensor_map.h>
#include <voluta/core/error.h>

#include <cstring>

namespace voluta {
namespace {

static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) &&
              alignof(TensorMap) % alignof(CUtensorMap) == 0);

constexpr unsigned kSince = 12000;  // the CUDA version whose signature is meant

template <class Function>
Function driver_function(const char* name) {
  void* address = nullptr;
  cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &address, kSince, cudaEnableDefault, &found);
#else
  const cudaError_t error = cudaGetDriverEntryPoint(name, &address, cudaEnableDefault, &found);
#endif
  if (error != cudaSuccess || found != cudaDriverEntryPointSuccess) {
    cudaGetLastError();
    fail(ErrorKind::kFailed, fmt::format("the driver has no {}; it is older than CUDA 12", name));
  }
  return reinterpret_cast<Function>(address);
}

CUtensorMapDataType data_type(const TensorMapLayout& layout) {
  switch (layout.dtype) {
    case DType::f32:
      return layout.tf32 ? CU_TENSOR_MAP_DATA_TYPE_TFLOAT32 : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
    case DType::bf16:
      return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    case DType::f16:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    default:
      invalid(fmt::format("no tensor map of {}", name_of(layout.dtype)));
  }
}

// The arrays that both driver functions take.
struct Arguments {
  cuuint64_t extents[4], strides[3];
  cuuint32_t box[4], steps[4];
};

Arguments arguments_of(const TensorMapLayout& layout) {
  Arguments a{};
  for (std::size_t i = 0; i < 4; ++i) {
    a.extents[i] = static_cast<cuuint64_t>(layout.extents[i]);
    if (i > 0) a.strides[i - 1] = static_cast<cuuint64_t>(layout.stride_bytes[i]);
    a.box[i] = static_cast<cuuint32_t>(layout.box[i]);
    a.steps[i] = 1;
  }
  if (layout.pixels > 0) {
    a.steps[1] = static_cast<cuuint32_t>(layout.step[0]);
    a.steps[2] = static_cast<cuuint32_t>(layout.step[1]);
  }
  return a;
}

CUresult encode(const TensorMapLayout& layout, CUtensorMap* map) {
  constexpr auto kInterleave = CU_TENSOR_MAP_INTERLEAVE_NONE;
  constexpr auto kSwizzle = CU_TENSOR_MAP_SWIZZLE_128B;
  constexpr auto kPromotion = CU_TENSOR_MAP_L2_PROMOTION_L2_256B;
  constexpr auto kFill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;  // zeros
  const Arguments a = arguments_of(layout);
  const auto rank = static_cast<cuuint32_t>(layout.rank);
  void* address = const_cast<void*>(layout.address);
  if (layout.pixels == 0) {
    static const auto tiled =
        driver_function<decltype(&cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
    return tiled(map, data_type(layout), rank, address, a.extents, a.strides, a.box, a.steps,
                 kInterleave, kSwizzle, kPromotion, kFill);
  }
  static const auto im2col =
      driver_function<decltype(&cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  return im2col(map, data_type(layout), rank, address, a.extents, a.strides, layout.lower.data(),
                layout.upper.data(), static_cast<cuuint32_t>(layout.channels),
                static_cast<cuuint32_t>(layout.pixels), a.steps, kInterleave, kSwizzle, kPromotion,
                kFill);
}

}  // namespace

TensorMap encode_cuda_tensor_map(const TensorMapLayout& layout) {
  CUtensorMap encoded;
  const CUresult result = encode(layout, &encoded);
  if (result != CUDA_SUCCESS && result != CUDA_ERROR_INVALID_VALUE) {
    fail(ErrorKind::kFailed,
         fmt::format(
             "the driver encodes no tensor maps any more (CUresult {}): an earlier kernel has "
             "failed; CUDA_LAUNCH_BLOCKING=1 shows which",
             static_cast<int>(result)));
  }
  if (result != CUDA_SUCCESS) {
    fail(
        ErrorKind::kFailed,
        fmt::format("the driver refused a tensor map of {} dimensions, innermost {} x {} (CUresult "
                    "{})",
                    layout.rank, layout.extents[0], layout.extents[1], static_cast<int>(result)));
  }
  TensorMap map;
  std::memcpy(map.words.data(), &encoded, sizeof encoded);
  return map;
}

}  // namespace voluta
