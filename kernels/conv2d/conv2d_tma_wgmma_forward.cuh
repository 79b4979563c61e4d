#pragma once

// The forward convolution on Hopper: its tiles, and the copies that gather them (conv2d_tma_wgmma.cuh).
//   rows N*P*Q, columns K, group by group; depth: taps (r, s), in each the channels of the group by 128 bytes

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_split_k.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_groups.cuh>

namespace voluta::tma_wgmma {

template <class T, int kColumns_, int kCluster_ = 1, int kHeight_ = 1>
struct ForwardTiles {
  using Element = T;
  static constexpr int kColumns = kColumns_, kCluster = kCluster_, kHeight = kHeight_;
  static constexpr int kShare = kColumns / kCluster;  // filters
  static constexpr Stored kA = Stored::kLineByLine, kB = Stored::kLineByLine;

  Conv2dKernelGeometry g;
  GroupTiles<kColumns> column_tiles;
  FastDivisor by_q, by_p, by_row_tiles;
  int rows, channel_steps, depth_steps, last_products;
  int splits, tiles;

  explicit ForwardTiles(const Conv2dGeometry& of, int parts = 1)
      : g(kernel_geometry(of)),
        column_tiles(tiles_of_columns(of)),
        by_q(of.q),
        by_p(of.p),
        by_row_tiles(row_tiles(of.n * of.p * of.q, kCluster * kHeight)),
        rows(static_cast<int>(of.n * of.p * of.q)),
        channel_steps(static_cast<int>((of.group_c + kDepth<T> - 1) / kDepth<T>)),
        depth_steps(static_cast<int>(of.r * of.s) * channel_steps),
        last_products(last_step_products(of.group_c, kDepth<T>)),
        splits(parts),
        tiles(column_tiles.count() * row_tiles(of.n * of.p * of.q, kCluster * kHeight) * parts) {}

  static GroupTiles<kColumns> tiles_of_columns(const Conv2dGeometry& g) {
    return {g.groups, g.group_k};
  }

  // Column tiles of the same rows follow each other, so that the rows are read from memory once
  // and come from the L2 cache after that.
  struct Tile {
    int first_row, split;
    GroupRange columns;
  };
  __device__ Tile tile(int index) const {
    const GroupRange columns = column_tiles.take(index);
    const int row = by_row_tiles.take_remainder(index);
    const int first_row = (row * kCluster + rank_of_block<kCluster>()) * kHeight * kRows;
    return {first_row, index, columns};
  }
  __device__ Tile part(const Tile& tile, int half) const {
    return {tile.first_row + half * kRows, tile.split, tile.columns};
  }
  __device__ bool exists(const Tile& tile) const { return tile.first_row < rows; }
  __device__ int first_step(int split) const {
    return splits == 1 ? split * depth_steps : split_k::first_step(depth_steps, split, splits);
  }
  __device__ int steps(const Tile& tile) const {
    return first_step(tile.split + 1) - first_step(tile.split);
  }
  __device__ StepProducts products(const Tile& tile) const {
    return {channel_steps, last_products, first_step(tile.split) % channel_steps};
  }

  class Copies {
   public:
    __device__ Copies(const ForwardTiles& view, const TensorMaps& maps, const Tile& tile)
        : view_(view),
          maps_(maps),
          first_channel_(tile.columns.group * view.g.group_c),
          first_column_(tile.columns.first + first_of_share<ForwardTiles>()) {
      n_ = tile.first_row;
      w_ = view.by_q.take_remainder(n_) * view.g.v - view.g.left;
      h_ = view.by_p.take_remainder(n_) * view.g.u - view.g.top;
      if (view.splits > 1) begin_at(view.first_step(tile.split));
    }

    __device__ void issue(unsigned char* a, unsigned char* b, Mbarrier& full) {
      const Conv2dKernelGeometry& g = view_.g;
      copy_im2col(a, maps_.a[0], full, first_channel_ + c_, w_, h_, n_, s_ * g.m, r_ * g.l);
      copy_box_to_all<kCluster>(b, maps_.b, full, c_, r_ * g.s + s_, first_column_);
      c_ += kDepth<T>;
      if (c_ < g.group_c) return;
      c_ = 0;
      if (++s_ < g.s) return;
      s_ = 0;
      ++r_;
    }

   private:
    __device__ void begin_at(int step) {
      const int tap = step / view_.channel_steps;
      c_ = (step - tap * view_.channel_steps) * kDepth<T>;
      r_ = tap / view_.g.s;
      s_ = tap - r_ * view_.g.s;
    }

    const ForwardTiles& view_;
    const TensorMaps& maps_;
    int first_channel_, first_column_;
    int n_, h_, w_;              // the tile's first base position
    int r_ = 0, s_ = 0, c_ = 0;  // the step's tap and channels of the group
  };
};

static_assert(kHasPartialSteps<ForwardTiles<BFloat16, 64>>);

// The maps of a problem, but for the addresses of a run.
template <class T, int kColumns, int kCluster = 1, int kHeight = 1>
struct ForwardMaps {
  TensorMapLayout x, w;

  explicit ForwardMaps(const Conv2dGeometry& g)
      : x(im2col_map(kDTypeOf<T>, g.n, g.c, {-g.top, g.u, g.p, g.h}, {-g.left, g.v, g.q, g.w},
                     kHeight * kRows)),
        w(filter_map(kDTypeOf<T>, g, kColumns / kCluster)) {}

  TensorMaps bind(const Args& args, Stream& stream) const {
    TensorMaps maps;
    maps.a[0] = tensor_map(stream, x, args.in<T>(0));
    maps.b = tensor_map(stream, w, args.in<T>(1));
    return maps;
  }
};

}  // namespace voluta::tma_wgmma
