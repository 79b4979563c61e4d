#include <voluta/core/error.h>
#include <voluta/kernels/common/cublaslt_library.h>
#include <voluta/kernels/common/problem_checks.h>

#include <string>

#if VOLUTA_HAS_CUBLASLT
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <map>
#endif

namespace voluta {

#if VOLUTA_HAS_CUBLASLT
namespace {

// The library of the toolkit whose header this was compiled with.
const std::string kFile = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);

struct Loaded {
  CublasltLibrary library;
  std::string missing;  // why it cannot be used; empty where it can
};

// Opened once and never closed: handles of other threads may outlive any scope.
const Loaded& loaded() {
  static const Loaded result = [] {
    Loaded loading;
    void* file = dlopen(kFile.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) {
      loading.missing =
          kFile + " was not found; install cuBLAS or put its folder on LD_LIBRARY_PATH";
      return loading;
    }
#define VOLUTA_CUBLASLT_LOAD(name)                                                \
  loading.library.name = reinterpret_cast<decltype(&::name)>(dlsym(file, #name)); \
  if (loading.library.name == nullptr) loading.missing = kFile + " has no " #name;
    VOLUTA_CUBLASLT_FUNCTIONS(VOLUTA_CUBLASLT_LOAD)
#undef VOLUTA_CUBLASLT_LOAD
    return loading;
  }();
  return result;
}

}  // namespace

const CublasltLibrary& cublaslt() {
  if (!loaded().missing.empty()) fail(ErrorKind::kFailed, "cuBLASLt: " + loaded().missing);
  return loaded().library;
}

void check_cublaslt(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(ErrorKind::kFailed,
       std::string("cuBLASLt: ") + call + ": " + cublaslt().cublasLtGetStatusString(status));
}

// Handles live as long as the process: destroying one at exit would race with the CUDA runtime's
// own end.
cublasLtHandle_t cublaslt_handle() {
  thread_local std::map<int, cublasLtHandle_t> handles;  // by device
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) {
    fail(ErrorKind::kFailed, std::string("cuBLASLt: cudaGetDevice: ") + cudaGetErrorString(error));
  }
  cublasLtHandle_t& handle = handles[device];
  if (handle == nullptr) check_cublaslt(cublaslt().cublasLtCreate(&handle), "cublasLtCreate");
  return handle;
}

cublasLtHandle_t cublaslt_handle(Stream& stream) {
  if (const cudaError_t error = cudaSetDevice(stream.device().index); error != cudaSuccess) {
    fail(ErrorKind::kFailed, std::string("cuBLASLt: cudaSetDevice: ") + cudaGetErrorString(error));
  }
  return cublaslt_handle();
}

#endif

// Why this process cannot use cuBLASLt; empty where it can.
static std::string cublaslt_missing() {
#if VOLUTA_HAS_CUBLASLT
  return loaded().missing;
#else
  return "cuBLASLt runs on CUDA hardware only";
#endif
}

Support supports_cublaslt(const Problem& problem) {
  if (std::string missing = cublaslt_missing(); !missing.empty()) return Support::no(missing);
  return supports_nonempty(problem);
}

}  // namespace voluta
