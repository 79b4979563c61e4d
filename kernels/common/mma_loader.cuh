#pragma once

// One operand's way from global memory into the shared tiles of mma_tile.cuh. Where a chunk lies in
// 16 aligned bytes of the tensor it travels by cp.async (kVector); else its elements travel one by
// one through registers, between fetch() and finish().
//
//   maps   depth fastest: thread t moves chunk t % 4 of lines t/4, t/4 + 32, ...
//          lines fastest: chunk t % kRowChunks of depths t / kRowChunks, ...
//          Neighbouring threads move neighbouring chunks; lines are decoded once a tile.
//
// Elements that are normalised on their way (product_view.cuh) travel through registers as well.

#include <voluta/kernels/common/async_copy.cuh>
#include <voluta/kernels/common/mma_tile.cuh>
#include <voluta/kernels/common/product_view.cuh>
#include <voluta/kernels/common/prologue.cuh>

namespace voluta::mma_product {

template <class View, class Operand, int kLines, bool kVector>
class Loader {
  using T = typename View::Element;
  using Place = typename View::Place;
  using Bits = std::conditional_t<sizeof(T) == 2, uint16_t, uint32_t>;

 public:
  static constexpr bool kDepthFastest = Operand::kDepthFastest;
  using Tile = SharedTile<T, kLines, kDepthFastest>;

  // Of `count` lines, those from `first` on.
  __device__ Loader(const View& view, const Place& place, int first, int count) {
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
      const int index = first + (kDepthFastest ? row(i) : chunk() * kChunk<T> + i);
      if (index < count) valid_ |= 1u << i;
      lines_[i] = Operand::line(view, place, index < count ? index : 0);
    }
  }

  // Starts to move the tile at `first_depth`.
  __device__ void fetch(const View& view, const Place& place, unsigned char* tile,
                        int first_depth) {
    if constexpr (kVector && kNormalised) {
      load_chunks(view, place, first_depth);
    } else if constexpr (kVector) {
      copy_chunks(view, place, tile, first_depth);
    } else {
      load_elements(view, place, first_depth);
    }
  }

  // Completes what fetch() began for this tile, but for the wait of cp.async.
  __device__ void finish([[maybe_unused]] const View& view, [[maybe_unused]] unsigned char* tile) {
    if constexpr (kStaged) {
      if constexpr (kVector) normalise_chunks(view);
#pragma unroll
      for (int i = 0; i < kLoads; ++i) {
        *reinterpret_cast<uint4*>(tile + Tile::place(row(i), chunk())) =
            make_uint4(staged_[i][0], staged_[i][1], staged_[i][2], staged_[i][3]);
      }
    }
  }

 private:
  static constexpr bool kNormalised = IsNormalised<Operand>;
  static constexpr bool kStaged = !kVector || kNormalised;
  static constexpr int kLoads = kLines * (kDepthBytes / kChunkBytes) / kThreads;
  // Lines of a thread: one a load, or those of its column of chunks.
  static constexpr int kHeld = kDepthFastest ? kLoads : kVector ? 1 : kChunk<T>;

  __device__ static int chunk() {
    return static_cast<int>(threadIdx.x) % Tile::kRowChunks;
  }
  __device__ static int row(int i) {
    return static_cast<int>(threadIdx.x) / Tile::kRowChunks + i * (kThreads / Tile::kRowChunks);
  }
  // Depth of element e of this thread's i-th chunk.
  __device__ static int depth(int i, int e) {
    return kDepthFastest ? chunk() * kChunk<T> + e : row(i);
  }

  // Of the element at `line` of those held; negative: a zero.
  __device__ int offset(const View& view, const Place& place, int line, int depth,
                        const typename View::Depth& decoded) const {
    const bool inside = (valid_ >> line & 1u) != 0 && depth < place.depth_end;
    return inside ? Operand::offset(view, place, lines_[line], decoded) : -1;
  }

  __device__ void copy_chunks(const View& view, const Place& place, unsigned char* tile,
                              int first_depth) const {
    const T* data = Operand::data(view, place);
#pragma unroll(kDepthFastest ? kLoads : 2)  // lines fastest: a decoded depth each, in registers
    for (int i = 0; i < kLoads; ++i) {
      const int at_depth = first_depth + depth(i, 0);
      const int from =
          offset(view, place, kDepthFastest ? i : 0, at_depth, view.decode(place, at_depth));
      copy_async<kChunkBytes>(tile + Tile::place(row(i), chunk()), data + max(from, 0),
                              from < 0 ? 0 : kChunkBytes);
    }
  }

  __device__ void load_chunks(const View& view, const Place& place, int first_depth) {
    const T* data = Operand::data(view, place);
    channel_ =
        Operand::channel(view, place, lines_[0], view.decode(place, first_depth + depth(0, 0)));
    outside_ = 0;
#pragma unroll(kDepthFastest ? kLoads : 2)
    for (int i = 0; i < kLoads; ++i) {
      const int at_depth = first_depth + depth(i, 0);
      const int from =
          offset(view, place, kDepthFastest ? i : 0, at_depth, view.decode(place, at_depth));
      uint4 chunk = make_uint4(0, 0, 0, 0);
      if (from < 0) {
        outside_ |= 1u << i;
      } else {
        chunk = *reinterpret_cast<const uint4*>(data + from);
      }
      staged_[i][0] = chunk.x, staged_[i][1] = chunk.y;
      staged_[i][2] = chunk.z, staged_[i][3] = chunk.w;
    }
  }

  // All chunks of a thread are of the same channels.
  __device__ void normalise_chunks(const View& view) {
    if (outside_ == (1u << kLoads) - 1) return;  // of channels that may not exist either
    NormaliserChunk<T> of;
    of.load(view.normaliser, channel_);
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      if ((outside_ >> i & 1u) == 0) of.apply(view.normaliser.f, staged_[i]);
    }
  }

  __device__ void load_elements(const View& view, const Place& place, int first_depth) {
    const auto* data = reinterpret_cast<const Bits*>(Operand::data(view, place));
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
#pragma unroll
      for (uint32_t& word : staged_[i]) word = 0;
#pragma unroll
      for (int e = 0; e < kChunk<T>; ++e) {
        const int at_depth = first_depth + depth(i, e);
        const auto decoded = view.decode(place, at_depth);
        const int line = kDepthFastest ? i : e, from = offset(view, place, line, at_depth, decoded);
        uint32_t bits = from < 0 ? 0u : data[from];
        if constexpr (kNormalised) {
          if (from >= 0) {
            bits =
                normalised_bits(view, Operand::channel(view, place, lines_[line], decoded), bits);
          }
        }
        constexpr int kPerWord = 4 / static_cast<int>(sizeof(T));
        staged_[i][e / kPerWord] |= bits << (e % kPerWord * 16);
      }
    }
  }

  __device__ static uint32_t normalised_bits(const View& view, int channel, uint32_t bits) {
    const auto of = view.normaliser.channel(channel);
    if constexpr (sizeof(T) == 4) {
      return __float_as_uint(view.normaliser(of, __uint_as_float(bits)));
    } else {
      return packed<T>(view.normaliser(of, unpack_low<T>(bits)), 0.0f);
    }
  }

  typename Operand::Line lines_[kHeld];
  unsigned valid_ = 0;                             // bit i: line i exists
  uint32_t staged_[kStaged ? kLoads : 1][4] = {};  // chunks between fetch() and finish()
  // Of staged chunks that are to be normalised: bit i: chunk i is no part of the tensor; their first
  // channel.
  unsigned outside_ = 0;
  int channel_ = 0;
};

}  // namespace voluta::mma_product
