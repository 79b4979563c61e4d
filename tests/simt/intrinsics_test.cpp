// Atomics across blocks and OS threads, and the arithmetic intrinsics.

#include "simt_test.h"

#include <cmath>
#include <limits>

namespace voluta::simt {
namespace {

struct Cells {
  int add = 0, low = 1 << 30, high = -(1 << 30), sub = 0;
  unsigned bits_or = 0, bits_and = ~0u, bits_xor = 0, wrapping = 0, winner = 0;
  unsigned long long big = 0;
  float real = 0;
  double exact = 0;
};

__global__ void use_atomics(Cells* cells) {
  const int t = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&cells->add, t);
  atomicSub(&cells->sub, 2);
  atomicMin(&cells->low, 1000 - t);
  atomicMax(&cells->high, t);
  atomicOr(&cells->bits_or, 1u << t % 20);
  atomicAnd(&cells->bits_and, ~(1u << t % 20));
  atomicXor(&cells->bits_xor, static_cast<unsigned>(t));
  atomicInc(&cells->wrapping, 9u);
  atomicCAS(&cells->winner, 0u, static_cast<unsigned>(t) + 1);
  atomicAdd(&cells->big, 1ull << 33);
  atomicAdd(&cells->real, 1.0f);
  atomicAdd(&cells->exact, 0.5);
}

TEST(SimtAtomics, AreAtomicAcrossOsThreads) {
  constexpr int kThreads = 400 * 64;
  for (const int os_threads : {1, 4}) {
    Cells cells;
    run_grid({.grid = {400, 1, 1}, .block = {64, 1, 1}}, "atomics", [&] { use_atomics(&cells); },
             {.seed = 3, .threads = os_threads});
    unsigned all_xor = 0;
    for (int t = 0; t < kThreads; ++t) all_xor ^= static_cast<unsigned>(t);
    EXPECT_EQ(cells.add, kThreads / 2 * (kThreads - 1));
    EXPECT_EQ(cells.sub, -2 * kThreads);
    EXPECT_EQ(cells.low, 1000 - (kThreads - 1));
    EXPECT_EQ(cells.high, kThreads - 1);
    EXPECT_EQ(cells.bits_or, 0xfffffu);
    EXPECT_EQ(cells.bits_and, 0xfff00000u);
    EXPECT_EQ(cells.bits_xor, all_xor);
    EXPECT_EQ(cells.wrapping, kThreads % 10u);
    EXPECT_GE(cells.winner, 1u);
    EXPECT_EQ(cells.big, static_cast<unsigned long long>(kThreads) << 33);
    EXPECT_EQ(cells.real, kThreads);
    EXPECT_EQ(cells.exact, kThreads * 0.5);
  }
}

// The last block to finish adds up what the others left: __threadfence and a counter.
__global__ void last_block_sums(int* partial, unsigned* finished, int* total) {
  VOLUTA_SHARED(bool, last);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = static_cast<int>(blockIdx.x);
    __threadfence();
    last = atomicInc(finished, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  for (unsigned b = 0; b < gridDim.x; ++b) *total += partial[b];
}

TEST(SimtAtomics, TheLastBlockSeesWhatWasFenced) {
  for (const uint64_t seed : kSeeds) {
    std::vector<int> partial(300);
    unsigned finished = 0;
    int total = 0;
    run({.grid = {300, 1, 1}, .block = {32, 1, 1}}, seed, last_block_sums, partial.data(),
        &finished, &total);
    EXPECT_EQ(total, 300 * 299 / 2);
  }
}

TEST(SimtIntrinsics, Bits) {
  EXPECT_EQ(__popc(0xf0f0u), 8);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(8), 4);
  EXPECT_EQ(__brev(1u), 0x80000000u);
  EXPECT_EQ(__brevll(1ull), 1ull << 63);
  EXPECT_EQ(__umulhi(0xffffffffu, 0xffffffffu), 0xfffffffeu);
  EXPECT_EQ(__mulhi(-1, 5), -1);
  EXPECT_EQ(__byte_perm(0x33221100u, 0x77665544u, 0x7531u), 0x77553311u);
  EXPECT_EQ(__byte_perm(0x00008000u, 0u, 0x0009u), 0x000000ffu);
  EXPECT_EQ(__funnelshift_l(0x80000000u, 1u, 1), 3u);
  EXPECT_EQ(__funnelshift_r(0u, 1u, 1), 0x80000000u);
  EXPECT_EQ(__dp4a(0x01020304, 0x01010101, 10), 20);
  EXPECT_EQ(__float_as_uint(1.0f), 0x3f800000u);
  EXPECT_EQ(__int_as_float(0x40000000), 2.0f);
}

TEST(SimtIntrinsics, ConversionsRoundToEvenAndClamp) {
  EXPECT_EQ(__float2int_rn(2.5f), 2);
  EXPECT_EQ(__float2int_rn(3.5f), 4);
  EXPECT_EQ(__float2int_rz(-2.9f), -2);
  EXPECT_EQ(__float2int_rd(-2.1f), -3);
  EXPECT_EQ(__float2int_ru(2.1f), 3);
  EXPECT_EQ(__float2int_rn(1e20f), std::numeric_limits<int>::max());
  EXPECT_EQ(__float2int_rn(-1e20f), std::numeric_limits<int>::min());
  EXPECT_EQ(__float2int_rn(NAN), 0);
  EXPECT_EQ(__float2uint_rn(-3.0f), 0u);
}

TEST(SimtIntrinsics, Mathematics) {
  EXPECT_EQ(min(3, 5u), 3u);
  EXPECT_EQ(max(-1, 2), 2);
  EXPECT_EQ(min(1.0f, NAN), 1.0f);
  EXPECT_EQ(rsqrtf(4.0f), 0.5f);
  EXPECT_EQ(__frcp_rn(4.0f), 0.25f);
  EXPECT_FLOAT_EQ(__expf(1.0f), std::exp(1.0f));
  EXPECT_FLOAT_EQ(__logf(2.0f), std::log(2.0f));
  EXPECT_EQ(__fmaf_rn(1.0f + 0x1p-23f, 1.0f - 0x1p-23f, -1.0f), -0x1p-46f);
  EXPECT_EQ(__fadd_rn(__fmul_rn(1.0f + 0x1p-23f, 1.0f - 0x1p-23f), -1.0f), 0.0f);
  EXPECT_EQ(__saturatef(NAN), 0.0f);
  EXPECT_EQ(__saturatef(1.5f), 1.0f);
  EXPECT_EQ(sizeof(float3), 12u);
  EXPECT_EQ(alignof(float4), 16u);
  EXPECT_EQ(make_float4(1, 2, 3, 4).w, 4.0f);
}

}  // namespace
}  // namespace voluta::simt
