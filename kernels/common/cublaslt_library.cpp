#include <voluta/core/error.h>
#include <voluta/kernels/common/cublaslt_library.h>
#include <voluta/kernels/common/problem_checks.h>

#include <string>

#if VOLUTA_HAS_CUBLASLT
#include <voluta/kernels/common/vendor_library.h>
#endif

namespace voluta {

#if VOLUTA_HAS_CUBLASLT
namespace {

// The library of the toolkit whose header this was compiled with.
const VendorLibrary<CublasltLibrary>& loaded() {
  static const VendorLibrary<CublasltLibrary> library =
      open_library<CublasltLibrary>("libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR), "cuBLAS");
  return library;
}

}  // namespace

const CublasltLibrary& cublaslt() {
  if (!loaded().missing.empty()) fail(ErrorKind::kFailed, "cuBLASLt: " + loaded().missing);
  return loaded().functions;
}

void check_cublaslt(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(ErrorKind::kFailed,
       std::string("cuBLASLt: ") + call + ": " + cublaslt().cublasLtGetStatusString(status));
}

cublasLtHandle_t cublaslt_handle() {
  return handle_on_current_device<cublasLtHandle_t>("cuBLASLt", [](cublasLtHandle_t* handle) {
    check_cublaslt(cublaslt().cublasLtCreate(handle), "cublasLtCreate");
  });
}

cublasLtHandle_t cublaslt_handle(Stream& stream) {
  stream.runtime().make_current(stream.device().index);
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
