#pragma once

// The engines of the room, for concat.cpp. Internal.
//
// All three ops copy columns between matrices of rows * channels. A ColumnCopy is one of them:
//   to[row * to_stride + to_offset + c] = from[row * from_stride + from_offset + c], c < columns

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kConcatCopyColumns, kConcatOpenmp, kConcatReference;
extern const Engine kChannelSliceCopyColumns, kChannelSliceOpenmp, kChannelSliceReference;
extern const Engine kChannelPadCopyColumns, kChannelPadOpenmp, kChannelPadReference;

struct ColumnCopy {
  std::size_t input = 0;  // which of the op's inputs is read
  int64_t rows = 0, columns = 0;
  int64_t from_stride = 0, from_offset = 0, to_stride = 0, to_offset = 0;  // in elements
};

// The copies that make a problem of any of the three ops; together they write each element of the
// output once, but for the channels that a pad leaves zero.
std::vector<ColumnCopy> column_copies(const Problem& problem);

}  // namespace voluta
