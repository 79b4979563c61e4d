#pragma once

// Shared memory of the running block. Each declaration is a variable of its own, known by the
// address of a function-local static, filled with NaNs before each block and fenced.

#include <voluta/simt/thread.h>

#include <cstddef>
#include <type_traits>

namespace voluta::simt {

constexpr std::size_t kMaxSharedBytes = 227 * 1024;  // a block's share of an SM on sm_90

void* shared_variable(const void* tag, const char* name, std::size_t bytes, std::size_t alignment);
void* dynamic_shared(const char* name);  // LaunchShape::shared_bytes, 1024-aligned

// Whether `pointer` lies in the shared memory of the running block.
bool is_shared(const void* pointer);

template <class T>
T& shared(const void* tag, const char* name) {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "no constructor or destructor runs for a __shared__ variable");
  return *static_cast<T*>(shared_variable(tag, name, sizeof(T), alignof(T)));
}

}  // namespace voluta::simt

#define VOLUTA_SHARED(type, name)       \
  static char voluta_shared_tag_##name; \
  std::type_identity_t<type>& name =    \
      ::voluta::simt::shared<std::type_identity_t<type>>(&voluta_shared_tag_##name, #name)

#define VOLUTA_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::voluta::simt::dynamic_shared(#name))
