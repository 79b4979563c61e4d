#pragma once

// Device functions that need nothing but their arguments: rounding modes, bits, conversions,
// fast math (here as exact as the host's), cache hints (here plain loads and stores).

#include <math.h>

#include <bit>

#include <cmath>
#include <cstdint>
#include <limits>

// ---- minimum and maximum: CUDA's overloads, which also mix signed with unsigned

#define VOLUTA_SIMT_MIN_MAX(type)      \
  constexpr type min(type a, type b) { \
    return b < a ? b : a;              \
  }                                    \
  constexpr type max(type a, type b) { \
    return a < b ? b : a;              \
  }
VOLUTA_SIMT_MIN_MAX(int)
VOLUTA_SIMT_MIN_MAX(unsigned)
VOLUTA_SIMT_MIN_MAX(long)
VOLUTA_SIMT_MIN_MAX(unsigned long)
VOLUTA_SIMT_MIN_MAX(long long)
VOLUTA_SIMT_MIN_MAX(unsigned long long)
#undef VOLUTA_SIMT_MIN_MAX
constexpr unsigned min(int a, unsigned b) {
  return min(static_cast<unsigned>(a), b);
}
constexpr unsigned min(unsigned a, int b) {
  return min(a, static_cast<unsigned>(b));
}
constexpr unsigned max(int a, unsigned b) {
  return max(static_cast<unsigned>(a), b);
}
constexpr unsigned max(unsigned a, int b) {
  return max(a, static_cast<unsigned>(b));
}
// Of a number and a NaN, the number, as fminf does.
inline float min(float a, float b) {
  return fminf(a, b);
}
inline float max(float a, float b) {
  return fmaxf(a, b);
}
inline double min(double a, double b) {
  return fmin(a, b);
}
inline double max(double a, double b) {
  return fmax(a, b);
}

// ---- arithmetic with a stated rounding: never contracted into an fma

inline float __fadd_rn(float a, float b) {
  return a + b;
}
inline float __fsub_rn(float a, float b) {
  return a - b;
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __fmaf_rn(float a, float b, float c) {
  return fmaf(a, b, c);
}
inline float __fsqrt_rn(float x) {
  return sqrtf(x);
}
inline float __frcp_rn(float x) {
  return 1.0f / x;
}
// Correctly rounded, but for double rounding in about one case of 2^28.
inline float __frsqrt_rn(float x) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(x)));
}
inline double __dadd_rn(double a, double b) {
  return a + b;
}
inline double __dsub_rn(double a, double b) {
  return a - b;
}
inline double __dmul_rn(double a, double b) {
  return a * b;
}
inline double __ddiv_rn(double a, double b) {
  return a / b;
}
inline double __fma_rn(double a, double b, double c) {
  return fma(a, b, c);
}
inline double __dsqrt_rn(double x) {
  return sqrt(x);
}
inline float __fdividef(float a, float b) {
  return a / b;
}
inline float __saturatef(float x) {
  return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;
}

inline float rsqrtf(float x) {
  return __frsqrt_rn(x);
}
inline double rsqrt(double x) {
  return 1.0 / sqrt(x);
}
inline float rcbrtf(float x) {
  return 1.0f / cbrtf(x);
}
inline float sinpif(float x) {
  return static_cast<float>(sin(M_PI * fmod(x, 2.0)));
}
inline float cospif(float x) {
  return static_cast<float>(cos(M_PI * fmod(x, 2.0)));
}
inline void sincospif(float x, float* sine, float* cosine) {
  *sine = sinpif(x);
  *cosine = cospif(x);
}

namespace voluta::simt {
inline float fast_exp(float x) {
  return expf(x);
}
inline float fast_exp10(float x) {
  return powf(10.0f, x);
}
inline float fast_log(float x) {
  return logf(x);
}
inline float fast_log2(float x) {
  return log2f(x);
}
inline float fast_log10(float x) {
  return log10f(x);
}
inline float fast_pow(float x, float y) {
  return powf(x, y);
}
inline float fast_sin(float x) {
  return sinf(x);
}
inline float fast_cos(float x) {
  return cosf(x);
}
inline float fast_tan(float x) {
  return tanf(x);
}
inline void fast_sincos(float x, float* sine, float* cosine) {
  *sine = sinf(x);
  *cosine = cosf(x);
}
}  // namespace voluta::simt

// Macros, because glibc has functions of these names in its headers.
#define __expf ::voluta::simt::fast_exp
#define __exp10f ::voluta::simt::fast_exp10
#define __logf ::voluta::simt::fast_log
#define __log2f ::voluta::simt::fast_log2
#define __log10f ::voluta::simt::fast_log10
#define __powf ::voluta::simt::fast_pow
#define __sinf ::voluta::simt::fast_sin
#define __cosf ::voluta::simt::fast_cos
#define __tanf ::voluta::simt::fast_tan
#define __sincosf ::voluta::simt::fast_sincos

// ---- bits

inline int __float_as_int(float x) {
  return std::bit_cast<int>(x);
}
inline unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}
inline float __int_as_float(int x) {
  return std::bit_cast<float>(x);
}
inline float __uint_as_float(unsigned x) {
  return std::bit_cast<float>(x);
}
inline long long __double_as_longlong(double x) {
  return std::bit_cast<long long>(x);
}
inline double __longlong_as_double(long long x) {
  return std::bit_cast<double>(x);
}

inline int __popc(unsigned x) {
  return std::popcount(x);
}
inline int __popcll(unsigned long long x) {
  return std::popcount(x);
}
inline int __clz(int x) {
  return std::countl_zero(static_cast<unsigned>(x));
}
inline int __clzll(long long x) {
  return std::countl_zero(static_cast<unsigned long long>(x));
}
inline int __ffs(int x) {
  return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
  return __builtin_ffsll(x);
}

inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; ++i) reversed |= (x >> i & 1u) << (31 - i);
  return reversed;
}
inline unsigned long long __brevll(unsigned long long x) {
  return static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32 |
         __brev(static_cast<unsigned>(x >> 32));
}
// Bytes of b:a (a holds 0 to 3, b 4 to 7), chosen by the nibbles of `selector`; its bit 3 spreads
// the sign of the byte.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned nibble = selector >> 4 * i & 0xfu;
    unsigned byte = static_cast<unsigned>(bytes >> 8 * (nibble & 7u)) & 0xffu;
    if (nibble & 8u) byte = byte & 0x80u ? 0xffu : 0u;
    result |= byte << 8 * i;
  }
  return result;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const uint64_t wide = static_cast<uint64_t>(high) << 32 | low;
  return static_cast<unsigned>(wide << (shift & 31u) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const uint64_t wide = static_cast<uint64_t>(high) << 32 | low;
  return static_cast<unsigned>(wide >> (shift & 31u));
}

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}
inline int __mulhi(int a, int b) {
  return static_cast<int>(static_cast<int64_t>(a) * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<unsigned long long>(Wide{a} * b >> 64);
}
inline unsigned __umul24(unsigned a, unsigned b) {
  return (a & 0xffffffu) * (b & 0xffffffu);
}
// Four signed products of bytes, added to c.
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; ++i) {
    c += static_cast<int8_t>(a >> 8 * i) * static_cast<int8_t>(b >> 8 * i);
  }
  return c;
}

// ---- conversions: out of range clamps, NaN becomes 0

namespace voluta::simt {
template <class To, class From>
To clamped(From x) {
  if (std::isnan(x)) return 0;
  constexpr To least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
  if (x <= static_cast<From>(least)) return least;
  if (x >= static_cast<From>(most)) return most;
  return static_cast<To>(x);
}
}  // namespace voluta::simt

inline int __float2int_rn(float x) {
  return voluta::simt::clamped<int>(nearbyintf(x));
}
inline int __float2int_rz(float x) {
  return voluta::simt::clamped<int>(truncf(x));
}
inline int __float2int_rd(float x) {
  return voluta::simt::clamped<int>(floorf(x));
}
inline int __float2int_ru(float x) {
  return voluta::simt::clamped<int>(ceilf(x));
}
inline unsigned __float2uint_rn(float x) {
  return voluta::simt::clamped<unsigned>(nearbyintf(x));
}
inline unsigned __float2uint_rz(float x) {
  return voluta::simt::clamped<unsigned>(truncf(x));
}
inline long long __float2ll_rn(float x) {
  return voluta::simt::clamped<long long>(nearbyintf(x));
}
inline int __double2int_rn(double x) {
  return voluta::simt::clamped<int>(nearbyint(x));
}
inline int __double2int_rz(double x) {
  return voluta::simt::clamped<int>(trunc(x));
}
inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
inline float __ll2float_rn(long long x) {
  return static_cast<float>(x);
}
inline double __int2double_rn(int x) {
  return x;
}
inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}

// ---- loads and stores with a cache hint

#define VOLUTA_SIMT_LOAD(name) \
  template <class T>           \
  T name(const T* address) {   \
    return *address;           \
  }
VOLUTA_SIMT_LOAD(__ldg)
VOLUTA_SIMT_LOAD(__ldca)
VOLUTA_SIMT_LOAD(__ldcg)
VOLUTA_SIMT_LOAD(__ldcs)
VOLUTA_SIMT_LOAD(__ldlu)
VOLUTA_SIMT_LOAD(__ldcv)
#undef VOLUTA_SIMT_LOAD

#define VOLUTA_SIMT_STORE(name)    \
  template <class T, class U>      \
  void name(T* address, U value) { \
    *address = value;              \
  }
VOLUTA_SIMT_STORE(__stwb)
VOLUTA_SIMT_STORE(__stcg)
VOLUTA_SIMT_STORE(__stcs)
VOLUTA_SIMT_STORE(__stwt)
#undef VOLUTA_SIMT_STORE
