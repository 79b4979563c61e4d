#pragma once

// Auxiliary tensors of the "implicit_gemm_tma_wgmma" kernels: what an epilogue reads beside its sums, laid out as
// the results (a residual, the kept x of a gate, z of a batch norm in front). They come through the ring of stages
// behind the operands of their tile, so that they are on their way while the last steps are multiplied and the tile
// before is stored, as far ahead as the ring is long. A warp that asked for its own rows would wait for memory
// once for each tensor and 128 bytes of columns.
//
//   ring    ... | A | B | A | B | residual 0, 1 | residual 2, kept ... | A | B | of the next tile
//                                 <-- a stage -->
//   slot    128 rows x 128 bytes of columns of one tensor, swizzled; kSlots in a stage, the tile's last stage
//           may have fewer
//   order   of each 128 bytes of columns: residual, kept, z. Of a tall tile: of either half
//
// Blocks of a cluster pass the same stages: of rows that do not exist the slots are counted and nothing is copied.
//
// A View that has some:
//   bool exists(tile); Tile part(tile, half)             whether a tile, or a half of a tall one, has rows
//   int auxiliary_slots(tile)                            of a tile, or of each half of a tall one; 0: this run has none
//   void copy_auxiliary(tile, slot, to, full)            sends for one
//   store(tile, warp_rows, sums, staging, auxiliaries, while_staged)   takes them in their order

#include <voluta/core/device/stream.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_cluster.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_groups.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_pipeline.cuh>

#include <array>

namespace voluta::tma_wgmma {

constexpr int kSlotBytes = kRows * kSwizzledRowBytes;
template <class View>
constexpr int kSlots = Layout<View>::kStageBytes / kSlotBytes;

template <class View>
constexpr bool kHasAuxiliaries = requires {
  &View::auxiliary_slots;
};

// The tensors of a run in the order in which they are taken, and their maps, one a phase of the rows.
template <class T, int kTensors, int kPhases>
struct Auxiliaries {
  TensorMap maps[kTensors][kPhases];
  int count = 0;  // tensors

  // nullptr: there is none.
  void add(Stream& stream, const std::array<TensorMapLayout, kPhases>& layouts,
           const void* address) {
    if (address == nullptr) return;
    for (std::size_t phase = 0; phase < layouts.size(); ++phase) {
      TensorMapLayout layout = layouts[phase];
      layout.address = address;
      if (layout.rank > 0) maps[count][phase] = stream.runtime().encode_tensor_map(layout);
    }
    ++count;
  }

  __device__ int slots(const GroupRange& columns) const {
    return (columns.end - columns.first + kRowElements<T> - 1) / kRowElements<T> * count;
  }

  struct Place {
    int tensor, first_column;
  };
  __device__ Place place(int slot, const GroupRange& columns) const {
    const int block = slot / count;
    return {slot - block * count, columns.first + block * kRowElements<T>};
  }
};

// Sends for what the epilogue of a tile takes.
template <class View>
__device__ void send_auxiliaries(const Pipeline<View>& pipeline, const View& view,
                                 const typename View::Tile& tile,
                                 typename Pipeline<View>::Stage& stage) {
  const int of_half = view.auxiliary_slots(tile), slots = kHeightOf<View> * of_half;
  int existing = 0;  // the first so many
  for (int half = 0; half < kHeightOf<View>; ++half) {
    if (view.exists(view.part(tile, half))) existing += of_half;
  }
  for (int slot = 0; slot < slots; ++slot) {
    const int in_stage = slot % kSlots<View>;
    if (in_stage == 0) {
      wait_for_phase(pipeline.empty(stage.index), stage.parity ^ 1);
      arrive_and_expect(pipeline.full(stage.index),
                        min(kSlots<View>, max(existing - slot, 0)) * kSlotBytes);
    }
    if (slot < existing) {
      view.copy_auxiliary(view.part(tile, slot / of_half), slot % of_half,
                          pipeline.a(stage.index) + in_stage * kSlotBytes,
                          pipeline.full(stage.index));
    }
    if (in_stage == kSlots<View> - 1 || slot == slots - 1) stage.advance();
  }
}

// Where a warp is among the slots of its tile. `stage` is that of the tile's operands, and goes on behind them.
template <class View>
class AuxiliaryReader {
 public:
  using Stage = typename Pipeline<View>::Stage;

  __device__ AuxiliaryReader(const Pipeline<View>& pipeline, Stage& stage)
      : pipeline_(pipeline), stage_(stage) {}

  // The warp's 16 rows of the next slot, as copied_pair() takes them, once they have come.
  __device__ const unsigned char* rows() {
    if (slot_ == 0) wait_for_phase(pipeline_.full(stage_.index), stage_.parity);
    const int warp = static_cast<int>(threadIdx.x) / 32;
    return pipeline_.a(stage_.index) + slot_ * kSlotBytes + warp * kWarpBytes;
  }

  // The warp has read them.
  __device__ void next() {
    if (++slot_ == kSlots<View>) release();
  }
  __device__ void skip(int slots) {
    for (int i = 0; i < slots; ++i) {
      rows();
      next();
    }
  }
  // The warp has read the last ones of the tile.
  __device__ void finish() {
    if (slot_ > 0) release();
  }

 private:
  __device__ void release() {
    fence_async_proxy();
    __syncwarp();
    release_stage<View>(pipeline_.empty(stage_.index), static_cast<int>(threadIdx.x) % 32);
    stage_.advance();
    slot_ = 0;
  }

  const Pipeline<View>& pipeline_;
  Stage& stage_;
  int slot_ = 0;  // of the stage
};

}  // namespace voluta::tma_wgmma
