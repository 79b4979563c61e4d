#pragma once

// Kernels that do one thing with one instruction and leave the bits: tests/instructions holds them against
// loops, under simt/ and on a GPU, where they say which belief is wrong when a convolution is.

#include <voluta/core/device/stream.h>
#include <voluta/core/dtype.h>
#include <voluta/core/macros.h>

#include <cstdint>

namespace voluta::probes {

// Of a bulk copy. Tiled: c and w; im2col: all.
struct Corner {
  int c = 0, w = 0, h = 0, n = 0, tap_w = 0, tap_h = 0;
};

// A copy of `rows` rows of 128 bytes, as they lie in shared memory, which was full of kPoison before.
inline constexpr uint32_t kPoison = 0xeeeeeeeeu;
void copy_tile(Stream& stream, const TensorMapLayout& layout, const Corner& corner, int rows,
               uint32_t* out);

// d[64, columns] = 2 a b of depth 128 bytes, by wgmma in two passes of which the second accumulates. The images of
// a and b are copied to shared memory as they are.
enum class Operands { kBf16, kF16, kTf32 };
struct Wgmma {
  Operands type;
  bool a_by_depth, b_by_depth;  // stored depth by depth (wgmma.cuh)
  int columns;                  // 64, 96, 128, 160, 192 or 256
};
// Rows of 128 bytes of the image of a matrix of so many columns: depth by depth these come by 64, of 16 bits.
constexpr int image_lines(int columns, bool by_depth) {
  return by_depth ? (columns + 63) / 64 * 64 : columns;
}
void multiply_with(Stream& stream, const Wgmma& how, const uint32_t* a, const uint32_t* b,
                   float* d);

// Two blocks of a cluster copy half of a tile of 16 rows for both, `rounds` times through two stages: sums[rank] is the
// sum of the first elements of all halves. `matrix`: 64 elements of 16 bits a row, 16 rows a round.
void ring_of_two(Stream& stream, const uint16_t* matrix, int rounds, int* sums);

// d[16, 8] = a b of a[16, 16] and b[16, 8], row by row, by ldmatrix and mma.sync.
void multiply_fragments(Stream& stream, bool f16, const uint16_t* a, const uint16_t* b, float* d);

// columns[32, 8] = rows[8, 32] transposed, by stmatrix.
void transpose_fragments(Stream& stream, const uint16_t* rows, uint16_t* columns);

}  // namespace voluta::probes
