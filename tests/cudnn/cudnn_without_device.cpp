#include "cudnn_without_device.h"

#include <voluta/core/error.h>

#include <string_view>
#include <utility>

#if VOLUTA_HAS_CUDNN
#include <voluta/kernels/common/vendor_library.h>
#endif

namespace voluta {

#if VOLUTA_CUDNN_WITHOUT_DEVICE
namespace {

constexpr std::string_view kH200 = R"({"deviceVer":900,"driverVer":13000,"cudaDeviceId":0,
"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,
"multiProcessorCount":132,"warpSize":32,"maxSharedMemoryPerBlock":49152,
"maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,
"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,
"supportCoopLaunch":1,"smClockRateKHz":1980000,"memClockRateKHz":3201000,"l2CacheSize":62914560,
"deviceName":"NVIDIA H200","totalGlobalMem":150754820096})";

const VendorLibrary<CudnnLibrary>& loaded() {
  static const VendorLibrary<CudnnLibrary> library =
      open_library<CudnnLibrary>("libcudnn.so.9", "cuDNN 9");
  return library;
}

cudnnStatus_t set_device(cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name) {
  const CudnnLibrary& real = loaded().functions;
  static const cudnnBackendDescriptor_t properties = [&] {
    cudnnBackendDescriptor_t made = nullptr;
    real.cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &made);
    real.cudnnBackendSetAttribute(made, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                  static_cast<int64_t>(kH200.size()), kH200.data());
    real.cudnnBackendFinalize(made);
    return made;
  }();
  return real.cudnnBackendSetAttribute(of, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &properties);
}

cudnnStatus_t set_attribute(cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  if (name == CUDNN_ATTR_OPERATIONGRAPH_HANDLE) return CUDNN_STATUS_SUCCESS;
  if (name == CUDNN_ATTR_EXECUTION_PLAN_HANDLE) {
    return set_device(of, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  }
  if (name == CUDNN_ATTR_ENGINEHEUR_MODE) {
    const cudnnStatus_t status = set_device(of, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
    if (status != CUDNN_STATUS_SUCCESS) return status;
  }
  return loaded().functions.cudnnBackendSetAttribute(of, name, type, count, values);
}

std::vector<std::string> built_plans;

// A plan alone has this attribute.
cudnnStatus_t finalize(cudnnBackendDescriptor_t descriptor) {
  const CudnnLibrary& real = loaded().functions;
  const cudnnStatus_t status = real.cudnnBackendFinalize(descriptor);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  std::string text(1 << 16, '\0');
  int64_t length = 0;
  if (real.cudnnBackendGetAttribute(descriptor, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                    CUDNN_TYPE_CHAR, static_cast<int64_t>(text.size()), &length,
                                    text.data()) == CUDNN_STATUS_SUCCESS) {
    text.resize(static_cast<std::size_t>(length));
    built_plans.push_back(std::move(text));
  }
  return status;
}

}  // namespace

std::vector<std::string> take_built_plans() {
  return std::exchange(built_plans, {});
}

const CudnnLibrary& cudnn() {
  static const CudnnLibrary table = [] {
    CudnnLibrary made = loaded().functions;
    made.cudnnBackendSetAttribute = set_attribute;
    made.cudnnBackendFinalize = finalize;
    return made;
  }();
  return table;
}

void check_cudnn(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  fail(ErrorKind::kFailed,
       std::string("cuDNN: ") + call + ": " + cudnn().cudnnGetErrorString(status));
}

cudnnHandle_t cudnn_handle() {
  return nullptr;
}

cudnnHandle_t cudnn_handle(Stream&) {
  return nullptr;
}

Support has_cudnn() {
  return loaded().missing.empty() ? Support::yes() : Support::no(loaded().missing);
}

#else

Support has_cudnn() {
  return Support::no("this build has no cuDNN 9.8 or newer");
}

#endif

Support supports_cudnn(const Problem&) {
  return has_cudnn();
}

}  // namespace voluta
