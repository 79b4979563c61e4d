#pragma once

// The engines of the room, for flatten.cpp. Internal.

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kFlattenTiledTranspose;
extern const Engine kFlattenOpenmp;
extern const Engine kFlattenReference;

extern const Engine kUnflattenTiledTranspose;
extern const Engine kUnflattenOpenmp;
extern const Engine kUnflattenReference;

// Both ops transpose a matrix a picture: x [batch, rows, columns] -> y [batch, columns, rows].
// Flatten: rows = H*W, columns = C. Unflatten: the other way round.
struct TransposeExtents {
  int64_t batch, rows, columns;
};
TransposeExtents transpose_extents(const Problem& problem);

}  // namespace voluta
