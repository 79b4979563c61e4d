#pragma once

// Bulk tensor copies of sm_90 (TMA): one thread asks for a box of a tensor, the copy engine finds
// the addresses, fills what lies outside with zeros, writes swizzled rows of 128 bytes to shared
// memory and completes on an mbarrier. core/device/tensor_map.h describes tensors and the swizzle.
//
//   copy_box     the box at these coordinates (innermost first) of a tiled map
//   copy_im2col  of an im2col map: `channels` from c of `pixels` base positions from (w, h, n)
//                onwards, each moved by the tap:
//                     x[n, h + tap_h, w + tap_w, c ...]
//   prefetch_map a hint: the first copy of a kernel that never used the map would wait for it
//   fence_async_proxy  by a thread that has read or written shared memory itself, before it synchronises with those
//                that multiply what it wrote (wgmma.cuh) or send copies to where it read: tensor cores and copy
//                engine see memory through a proxy of their own, which barriers alone do not order
//   multicast_box  the box, read once, to the same place of every block of the cluster whose rank is
//                a bit of `ranks`; its bytes complete on the mbarrier at that place of each
//
// The destination is a multiple of 1024 bytes. Source: PTX ISA, "cp.async.bulk.tensor", "Im2col
// mode", "prefetch". Under simt/: simt/mbarrier.h, simt/cluster.h.

#include <voluta/core/device/tensor_map.h>
#include <voluta/kernels/common/cluster.cuh>

namespace voluta {

#ifdef VOLUTA_SIMT

inline void fence_async_proxy() {}
inline void prefetch_map(const TensorMap&) {}
inline void copy_box(void* shared, const TensorMap& map, Mbarrier& barrier, int c0, int c1,
                     simt::Site site = simt::Site::current()) {
  simt::copy_box(shared, map, barrier.state, {2, {c0, c1, 0}}, site);
}
inline void copy_box(void* shared, const TensorMap& map, Mbarrier& barrier, int c0, int c1, int c2,
                     simt::Site site = simt::Site::current()) {
  simt::copy_box(shared, map, barrier.state, {3, {c0, c1, c2}}, site);
}
inline void copy_im2col(void* shared, const TensorMap& map, Mbarrier& barrier, int c, int w, int h,
                        int n, int tap_w, int tap_h, simt::Site site = simt::Site::current()) {
  simt::copy_im2col(shared, map, barrier.state, c, w, h, n, tap_w, tap_h, site);
}
inline void multicast_box(void* shared, const TensorMap& map, Mbarrier& barrier, uint32_t ranks,
                          int c0, int c1, int c2, simt::Site site = simt::Site::current()) {
  simt::multicast_box(shared, map, barrier.state, ranks, c0, c1, c2, site);
}

#else

__device__ inline void fence_async_proxy() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ inline void prefetch_map(const TensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

__device__ inline void copy_box(void* shared, const TensorMap& map, Mbarrier& barrier, int c0,
                                int c1) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4}], [%2];" ::"r"(shared_address(shared)),
      "l"(&map), "r"(shared_address(&barrier)), "r"(c0), "r"(c1)
      : "memory");
}

__device__ inline void copy_box(void* shared, const TensorMap& map, Mbarrier& barrier, int c0,
                                int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(shared_address(shared)),
      "l"(&map), "r"(shared_address(&barrier)), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}

__device__ inline void copy_im2col(void* shared, const TensorMap& map, Mbarrier& barrier, int c,
                                   int w, int h, int n, int tap_w, int tap_h) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5, %6}], [%2], {%7, %8};" ::"r"(shared_address(shared)),
      "l"(&map), "r"(shared_address(&barrier)), "r"(c), "r"(w), "r"(h), "r"(n),
      "h"(static_cast<uint16_t>(tap_w)), "h"(static_cast<uint16_t>(tap_h))
      : "memory");
}

__device__ inline void multicast_box(void* shared, const TensorMap& map, Mbarrier& barrier,
                                     uint32_t ranks, int c0, int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(shared_address(shared)),
      "l"(&map), "r"(shared_address(&barrier)), "r"(c0), "r"(c1), "r"(c2),
      "h"(static_cast<uint16_t>(ranks))
      : "memory");
}

#endif

}  // namespace voluta
