#pragma once

// The tensor-core instructions of sm_80 and later (store_matrices_transposed: of sm_90), each a function that all 32
// lanes of a warp call together. Under simt/ they are the host models of the same names (simt/tensor_core.h).
//
//   d[16,8] += a[16,k] * b[k,8]     k = 16 for bf16 and f16, 8 for tf32; d in f32
//
// With g = lane / 4 and t = lane % 4 a lane holds (PTX ISA 9.7.14.5, "Matrix Fragments for mma"):
//
//   a  register 0  [g   , first half]     16-bit: elements 2t, 2t+1 of that half of k (8 wide),
//      register 1  [g+8 , first half]             the first in the low bits
//      register 2  [g   , second half]    tf32:   element t of that half of k (4 wide)
//      register 3  [g+8 , second half]
//   b  register 0  [first half, g]        likewise along k
//      register 1  [second half, g]
//   d  [g, 2t] [g, 2t+1] [g+8, 2t] [g+8, 2t+1]
//
// In bytes the three types agree: a register is 4 of the 16 bytes that one row has in a half of k.
// So one ldmatrix loads the fragments of each of them.

#include <voluta/core/device/launch.cuh>

#include <cstdint>

namespace voluta {

#ifdef VOLUTA_SIMT

using simt::load_matrices;
using simt::load_matrices_transposed;
using simt::mma_bf16;
using simt::mma_f16;
using simt::mma_tf32;
using simt::round_to_tf32;
using simt::store_matrices_transposed;

#else

// mma.sync m16n8k16: d += a * b.
__device__ inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ inline void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// mma.sync m16n8k8: d += a * b. Of each operand the upper 19 bits count: round_to_tf32() first.
__device__ inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// cvt.rna.tf32.f32 on the bits of an f32: to 10 bits of fraction, ties away from zero.
__device__ inline uint32_t round_to_tf32(uint32_t f32_bits) {
  uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(f32_bits)));
  return rounded;
}

// ldmatrix.x4: four matrices of 8 rows x 16 bytes from shared memory, `row` being the address of
// row lane % 8 of matrix lane / 8, a multiple of 16. Register i of a lane receives of matrix i the
// 4 bytes t of row g.
__device__ inline void load_matrices(uint32_t (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
}

// ldmatrix.x4.trans: the same of the transposed 8 x 8 matrices of 16-bit elements.
__device__ inline void load_matrices_transposed(uint32_t (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
}

// stmatrix.x4.trans: the way back. Of matrix i the lanes hold the fragments of d above, in 16 bits: register i is
// elements 2t and 2t+1 of row g. Column lane % 8 of matrix lane / 8 is stored at `row`, as 16 bytes.
__device__ inline void store_matrices_transposed(void* row, const uint32_t (&registers)[4]) {
  asm volatile(
      "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%4], {%0,%1,%2,%3};" ::"r"(registers[0]),
      "r"(registers[1]), "r"(registers[2]), "r"(registers[3]),
      "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
      : "memory");
}

#endif

}  // namespace voluta
