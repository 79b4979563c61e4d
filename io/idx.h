#pragma once

// IDX, the format of MNIST (LeCun, Cortes, Burges, "The MNIST database"): two zero bytes, an
// element type, the number of extents, each extent as a big-endian u32, then the elements. Here the
// elements are unsigned bytes (type 0x08). Files may be gzip-compressed.

#include <voluta/core/tensor.h>

#include <string>

namespace voluta {

// No IDX file that this project reads needs more; a larger claim is refused before any allocation.
inline constexpr int64_t kMostIdxBytes = int64_t{1} << 31;

// A u8 tensor of `rank` extents. Throws kFailed, naming the path, for every file that is not
// exactly that: wrong magic, another element type or rank, an empty extent, a size that differs
// from the header's, a broken gzip stream.
Tensor read_idx(const std::string& path, int rank);

// Writes a u8 tensor atomically, uncompressed. Throws invalid() for another dtype and for extents that the
// header cannot hold or read_idx() does not take: below 1 or above 2^32 - 1.
void write_idx(const std::string& path, const Tensor& tensor);

}  // namespace voluta
