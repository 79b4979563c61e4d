#pragma once

// wgmma (sm_90a): the tensor cores multiply two tiles of shared memory while the threads go on.
//
//   d[64,N] (+)= a[64,k] * b[k,N]      k is 32 bytes: 16 of bf16 or f16, 8 of tf32; d in f32
//
// The four warps of a warpgroup (its first is a multiple of 4 in the block) call together; warp i
// holds rows 16 i to 16 i + 15 of d. Lane l of it holds in sums[4 j], .. [4 j + 3]
//
//      columns    8j + 2(l%4)    8j + 2(l%4) + 1
//      row l/4        [4j]           [4j + 1]
//      row l/4 + 8    [4j + 2]       [4j + 3]
//
// Operands lie in rows of 128 bytes with the swizzle of bulk tensor copies, named by a descriptor:
//   stored line by line      a line is a row of a or a column of b, 128 bytes along k. A step of k
//                            is 32 bytes further: add kStepBytes to the address.
//   stored depth by depth    a row is 64 lines at one k (16-bit types alone). A step of k is 16
//                            rows further; the next 64 lines are `leading_bytes` further.
//
//   fence_products(); multiply<T, kA, kB, N>(sums, a, b, false); ...; commit_products(); wait_products<0>(sums);
//
// Between its first multiply and the wait that ends it the sums belong to the tensor cores, and the
// operands must stay as they are. Source: PTX ISA, "Asynchronous Warpgroup Level Matrix
// Instructions". Under simt/: simt/wgmma.h.

#include <voluta/core/dtype.h>
#include <voluta/kernels/common/mbarrier.cuh>

namespace voluta {

// Whether the code being compiled is for sm_90a (or simt/): a kernel's body is refuse_to_run() elsewhere, and
// Engine::chips keeps it from being launched there. It would be on Hopper where a build has sm_90 without the a.
#if defined(VOLUTA_SIMT) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define VOLUTA_HAS_WGMMA 1
#elif defined(__CUDACC__)
__device__ inline void refuse_to_run() {
  __trap();
}
#endif

// f32 in shared memory of which the tensor cores take the upper 19 bits: Note [Rounding to tf32],
// core/device/tensor_map.h.
struct Tf32 {
  float value;
};

enum class Stored { kLineByLine, kDepthByDepth };

// The instructions transpose 16-bit types alone.
template <class T, Stored kStored>
constexpr bool kMayBeStored = kStored == Stored::kLineByLine || !std::is_same_v<T, Tf32>;

#ifdef VOLUTA_SIMT
using simt::shared_address;
#endif

// Of a tile that starts at a multiple of 1024 bytes, or a step of k into it. Groups of eight rows are
// 1024 bytes apart; an operand stored line by line has no leading offset (its field is 1).
template <Stored kStored>
__device__ uint64_t operand_descriptor(const void* shared, int leading_bytes = 16) {
  constexpr uint64_t kSwizzle128 = uint64_t{1} << 62, kGroupOf8Rows = uint64_t{1024 >> 4} << 32;
  const int leading = kStored == Stored::kDepthByDepth ? leading_bytes : 16;
  return kSwizzle128 | kGroupOf8Rows | static_cast<uint64_t>(leading >> 4) << 16 |
         ((shared_address(shared) & 0x3ffff) >> 4);
}

// The descriptor `bytes` further.
__device__ inline uint64_t advanced(uint64_t descriptor, int bytes) {
  return descriptor + static_cast<uint64_t>(bytes >> 4);
}

inline constexpr int kWgmmaStepBytes = 32;  // of depth

#ifdef VOLUTA_SIMT

template <class T>
constexpr simt::WgmmaType wgmma_type() {
  if constexpr (std::is_same_v<T, Tf32>) return simt::WgmmaType::kTf32;
  if constexpr (std::is_same_v<T, Float16>) return simt::WgmmaType::kF16;
  return simt::WgmmaType::kBf16;
}

template <class T, Stored kA, Stored kB, int kColumns, int kSums>
void multiply(float (&sums)[kSums], uint64_t a, uint64_t b, bool accumulate,
              simt::Site site = simt::Site::current()) {
  static_assert(kMayBeStored<T, kA> && kMayBeStored<T, kB> && kColumns <= 2 * kSums);
  simt::multiply_async({wgmma_type<T>(), kColumns, kA == Stored::kDepthByDepth,
                        kB == Stored::kDepthByDepth, a, b, accumulate},
                       sums, site);
}
inline void fence_products() {}
inline void commit_products(simt::Site site = simt::Site::current()) {
  simt::commit_products(site);
}
template <int kNewestGroups>
void wait_products(simt::Site site = simt::Site::current()) {
  simt::wait_for_products(kNewestGroups, site);
}
template <int kNewestGroups, int kSums>
void wait_products(float (&)[kSums], simt::Site site = simt::Site::current()) {
  simt::wait_for_products(kNewestGroups, site);
}
template <int kRegisters>
void take_registers() {}
template <int kRegisters>
void give_registers() {}

#else

// clang-format off
#define VOLUTA_SUMS_32 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define VOLUTA_SUMS_48 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, " \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47}"
#define VOLUTA_SUMS_64 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, " \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, " \
  "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}"
#define VOLUTA_SUMS_80 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, " \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, " \
  "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, " \
  "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79}"
#define VOLUTA_SUMS_96 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, " \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, " \
  "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, " \
  "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, " \
  "%87, %88, %89, %90, %91, %92, %93, %94, %95}"
#define VOLUTA_SUMS_128 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, " \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, " \
  "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, " \
  "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, " \
  "%87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, %103, " \
  "%104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, %117, " \
  "%118, %119, %120, %121, %122, %123, %124, %125, %126, %127}"
#define VOLUTA_SUM_8(s, i) \
  "+f"(s[i]), "+f"(s[i + 1]), "+f"(s[i + 2]), "+f"(s[i + 3]), \
  "+f"(s[i + 4]), "+f"(s[i + 5]), "+f"(s[i + 6]), "+f"(s[i + 7])
#define VOLUTA_SUM_32(s, i) \
  VOLUTA_SUM_8(s, i), VOLUTA_SUM_8(s, i + 8), VOLUTA_SUM_8(s, i + 16), VOLUTA_SUM_8(s, i + 24)
#define VOLUTA_SUM_48(s, i) VOLUTA_SUM_32(s, i), VOLUTA_SUM_8(s, i + 32), VOLUTA_SUM_8(s, i + 40)
#define VOLUTA_SUM_64(s, i) VOLUTA_SUM_32(s, i), VOLUTA_SUM_32(s, i + 32)
#define VOLUTA_SUM_80(s, i) VOLUTA_SUM_32(s, i), VOLUTA_SUM_48(s, i + 32)
#define VOLUTA_SUM_96(s, i) VOLUTA_SUM_32(s, i), VOLUTA_SUM_64(s, i + 32)
#define VOLUTA_SUM_128(s, i) VOLUTA_SUM_64(s, i), VOLUTA_SUM_64(s, i + 64)

// One instruction: m64 n<columns> of `kind`; a, b, predicate and transpositions follow the sums.
#define VOLUTA_WGMMA(columns, sums_count, kind, a_at, b_at, p_at, tail, ...) \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_at ", 0;\n" \
               "wgmma.mma_async.sync.aligned.m64n" #columns kind " " VOLUTA_SUMS_##sums_count \
               ", %" #a_at ", %" #b_at ", p, 1, 1" tail ";\n}\n" \
               : VOLUTA_SUM_##sums_count(sums, 0) \
               : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)), ##__VA_ARGS__)
#define VOLUTA_WGMMA_16(columns, sums_count, type, a_at, b_at, p_at, ta_at, tb_at) \
  VOLUTA_WGMMA(columns, sums_count, "k16.f32." type "." type, a_at, b_at, p_at, \
               ", %" #ta_at ", %" #tb_at, "n"(kA == Stored::kDepthByDepth), \
               "n"(kB == Stored::kDepthByDepth))
#define VOLUTA_WGMMA_N(columns, sums_count, a_at, b_at, p_at, ta_at, tb_at) \
  if constexpr (std::is_same_v<T, BFloat16>) \
    VOLUTA_WGMMA_16(columns, sums_count, "bf16", a_at, b_at, p_at, ta_at, tb_at); \
  else if constexpr (std::is_same_v<T, Float16>) \
    VOLUTA_WGMMA_16(columns, sums_count, "f16", a_at, b_at, p_at, ta_at, tb_at); \
  else \
    VOLUTA_WGMMA(columns, sums_count, "k8.f32.tf32.tf32", a_at, b_at, p_at, "")
// clang-format on

// Starts d (+)= a * b of N = kColumns: 64, 96, 128, 160, 192 or 256. Sums that there may be beyond stay as they are.
template <class T, Stored kA, Stored kB, int kColumns, int kSums>
__device__ inline void multiply(float (&sums)[kSums], uint64_t a, uint64_t b, bool accumulate) {
  static_assert(kColumns % 32 == 0 && kColumns >= 64 && kColumns <= 2 * kSums);
  static_assert(kMayBeStored<T, kA> && kMayBeStored<T, kB>);
  if constexpr (kColumns == 64) {
    VOLUTA_WGMMA_N(64, 32, 32, 33, 34, 35, 36);
  } else if constexpr (kColumns == 96) {
    VOLUTA_WGMMA_N(96, 48, 48, 49, 50, 51, 52);
  } else if constexpr (kColumns == 128) {
    VOLUTA_WGMMA_N(128, 64, 64, 65, 66, 67, 68);
  } else if constexpr (kColumns == 160) {
    VOLUTA_WGMMA_N(160, 80, 80, 81, 82, 83, 84);
  } else if constexpr (kColumns == 192) {
    VOLUTA_WGMMA_N(192, 96, 96, 97, 98, 99, 100);
  } else {
    static_assert(kColumns == 256);
    VOLUTA_WGMMA_N(256, 128, 128, 129, 130, 131, 132);
  }
}

// Before the first multiply, and before one on sums that the threads have touched.
__device__ inline void fence_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ inline void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Until at most the newest groups are under way.
template <int kNewestGroups>
__device__ inline void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kNewestGroups) : "memory");
}

// Likewise, before the sums are read: they pass through so that the compiler reads none earlier.
template <int kNewestGroups, int kSums>
__device__ inline void wait_products(float (&sums)[kSums]) {
  wait_products<kNewestGroups>();
#pragma unroll
  for (int i = 0; i < kSums; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}

// A warpgroup's share of the registers, from and to the block's pool; a multiple of 8.
template <int kRegisters>
__device__ inline void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ inline void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

#undef VOLUTA_SUMS_32
#undef VOLUTA_SUMS_48
#undef VOLUTA_SUMS_64
#undef VOLUTA_SUMS_80
#undef VOLUTA_SUMS_96
#undef VOLUTA_SUMS_128
#undef VOLUTA_SUM_8
#undef VOLUTA_SUM_32
#undef VOLUTA_SUM_48
#undef VOLUTA_SUM_64
#undef VOLUTA_SUM_80
#undef VOLUTA_SUM_96
#undef VOLUTA_SUM_128
#undef VOLUTA_WGMMA
#undef VOLUTA_WGMMA_16
#undef VOLUTA_WGMMA_N

#endif

}  // namespace voluta
