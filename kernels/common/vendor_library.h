#pragma once

// A library of NVIDIA's, opened at first use, so that this one links and runs without it. Internal to
// cudnn_library.cpp, cublaslt_library.cpp and their tests.

#include <voluta/core/error.h>

#include <cuda_runtime.h>
#include <dlfcn.h>

#include <map>
#include <string>
#include <type_traits>

namespace voluta {

// Table has the library's functions under their own names, and for_each(f), which calls f(name, function).
template <class Table>
struct VendorLibrary {
  Table functions;
  std::string missing;  // why it cannot be used; empty where it can
};

// `package`: what is to be installed for it. Never closed: handles of other threads may outlive any scope.
template <class Table>
VendorLibrary<Table> open_library(const std::string& file, const std::string& package) {
  VendorLibrary<Table> opened;
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    opened.missing =
        file + " was not found; install " + package + " or put its folder on LD_LIBRARY_PATH";
    return opened;
  }
  opened.functions.for_each([&](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr) opened.missing = file + " has no " + name;
  });
  return opened;
}

// This thread's handle on the current device, by create(&handle) where it has none yet. Handles live as long as
// the process: destroying one at exit would race with the CUDA runtime's own end.
template <class Handle, class Create>
Handle handle_on_current_device(const char* library, Create create) {
  thread_local std::map<int, Handle> handles;  // by device
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) {
    fail(ErrorKind::kFailed,
         std::string(library) + ": cudaGetDevice: " + cudaGetErrorString(error));
  }
  Handle& handle = handles[device];
  if (handle == nullptr) create(&handle);
  return handle;
}

}  // namespace voluta
