#pragma once

// CUDA's atomics. Blocks run on several OS threads, so they are real ones; relaxed, as CUDA's are.
// __threadfence is what orders memory around them.

#include <voluta/simt/thread.h>

#include <atomic>

namespace voluta::simt {

inline void before_atomic() {
#if defined(__SANITIZE_THREAD__)
  fenced_atomic();
#endif
}

// *address = op(*address) in one step; the old value.
template <class T, class Op>
T atomic_update(T* address, Op op) {
  before_atomic();
  std::atomic_ref<T> cell(*address);
  T old = cell.load(std::memory_order_relaxed);
  while (!cell.compare_exchange_weak(old, op(old), std::memory_order_relaxed)) {
  }
  return old;
}

template <class T>
T atomic_add(T* address, T value) {
  before_atomic();
  return std::atomic_ref<T>(*address).fetch_add(value, std::memory_order_relaxed);
}

template <class T>
T atomic_exchange(T* address, T value) {
  before_atomic();
  return std::atomic_ref<T>(*address).exchange(value, std::memory_order_relaxed);
}

template <class T>
T atomic_compare_and_swap(T* address, T expected, T value) {
  before_atomic();
  std::atomic_ref<T>(*address).compare_exchange_strong(expected, value, std::memory_order_relaxed);
  return expected;
}

}  // namespace voluta::simt

#define VOLUTA_SIMT_ATOMIC(type)                          \
  inline type atomicAdd(type* address, type value) {      \
    return voluta::simt::atomic_add(address, value);      \
  }                                                       \
  inline type atomicExch(type* address, type value) {     \
    return voluta::simt::atomic_exchange(address, value); \
  }

#define VOLUTA_SIMT_INTEGER_ATOMIC(type)                                                     \
  VOLUTA_SIMT_ATOMIC(type)                                                                   \
  inline type atomicMin(type* address, type value) {                                         \
    return voluta::simt::atomic_update(address,                                              \
                                       [=](type old) { return value < old ? value : old; }); \
  }                                                                                          \
  inline type atomicMax(type* address, type value) {                                         \
    return voluta::simt::atomic_update(address,                                              \
                                       [=](type old) { return old < value ? value : old; }); \
  }                                                                                          \
  inline type atomicAnd(type* address, type value) {                                         \
    return voluta::simt::atomic_update(address, [=](type old) { return old & value; });      \
  }                                                                                          \
  inline type atomicOr(type* address, type value) {                                          \
    return voluta::simt::atomic_update(address, [=](type old) { return old | value; });      \
  }                                                                                          \
  inline type atomicXor(type* address, type value) {                                         \
    return voluta::simt::atomic_update(address, [=](type old) { return old ^ value; });      \
  }                                                                                          \
  inline type atomicCAS(type* address, type expected, type value) {                          \
    return voluta::simt::atomic_compare_and_swap(address, expected, value);                  \
  }

VOLUTA_SIMT_INTEGER_ATOMIC(int)
VOLUTA_SIMT_INTEGER_ATOMIC(unsigned)
VOLUTA_SIMT_INTEGER_ATOMIC(unsigned long long)
VOLUTA_SIMT_ATOMIC(float)
VOLUTA_SIMT_ATOMIC(double)
#undef VOLUTA_SIMT_INTEGER_ATOMIC
#undef VOLUTA_SIMT_ATOMIC

inline int atomicSub(int* address, int value) {
  return voluta::simt::atomic_update(address, [=](int old) {
    return static_cast<int>(static_cast<unsigned>(old) - static_cast<unsigned>(value));
  });
}
inline unsigned atomicSub(unsigned* address, unsigned value) {
  return voluta::simt::atomic_add(address, 0u - value);
}
inline long long atomicMin(long long* address, long long value) {
  return voluta::simt::atomic_update(address,
                                     [=](long long old) { return value < old ? value : old; });
}
inline long long atomicMax(long long* address, long long value) {
  return voluta::simt::atomic_update(address,
                                     [=](long long old) { return old < value ? value : old; });
}
inline unsigned short atomicCAS(unsigned short* address, unsigned short expected,
                                unsigned short value) {
  return voluta::simt::atomic_compare_and_swap(address, expected, value);
}
// Counts 0, 1, ..., limit, 0, ... and backwards.
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return voluta::simt::atomic_update(address,
                                     [=](unsigned old) { return old >= limit ? 0u : old + 1; });
}
inline unsigned atomicDec(unsigned* address, unsigned limit) {
  return voluta::simt::atomic_update(
      address, [=](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}

inline void __threadfence() {
  voluta::simt::memory_fence();
}
inline void __threadfence_block() {
  voluta::simt::memory_fence();
}
inline void __threadfence_system() {
  voluta::simt::memory_fence();
}
