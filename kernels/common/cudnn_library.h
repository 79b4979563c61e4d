#pragma once

// cuDNN 9, opened at first use: the library links and runs without it. Internal: cuDNN's types show
// here, so only the <op>_cudnn.cpp files include it, and it is no part of the installed headers.
// Builds without CUDA and the SIMT build see neither cuDNN's header nor this table;
// VOLUTA_HAS_CUDNN says which build this is, and supports_cudnn() is there in all of them.

#include <voluta/core/graph/op.h>

#if defined(VOLUTA_WITH_CUDA) && !defined(VOLUTA_SIMT) && __has_include(<cudnn.h>)
#define VOLUTA_HAS_CUDNN 1
#include <cudnn.h>
#else
#define VOLUTA_HAS_CUDNN 0
#endif

namespace voluta {

// Whether cuDNN can be used in this process.
Support has_cudnn();
// The same, and f32 is all the problem asks for.
Support supports_cudnn(const Problem& problem);

#if VOLUTA_HAS_CUDNN

// The functions that this project calls.
#define VOLUTA_CUDNN_FUNCTIONS(F)                  \
  F(cudnnGetErrorString)                           \
  F(cudnnCreate)                                   \
  F(cudnnSetStream)                                \
  F(cudnnCreateTensorDescriptor)                   \
  F(cudnnSetTensor4dDescriptor)                    \
  F(cudnnDestroyTensorDescriptor)                  \
  F(cudnnCreateFilterDescriptor)                   \
  F(cudnnSetFilter4dDescriptor)                    \
  F(cudnnDestroyFilterDescriptor)                  \
  F(cudnnCreateConvolutionDescriptor)              \
  F(cudnnSetConvolution2dDescriptor)               \
  F(cudnnSetConvolutionGroupCount)                 \
  F(cudnnSetConvolutionMathType)                   \
  F(cudnnDestroyConvolutionDescriptor)             \
  F(cudnnCreateActivationDescriptor)               \
  F(cudnnSetActivationDescriptor)                  \
  F(cudnnDestroyActivationDescriptor)              \
  F(cudnnGetConvolutionForwardAlgorithm_v7)        \
  F(cudnnGetConvolutionBackwardDataAlgorithm_v7)   \
  F(cudnnGetConvolutionBackwardFilterAlgorithm_v7) \
  F(cudnnConvolutionForward)                       \
  F(cudnnConvolutionBackwardData)                  \
  F(cudnnConvolutionBackwardFilter)                \
  F(cudnnAddTensor)                                \
  F(cudnnActivationForward)                        \
  F(cudnnActivationBackward)                       \
  F(cudnnCreatePoolingDescriptor)                  \
  F(cudnnSetPooling2dDescriptor)                   \
  F(cudnnDestroyPoolingDescriptor)                 \
  F(cudnnPoolingForward)                           \
  F(cudnnPoolingBackward)                          \
  F(cudnnCreateLRNDescriptor)                      \
  F(cudnnSetLRNDescriptor)                         \
  F(cudnnDestroyLRNDescriptor)                     \
  F(cudnnLRNCrossChannelForward)                   \
  F(cudnnLRNCrossChannelBackward)                  \
  F(cudnnBatchNormalizationForwardTraining)        \
  F(cudnnBatchNormalizationForwardInference)       \
  F(cudnnBatchNormalizationBackward)               \
  F(cudnnBackendCreateDescriptor)                  \
  F(cudnnBackendDestroyDescriptor)                 \
  F(cudnnBackendSetAttribute)                      \
  F(cudnnBackendGetAttribute)                      \
  F(cudnnBackendFinalize)                          \
  F(cudnnBackendExecute)

// The table of cuDNN's functions, under their own names: cudnn().cudnnCreate(...).
struct CudnnLibrary {
#define VOLUTA_CUDNN_MEMBER(name) decltype(&::name) name = nullptr;
  VOLUTA_CUDNN_FUNCTIONS(VOLUTA_CUDNN_MEMBER)
#undef VOLUTA_CUDNN_MEMBER

  // Calls f(name, function) for each.
  template <class F>
  void for_each(F f) {
#define VOLUTA_CUDNN_VISIT(name) f(#name, name);
    VOLUTA_CUDNN_FUNCTIONS(VOLUTA_CUDNN_VISIT)
#undef VOLUTA_CUDNN_VISIT
  }
};

// Throws kFailed where supports_cudnn() would have said no.
const CudnnLibrary& cudnn();

// Throws kFailed with cuDNN's own words: check_cudnn(status, "cudnnCreate").
void check_cudnn(cudnnStatus_t status, const char* call);

// A handle of this thread on the current device, without a stream.
cudnnHandle_t cudnn_handle();
// The same, set to a stream and to the stream's device.
cudnnHandle_t cudnn_handle(Stream& stream);

#endif

}  // namespace voluta
