#pragma once

// Host models of mma.sync, ldmatrix, stmatrix and cvt.rna.tf32; kernels/common/tensor_core.cuh documents the
// functions and draws the fragments. Written from the PTX ISA (9.7.14.5); tests/simt/ holds them
// against its tables.
//
// Products are exact. They are added to d one by one along k, each sum rounded to nearest f32. The
// hardware adds several at once with truncated alignment; the bounds of the judge leave room for it.

#include <voluta/core/dtype.h>
#include <voluta/simt/thread.h>

#include <bit>
#include <cstdint>

namespace voluta::simt {

// d += a * b of one warp; the three differ in the type of the elements.
void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
              Site site = Site::current());
void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
             Site site = Site::current());
// Ignores the lower 13 bits of each operand, as the hardware does.
void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
              Site site = Site::current());

// Each lane reads the row that it names, so that sanitizers see who touches what.
void load_matrices(uint32_t (&registers)[4], const void* row, Site site = Site::current());
void load_matrices_transposed(uint32_t (&registers)[4], const void* row,
                              Site site = Site::current());
// Each lane writes the row that it names.
void store_matrices_transposed(void* row, const uint32_t (&registers)[4],
                               Site site = Site::current());

inline uint32_t round_to_tf32(uint32_t f32_bits) {
  if ((f32_bits & 0x7f800000u) == 0x7f800000u) {  // infinity, or a NaN that must remain one
    return (f32_bits & 0x007fffffu) == 0 ? f32_bits : 0x7fffffffu & ~0x1fffu;
  }
  return (f32_bits + 0x1000u) & ~0x1fffu;
}

}  // namespace voluta::simt
