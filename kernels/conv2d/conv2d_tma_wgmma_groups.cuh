#pragma once

// The columns of the tiles of the "implicit_gemm_tma_wgmma" kernels, and of filter gradients the rows. The groups
// of a convolution are products side by side, and no tile has columns of two:
//
//   columns    |      group 0      |      group 1      |
//   tiles      |    0    |    1  : |    2    |    3  : |
//
// What a tile computes past the last column of its group is never stored.

#include <voluta/kernels/common/fast_divide.h>

namespace voluta::tma_wgmma {

// A tile's columns, counted through all groups: to its own end or that of its group, whichever comes first.
struct GroupRange {
  int group, first, end;
};

// How many tiles of kColumns columns there are, and which a tile has.
template <int kColumns>
class GroupTiles {
 public:
  GroupTiles() = default;
  GroupTiles(int64_t groups, int64_t group_columns)
      : group_columns_(static_cast<int>(group_columns)),
        group_tiles_(static_cast<int>((group_columns + kColumns - 1) / kColumns)),
        count_(static_cast<int>(groups) * group_tiles_),
        by_count_(count_),
        by_group_tiles_(group_tiles_) {}

  int count() const { return count_; }

  // `index` becomes a tile's index among those of the same columns.
  __device__ GroupRange take(int& index) const {
    int group = by_count_.take_remainder(index);
    const int within = by_group_tiles_.take_remainder(group);
    const int begin = group * group_columns_, first = begin + within * kColumns;
    return {group, first, min(first + kColumns, begin + group_columns_)};
  }

 private:
  int group_columns_ = 0, group_tiles_ = 0, count_ = 0;
  FastDivisor by_count_, by_group_tiles_;
};

}  // namespace voluta::tma_wgmma
