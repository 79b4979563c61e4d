#pragma once

// A descriptor of cuDNN's backend interface. Internal to the files on graphs of cuDNN.

#include <voluta/kernels/common/cudnn_library.h>

#include <span>
#include <utility>

#if VOLUTA_HAS_CUDNN

namespace voluta {

// Owns the descriptor.
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type) {
    check_cudnn(cudnn().cudnnBackendCreateDescriptor(type, &handle_),
                "cudnnBackendCreateDescriptor");
  }
  ~CudnnDescriptor() {
    if (handle_ != nullptr) cudnn().cudnnBackendDestroyDescriptor(handle_);
  }
  CudnnDescriptor(CudnnDescriptor&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  CudnnDescriptor& operator=(CudnnDescriptor&&) = delete;

  cudnnBackendDescriptor_t get() const { return handle_; }

  template <class T>
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       std::span<const T> values) {
    check_cudnn(cudnn().cudnnBackendSetAttribute(
                    handle_, name, type, static_cast<int64_t>(values.size()), values.data()),
                "cudnnBackendSetAttribute");
    return *this;
  }
  template <class T>
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       const T& value) {
    return set(name, type, std::span<const T>(&value, 1));
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, std::span<const int64_t> values) {
    return set(name, CUDNN_TYPE_INT64, values);
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const CudnnDescriptor& part) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, part.handle_);
  }

  void finalize() { check_cudnn(cudnn().cudnnBackendFinalize(handle_), "cudnnBackendFinalize"); }
  bool try_to_finalize() { return cudnn().cudnnBackendFinalize(handle_) == CUDNN_STATUS_SUCCESS; }

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

}  // namespace voluta

#endif
