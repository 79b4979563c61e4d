#pragma once

// Host model of wgmma; kernels/common/wgmma.cuh documents the functions and draws the fragments.
//
// Each warp of the four computes its own 16 rows. Shared memory is read and the accumulators are
// written when the warp waits for the group; with a seed, a coin decides for each product between
// that and at once (after those before it). So accumulators read before the wait are old, and a
// stage that is overwritten before the wait spoils the result.
// Of tf32 operands the lower 13 bits are dropped, not rounded. Products are exact; they are added one by one along the depth, each sum rounded to nearest f32.
// For ThreadSanitizer a lane reads its share of the operands when it issues and when it waits, and a
// wait orders the lanes of its warp: products are the warp's, not a lane's.

#include <voluta/simt/thread.h>

#include <cstdint>

namespace voluta::simt {

enum class WgmmaType { kBf16, kF16, kTf32 };

// wgmma.mma_async m64 n<columns> k<32 bytes>, both operands in shared memory.
struct Wgmma {
  WgmmaType type;
  int columns;
  bool transpose_a, transpose_b;  // the operand is stored depth by depth (16-bit types alone)
  uint64_t a, b;                  // matrix descriptors
  bool accumulate;                // else the sums start at 0
};

void multiply_async(const Wgmma& instruction, float* sums, Site site);
void commit_products(Site site = Site::current());
void wait_for_products(int newest_groups, Site site = Site::current());

// The descriptor's 18-bit shared address of a pointer into the block's shared memory.
uint32_t shared_address(const void* pointer, Site site = Site::current());

}  // namespace voluta::simt
