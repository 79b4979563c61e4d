#pragma once

// The one way to launch a kernel:
//
//   launch(stream, "conv2d_direct", {.grid = {blocks, 1, 1}, .block = {256, 1, 1}},
//          conv2d_direct, x, w, y, geometry);
//
// and the one way to declare shared memory inside one, in both builds:
//
//   VOLUTA_SHARED(float[kRows][kColumns], tile);      // static
//   VOLUTA_DYNAMIC_SHARED(float, buffer);             // LaunchShape::shared_bytes of it
//
// <cuda_runtime.h> is the toolkit's under nvcc; the SIMT build puts simt/include first, whose
// header of the same name runs kernels on fibers and defines the two macros its own way.

#include <cuda_runtime.h>
#include <voluta/core/device/stream.h>

#include <tuple>
#include <type_traits>

#ifndef VOLUTA_SHARED
#define VOLUTA_SHARED(type, name) __shared__ std::type_identity_t<type> name
#define VOLUTA_DYNAMIC_SHARED(type, name)                                  \
  extern __shared__ __align__(1024) unsigned char voluta_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(voluta_dynamic_shared)
#endif

namespace voluta {

template <class... Parameters, class... Arguments>
void launch(Stream& stream, const char* name, const LaunchShape& shape,
            void (*kernel)(Parameters...), Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments));
  std::tuple<std::remove_cv_t<Parameters>...> values(std::forward<Arguments>(arguments)...);
  KernelCall call{.name = name, .symbol = reinterpret_cast<const void*>(kernel)};
#ifdef VOLUTA_SIMT
  call.body = [kernel, values] { std::apply(kernel, values); };
  stream.runtime().launch(stream.device().index, shape, call, stream.handle());
#else
  std::apply(
      [&](auto&... value) {
        void* addresses[] = {&value..., nullptr};
        call.arguments = addresses;
        stream.runtime().launch(stream.device().index, shape, call, stream.handle());
      },
      values);
#endif
}

// Blocks of `block` threads that cover `count` items.
inline unsigned blocks_for(int64_t count, int64_t block) {
  return static_cast<unsigned>((count + block - 1) / block);
}

}  // namespace voluta
