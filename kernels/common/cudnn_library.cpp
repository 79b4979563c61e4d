#include <voluta/core/error.h>
#include <voluta/kernels/common/cudnn_library.h>

#include <string>

#if VOLUTA_HAS_CUDNN
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <map>
#endif

namespace voluta {

#if VOLUTA_HAS_CUDNN
namespace {

constexpr const char* kFile = "libcudnn.so.9";

struct Loaded {
  CudnnLibrary library;
  std::string missing;  // why it cannot be used; empty where it can
};

// Opened once and never closed: handles of other threads may outlive any scope.
const Loaded& loaded() {
  static const Loaded result = [] {
    Loaded loading;
    void* file = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) {
      loading.missing = std::string(kFile) +
                        " was not found; install cuDNN 9 or put its folder on LD_LIBRARY_PATH";
      return loading;
    }
#define VOLUTA_CUDNN_LOAD(name)                                                   \
  loading.library.name = reinterpret_cast<decltype(&::name)>(dlsym(file, #name)); \
  if (loading.library.name == nullptr) loading.missing = std::string(kFile) + " has no " #name;
    VOLUTA_CUDNN_FUNCTIONS(VOLUTA_CUDNN_LOAD)
#undef VOLUTA_CUDNN_LOAD
    return loading;
  }();
  return result;
}

}  // namespace

const CudnnLibrary& cudnn() {
  if (!loaded().missing.empty()) fail(ErrorKind::kFailed, "cuDNN: " + loaded().missing);
  return loaded().library;
}

void check_cudnn(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  fail(ErrorKind::kFailed,
       std::string("cuDNN: ") + call + ": " + cudnn().cudnnGetErrorString(status));
}

// Handles live as long as the process: destroying one at exit would race with the CUDA runtime's
// own end.
cudnnHandle_t cudnn_handle() {
  thread_local std::map<int, cudnnHandle_t> handles;  // by device
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) {
    fail(ErrorKind::kFailed, std::string("cuDNN: cudaGetDevice: ") + cudaGetErrorString(error));
  }
  cudnnHandle_t& handle = handles[device];
  if (handle == nullptr) check_cudnn(cudnn().cudnnCreate(&handle), "cudnnCreate");
  return handle;
}

cudnnHandle_t cudnn_handle(Stream& stream) {
  if (const cudaError_t error = cudaSetDevice(stream.device().index); error != cudaSuccess) {
    fail(ErrorKind::kFailed, std::string("cuDNN: cudaSetDevice: ") + cudaGetErrorString(error));
  }
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
