#pragma once

// The shared memory of a block of the "implicit_gemm_tma_wgmma" kernels: a ring of stages that copies fill and
// products empty, and what results pass through.
//
//   stages x (rows + kColumns) lines of 128 bytes, swizzled, + 16 KiB to turn results into rows of memory, + 64
//   bytes a column for moments or sums, by 64 columns:
//     128 x 256: 4 x 48 + 16 + 17 = 225 KiB; 192: 4 x 40 + 29; 160: 5 x 36 + 29; 128: 6 x 32 + 25; 96: 7 x 28 + 25;
//     64: 8 x 24 + 21; 256 x 128: 4 x 48 + 25; 256 x 64: 5 x 40 + 21
//   Columns stored depth by depth come by 64 too: 160 has the stages of 192, 96 those of 128.

#include <voluta/kernels/common/column_moments.cuh>
#include <voluta/kernels/common/mbarrier.cuh>
#include <voluta/kernels/common/wgmma.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_results.cuh>

#include <algorithm>

namespace voluta::tma_wgmma {

constexpr int kRows = 128;  // of a tile, or of each of the two of a tall one
template <class T>
constexpr int kDepth = kRowElements<T>;  // of a step
constexpr int kBlockLines = 64;          // lines that a warpgroup, or 128 bytes of 16 bits, hold
constexpr int kBlockBytes = kBlockLines * kSwizzledRowBytes;
constexpr int kWarpgroup = 128, kConsumers = 2, kThreads = (kConsumers + 1) * kWarpgroup;
constexpr int kConsumerWarps = kConsumers * kWarpgroup / 32;
constexpr int kWarpRows = 16,
              kWarpBytes = kWarpRows * kSwizzledRowBytes;  // of 128 bytes of columns

// What the warps hold of a tile's columns: these by 64.
constexpr int held_columns(int columns) {
  return (columns + kBlockLines - 1) / kBlockLines * kBlockLines;
}
template <class View>
constexpr int kHeldColumns = held_columns(View::kColumns);
template <class View>
constexpr int kHeldSums = kHeldColumns<View> / 2;  // of a thread
template <class View>
using StatisticScratch = SumScratch<kConsumerWarps, kHeldColumns<View>>;

// How many tiles of rows a tall one has.
template <class View>
constexpr int kHeightOf = [] {
  if constexpr (requires { View::kHeight; }) return View::kHeight;
  return 1;
}();

template <class View>
struct Layout {
  static constexpr int kColumns = View::kColumns;
  static constexpr int kABytes = kHeightOf<View> * kRows * kSwizzledRowBytes;
  static constexpr int kBBytes =
      (View::kB == Stored::kLineByLine ? kColumns : held_columns(kColumns)) * kSwizzledRowBytes;
  static constexpr int kStageBytes = kABytes + kBBytes;
  static constexpr int kStatisticBytes = static_cast<int>(sizeof(StatisticScratch<View>));
  static constexpr int kMostStages = 8, kMostBytes = 227 * 1024;
  static constexpr int barrier_bytes(int stages) {
    return (2 * stages + 1) * static_cast<int>(sizeof(Mbarrier));
  }
  static constexpr int kStages = std::min(
      kMostStages,
      (kMostBytes - kConsumerWarps * kWarpBytes - kStatisticBytes - barrier_bytes(kMostStages)) /
          kStageBytes);
  static constexpr int kStagingAt = kStages * kStageBytes;
  static constexpr int kStatisticsAt = kStagingAt + kConsumerWarps * kWarpBytes;
  static constexpr int kBarriersAt = kStatisticsAt + kStatisticBytes;
  static constexpr int kBytes = kBarriersAt + barrier_bytes(kStages);
  static_assert(kStages >= 4 && kBytes <= kMostBytes);
};

// The block's shared memory.
template <class View>
struct Pipeline {
  using L = Layout<View>;
  using Stage = PipelineStage<L::kStages>;
  unsigned char* memory;

  __device__ unsigned char* a(int stage) const { return memory + stage * L::kStageBytes; }
  __device__ unsigned char* b(int stage) const { return a(stage) + L::kABytes; }
  __device__ unsigned char* staging(int warp) const {
    return memory + L::kStagingAt + warp * kWarpBytes;
  }
  __device__ Mbarrier& full(int stage) const { return barriers()[stage]; }
  __device__ Mbarrier& empty(int stage) const { return barriers()[L::kStages + stage]; }

  __device__ StatisticScratch<View>& statistics() const {
    return *reinterpret_cast<StatisticScratch<View>*>(memory + L::kStatisticsAt);
  }
  __device__ Mbarrier& consumers() const { return barriers()[2 * L::kStages]; }

  __device__ void make_barriers(int cluster) const {
    init_barrier(consumers(), kConsumerWarps);
    for (int stage = 0; stage < L::kStages; ++stage) {
      init_barrier(full(stage), 1);
      init_barrier(empty(stage), cluster * kConsumerWarps);
    }
    publish_barriers();
  }

 private:
  __device__ Mbarrier* barriers() const {
    return reinterpret_cast<Mbarrier*>(memory + L::kBarriersAt);
  }
};

}  // namespace voluta::tma_wgmma
