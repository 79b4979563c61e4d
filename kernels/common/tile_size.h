#pragma once

namespace voluta {

// The extents of a block's tile of a matrix product.
struct TileSize {
  int rows = 64, columns = 64;
};

}  // namespace voluta
