#pragma once

// The second pass of reductions in two passes: parts that blocks summed apart, added in an order that the numbers
// of elements and parts fix, so that two runs agree bit for bit.
//
//   sums[e] = sum_part parts[part, e]
//   grid   columns of kWidth neighbouring elements, 256 / G a block        block 256     smem kWidth KiB
//   regs   55 of 4 elements, 40 of one (sm_90a); no spills
//   maps   thread t: column t % (256 / G), parts t / (256 / G) + G i, eight loads under way at once
//          G = 32:  | group 0: t0 .. t7 | group 1: t8 .. t15 | ... | group 31: t248 .. t255 |
//          Neighbouring threads read neighbours, 128 bytes and more. The G sums of a column meet in shared memory,
//          in a tree. G is 1 where a thread's parts are few or columns many: it is latency that groups hide.

#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/reduction.cuh>

#include <cstdint>

namespace voluta {

inline constexpr int kPartialSumsBlock = 256, kPartialSumsHeld = 8;

// What is done to a sum before it is rounded: here nothing.
struct UnchangedSum {
  __device__ float operator()(int64_t /*element*/, float sum) const { return sum; }
};

// Threads that share an element's parts.
inline unsigned partial_sums_groups(int64_t elements, int splits) {
  constexpr int64_t kEnoughThreads = 132 * 1024;  // half of what the largest chip holds
  const int64_t columns = elements / 4;
  unsigned groups = 1;
  for (const unsigned more : {4u, 32u}) {
    if (splits <= static_cast<int>(groups) * kPartialSumsHeld) break;
    if (columns * groups >= kEnoughThreads) break;
    groups = more;
  }
  return groups;
}

// Bounds for 64 registers: left alone, ptxas takes 32 and has three loads under way.
// parts [splits, columns kWidth] -> sums [columns kWidth], rounded to T once. `finish(element, sum)` is what is
// stored. `groups`: a power of two.
template <int kWidth, class T, class Finish>
__global__ void __launch_bounds__(kPartialSumsBlock, 4)
    add_partial_sums(const float* parts, T* sums, int64_t columns, int splits, unsigned groups,
                     Finish finish) {
  VOLUTA_SHARED(Floats<kWidth>[kPartialSumsBlock], of_groups);  // [groups, columns of the block]
  const unsigned width = kPartialSumsBlock / groups, group = threadIdx.x / width;
  const int64_t column = int64_t{blockIdx.x} * width + threadIdx.x % width;
  Floats<kWidth> sum = {};
  const int apart = static_cast<int>(groups);
  for (int first = 0; first < splits; first += apart * kPartialSumsHeld) {
    Floats<kWidth> held[kPartialSumsHeld] = {};
#pragma unroll
    for (int i = 0; i < kPartialSumsHeld; ++i) {
      const int part = first + i * apart + static_cast<int>(group);
      if (part < splits && column < columns) {
        held[i] = load<kWidth>(parts, part * columns + column);
      }
    }
#pragma unroll
    for (int i = 0; i < kPartialSumsHeld; ++i) sum += held[i];
  }
  if (groups > 1) {
    of_groups[threadIdx.x] = sum;
    block_sum_rows(of_groups, groups, width);
    if (group > 0) return;
    sum = of_groups[threadIdx.x];
  }
  if (column >= columns) return;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) sum.lane[i] = finish(column * kWidth + i, sum.lane[i]);
  store<kWidth>(sums, column, sum);
}

template <class T, class Finish = UnchangedSum>
void launch_add_partial_sums(Stream& stream, const char* name, const float* parts, T* sums,
                             int64_t elements, int splits, Finish finish = {}) {
  const unsigned groups = partial_sums_groups(elements, splits);
  const auto launch_by = [&]<int kWidth>() {
    const int64_t columns = elements / kWidth;
    launch(stream, name,
           {.grid = {blocks_for(columns, kPartialSumsBlock / groups), 1, 1},
            .block = {kPartialSumsBlock, 1, 1}},
           add_partial_sums<kWidth, T, Finish>, parts, sums, columns, splits, groups, finish);
  };
  if (elements % 4 == 0 && aligned16(parts, sums)) return launch_by.template operator()<4>();
  launch_by.template operator()<1>();
}

}  // namespace voluta
