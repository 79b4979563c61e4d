#pragma once

// cuBLASLt, opened at first use: the library links and runs without it. Internal: cuBLASLt's types
// show here, so only the <op>_cublaslt.cpp files include it, and it is no part of the installed
// headers. Builds without CUDA and the SIMT build see neither cuBLASLt's header nor this table;
// VOLUTA_HAS_CUBLASLT says which build this is, and supports_cublaslt() is there in all of them.

#include <voluta/core/graph/op.h>

#if defined(VOLUTA_WITH_CUDA) && !defined(VOLUTA_SIMT) && __has_include(<cublasLt.h>)
#define VOLUTA_HAS_CUBLASLT 1
#include <cublasLt.h>
#else
#define VOLUTA_HAS_CUBLASLT 0
#endif

namespace voluta {

// Whether cuBLASLt can be used in this process, and the problem has no empty tensor and none of f64.
Support supports_cublaslt(const Problem& problem);

#if VOLUTA_HAS_CUBLASLT

// The functions that this project calls.
#define VOLUTA_CUBLASLT_FUNCTIONS(F) \
  F(cublasLtGetStatusString)         \
  F(cublasLtCreate)                  \
  F(cublasLtMatmul)                  \
  F(cublasLtMatmulAlgoGetHeuristic)  \
  F(cublasLtMatmulDescCreate)        \
  F(cublasLtMatmulDescDestroy)       \
  F(cublasLtMatmulDescSetAttribute)  \
  F(cublasLtMatrixLayoutCreate)      \
  F(cublasLtMatrixLayoutDestroy)     \
  F(cublasLtMatmulPreferenceCreate)  \
  F(cublasLtMatmulPreferenceDestroy) \
  F(cublasLtMatmulPreferenceSetAttribute)

// The table of cuBLASLt's functions, under their own names: cublaslt().cublasLtCreate(...).
struct CublasltLibrary {
#define VOLUTA_CUBLASLT_MEMBER(name) decltype(&::name) name = nullptr;
  VOLUTA_CUBLASLT_FUNCTIONS(VOLUTA_CUBLASLT_MEMBER)
#undef VOLUTA_CUBLASLT_MEMBER

  // Calls f(name, function) for each.
  template <class F>
  void for_each(F f) {
#define VOLUTA_CUBLASLT_VISIT(name) f(#name, name);
    VOLUTA_CUBLASLT_FUNCTIONS(VOLUTA_CUBLASLT_VISIT)
#undef VOLUTA_CUBLASLT_VISIT
  }
};

// Throws kFailed where supports_cublaslt() would have said no.
const CublasltLibrary& cublaslt();

// Throws kFailed with cuBLASLt's own words: check_cublaslt(status, "cublasLtCreate").
void check_cublaslt(cublasStatus_t status, const char* call);

// This thread's handle on the current device.
cublasLtHandle_t cublaslt_handle();
// The same on a stream's device, which becomes the current one.
cublasLtHandle_t cublaslt_handle(Stream& stream);

#endif

}  // namespace voluta
