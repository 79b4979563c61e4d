#include <voluta/core/error.h>
#include <voluta/kernels/common/cudnn_library.h>

#include <string>

#if VOLUTA_HAS_CUDNN
#include <voluta/kernels/common/vendor_library.h>
#endif

namespace voluta {

#if VOLUTA_HAS_CUDNN
namespace {

const VendorLibrary<CudnnLibrary>& loaded() {
  static const VendorLibrary<CudnnLibrary> library =
      open_library<CudnnLibrary>("libcudnn.so.9", "cuDNN 9");
  return library;
}

}  // namespace

const CudnnLibrary& cudnn() {
  if (!loaded().missing.empty()) fail(ErrorKind::kFailed, "cuDNN: " + loaded().missing);
  return loaded().functions;
}

void check_cudnn(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  fail(ErrorKind::kFailed,
       std::string("cuDNN: ") + call + ": " + cudnn().cudnnGetErrorString(status));
}

cudnnHandle_t cudnn_handle() {
  return handle_on_current_device<cudnnHandle_t>("cuDNN", [](cudnnHandle_t* handle) {
    check_cudnn(cudnn().cudnnCreate(handle), "cudnnCreate");
  });
}

cudnnHandle_t cudnn_handle(Stream& stream) {
  stream.runtime().make_current(stream.device().index);
  const cudnnHandle_t handle = cudnn_handle();
  check_cudnn(cudnn().cudnnSetStream(handle, static_cast<cudaStream_t>(stream.handle())),
              "cudnnSetStream");
  return handle;
}

#endif

Support has_cudnn() {
#if VOLUTA_HAS_CUDNN
  return loaded().missing.empty() ? Support::yes() : Support::no(loaded().missing);
#else
  return Support::no("cuDNN runs on CUDA hardware only");
#endif
}

Support supports_cudnn(const Problem& problem) {
  if (Support support = has_cudnn(); !support.ok) return support;
  for (const auto* types : {&problem.inputs, &problem.outputs}) {
    for (const TensorType& type : *types) {
      if (type.dtype != DType::f32) {
        return Support::no("computes in f32, not " + std::string(name_of(type.dtype)));
      }
    }
  }
  return Support::yes();
}

}  // namespace voluta
