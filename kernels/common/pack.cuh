#pragma once

// Neighbours in memory as one access moves them, unpacked where they are used: what a kernel that has
// many loads under way at once keeps in registers.

#include <voluta/kernels/common/packed_pair.h>
#include <voluta/core/device/launch.cuh>

#include <cstdint>
#include <type_traits>

namespace voluta {

// kWidth of float, BFloat16 or Float16: 16 bytes or less, aligned to all of them.
template <class T, int kWidth>
struct alignas(kWidth * sizeof(T)) Pack {
  using Word = std::conditional_t<std::is_same_v<T, float> || kWidth == 1, T, uint32_t>;
  Word words[kWidth * sizeof(T) / sizeof(Word)];

  __device__ float operator[](int i) const {
    if constexpr (std::is_same_v<Word, T>) {
      return to_float(words[i]);
    } else {
      return unpack_low<T>(words[i / 2] >> i % 2 * 16);
    }
  }
};

// The item-th pack from `from` on, of memory that the kernel reads once and does not write: in L1 it
// takes nobody's place.
template <class T, int kWidth>
__device__ inline Pack<T, kWidth> load_once(const T* from, int64_t item) {
  using Item = Pack<T, kWidth>;
  const Item* at = reinterpret_cast<const Item*>(from) + item;
#ifdef __CUDA_ARCH__
  if constexpr (sizeof(Item) >= 8) {
    union {
      uint32_t words[sizeof(Item) / 4];
      Item pack = {};
    };
    if constexpr (sizeof(Item) == 16) {
      asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
          : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
          : "l"(__cvta_generic_to_global(at)));
    } else {
      asm("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
          : "=r"(words[0]), "=r"(words[1])
          : "l"(__cvta_generic_to_global(at)));
    }
    return pack;
  }
#endif
  return *at;
}

// The same of memory that others read too.
template <class T, int kWidth>
__device__ inline Pack<T, kWidth> load_pack(const T* from, int64_t item) {
  return reinterpret_cast<const Pack<T, kWidth>*>(from)[item];
}

// The same where `there`, else zeros: a load under a predicate. Behind a branch the next would wait for
// the address of this one, and behind an unpacking for its data.
template <class T, int kWidth>
__device__ inline Pack<T, kWidth> load_pack_if(bool there, const T* from, int64_t item) {
  Pack<T, kWidth> pack{};
  if (there) pack = load_pack<T, kWidth>(from, item);
  return pack;
}

}  // namespace voluta
