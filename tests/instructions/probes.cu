#include <voluta/tests/instructions/probes.h>
#include <voluta/core/device/launch.cuh>
#include <voluta/kernels/common/tensor_copy.cuh>
#include <voluta/kernels/common/tensor_core.cuh>
#include <voluta/kernels/common/wgmma.cuh>

namespace voluta::probes {
namespace {

constexpr int kRowWords = kSwizzledRowBytes / 4;

// One warp: lane 0 sends, all wait and copy the tile out.
__global__ void receive(const __grid_constant__ TensorMap map, Corner at, bool im2col, int rows,
                        uint32_t* out) {
#ifdef VOLUTA_HAS_WGMMA
  VOLUTA_DYNAMIC_SHARED(uint32_t, tile);
  VOLUTA_SHARED(Mbarrier, full);
  const int lane = static_cast<int>(threadIdx.x);
  if (lane == 0) {
    prefetch_map(map);
    init_barrier(full, 1);
    publish_barriers();
  }
  for (int i = lane; i < rows * kRowWords; i += 32) tile[i] = kPoison;
  fence_async_proxy();  // before the copy engine writes there
  __syncthreads();
  if (lane == 0) {
    arrive_and_expect(full, rows * kSwizzledRowBytes);
    if (im2col) {
      copy_im2col(tile, map, full, at.c, at.w, at.h, at.n, at.tap_w, at.tap_h);
    } else {
      copy_box(tile, map, full, at.c, at.w);
    }
  }
  wait_for_phase(full, 0);
  for (int i = lane; i < rows * kRowWords; i += 32) out[i] = tile[i];
#else
  refuse_to_run();
#endif
}

// A warpgroup. b begins at the next 1024 bytes behind a.
template <class T, Stored kA, Stored kB, int kColumns>
__global__ void multiply_images(const uint32_t* a, const uint32_t* b, float* d) {
#ifdef VOLUTA_HAS_WGMMA
  VOLUTA_DYNAMIC_SHARED(uint32_t, memory);
  constexpr int kDepth = kSwizzledRowBytes / static_cast<int>(sizeof(T));
  constexpr int kStepDepth = kWgmmaStepBytes / static_cast<int>(sizeof(T));
  constexpr int kDepthByDepthStep = kStepDepth * kSwizzledRowBytes;
  constexpr int kStepA = kA == Stored::kLineByLine ? kWgmmaStepBytes : kDepthByDepthStep;
  constexpr int kStepB = kB == Stored::kLineByLine ? kWgmmaStepBytes : kDepthByDepthStep;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  constexpr int kLines = image_lines(kColumns, kB == Stored::kDepthByDepth);
  uint32_t* const memory_b = memory + 64 * kRowWords;
  for (int i = thread; i < 64 * kRowWords; i += 128) memory[i] = a[i];
  for (int i = thread; i < kLines * kRowWords; i += 128) memory_b[i] = b[i];
  fence_async_proxy();
  __syncthreads();
  const uint64_t first_a = operand_descriptor<kA>(memory, kDepth * kSwizzledRowBytes);
  const uint64_t first_b = operand_descriptor<kB>(memory_b, kDepth * kSwizzledRowBytes);
  float sums[kColumns / 2];
#pragma unroll
  for (float& sum : sums) sum = 0.0f;
  for (int pass = 0; pass < 2; ++pass) {
    fence_products();
#pragma unroll
    for (int i = 0; i < kDepth / kStepDepth; ++i) {
      multiply<T, kA, kB, kColumns>(sums, advanced(first_a, i * kStepA),
                                    advanced(first_b, i * kStepB), pass > 0 || i > 0);
    }
    commit_products();
  }
  wait_products<0>(sums);
#pragma unroll
  for (int i = 0; i < kColumns / 2; ++i) {
    const int row = 16 * warp + lane / 4 + i % 4 / 2 * 8;
    d[row * kColumns + i / 4 * 8 + lane % 4 * 2 + i % 2] = sums[i];
  }
#else
  refuse_to_run();
#endif
}

template <class T, bool kADeep, bool kBDeep>
void multiply_as(Stream& stream, int columns, const uint32_t* a, const uint32_t* b, float* d) {
  constexpr Stored kA = kADeep ? Stored::kDepthByDepth : Stored::kLineByLine;
  constexpr Stored kB = kBDeep ? Stored::kDepthByDepth : Stored::kLineByLine;
  const LaunchShape shape = {.grid = {1, 1, 1},
                             .block = {128, 1, 1},
                             .shared_bytes = static_cast<std::size_t>(
                                 (64 + image_lines(columns, kBDeep)) * kSwizzledRowBytes)};
  const auto kernel = columns == 64    ? multiply_images<T, kA, kB, 64>
                      : columns == 96  ? multiply_images<T, kA, kB, 96>
                      : columns == 128 ? multiply_images<T, kA, kB, 128>
                      : columns == 160 ? multiply_images<T, kA, kB, 160>
                      : columns == 192 ? multiply_images<T, kA, kB, 192>
                                       : multiply_images<T, kA, kB, 256>;
  launch(stream, "probe_wgmma", shape, kernel, a, b, d);
}

template <class T>
void multiply_halves(Stream& stream, const Wgmma& how, const uint32_t* a, const uint32_t* b,
                     float* d) {
  const auto run = how.a_by_depth
                       ? how.b_by_depth ? multiply_as<T, true, true> : multiply_as<T, true, false>
                   : how.b_by_depth ? multiply_as<T, false, true>
                                    : multiply_as<T, false, false>;
  run(stream, how.columns, a, b, d);
}

constexpr int kHalfRows = 8, kHalfBytes = kHalfRows * kSwizzledRowBytes;

struct Ring {
  Mbarrier full[2], empty[2];
};

// Thread 32 of each block sends, threads 0 and 1 receive and tell both blocks.
__global__ void ring(const __grid_constant__ TensorMap map, int rounds, int* sums) {
#ifdef VOLUTA_HAS_WGMMA
  VOLUTA_DYNAMIC_SHARED(unsigned char, tiles);
  VOLUTA_SHARED(Ring, barriers);
  const int rank = cluster_rank(), thread = static_cast<int>(threadIdx.x);
  if (thread == 0) {
    for (int i = 0; i < 2; ++i) {
      init_barrier(barriers.full[i], 1);
      init_barrier(barriers.empty[i], 2);
    }
    publish_barriers();
  }
  __syncthreads();
  sync_cluster();
  PipelineStage<2> stage;
  int sum = 0;
  for (int round = 0; round < rounds; ++round, stage.advance()) {
    unsigned char* tile = tiles + stage.index * 2 * kHalfBytes;
    Mbarrier &full = barriers.full[stage.index], &empty = barriers.empty[stage.index];
    if (thread == 32) {
      wait_for_phase(empty, stage.parity ^ 1);
      arrive_and_expect(full, 2 * kHalfBytes);
      multicast_box(tile + rank * kHalfBytes, map, full, 3, 0, (2 * round + rank) * kHalfRows, 0);
    } else if (thread < 2) {
      wait_for_phase(full, stage.parity);
      for (int half = 0; half < 2; ++half) {
        sum += *reinterpret_cast<const uint16_t*>(tile + half * kHalfBytes);
      }
      __syncwarp(3);
      arrive_at(empty, thread);
    }
  }
  if (thread == 0) sums[rank] = sum;
  sync_cluster();
#else
  refuse_to_run();
#endif
}

struct alignas(16) Matrices {
  uint16_t a[16][16], b[16][8];
};

// b is read as it lies, a row a depth: ldmatrix transposes it.
__global__ void fragments(bool f16, const uint16_t* a, const uint16_t* b, float* d) {
  VOLUTA_SHARED(Matrices, rows);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 256; i += 32) rows.a[i / 16][i % 16] = a[i];
  for (int i = lane; i < 128; i += 32) rows.b[i / 8][i % 8] = b[i];
  __syncwarp();
  uint32_t of_a[4], of_b[4];
  load_matrices(of_a, &rows.a[lane % 16][lane / 16 * 8]);
  load_matrices_transposed(of_b, &rows.b[lane % 16][0]);
  const uint32_t first_b[2] = {of_b[0], of_b[1]};
  float sums[4] = {};
  if (f16) {
    mma_f16(sums, of_a, first_b);
  } else {
    mma_bf16(sums, of_a, first_b);
  }
  for (int i = 0; i < 4; ++i) d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sums[i];
}

// A warp: matrix i of the four is columns 8 i to 8 i + 7.
__global__ void transposed(const uint32_t* rows, uint4* columns) {
#ifdef VOLUTA_HAS_WGMMA
  VOLUTA_SHARED(uint4[32], stored);
  const int lane = static_cast<int>(threadIdx.x);
  uint32_t fragments[4];
  for (int i = 0; i < 4; ++i) fragments[i] = rows[lane / 4 * 16 + i * 4 + lane % 4];
  store_matrices_transposed(&stored[lane], fragments);
  __syncwarp();
  columns[lane] = stored[lane];
#else
  refuse_to_run();
#endif
}

}  // namespace

void copy_tile(Stream& stream, const TensorMapLayout& layout, const Corner& corner, int rows,
               uint32_t* out) {
  launch(stream, "probe_copy",
         {.grid = {1, 1, 1},
          .block = {32, 1, 1},
          .shared_bytes = static_cast<std::size_t>(rows * kSwizzledRowBytes)},
         receive, stream.runtime().encode_tensor_map(layout), corner, layout.pixels > 0, rows, out);
}

void multiply_with(Stream& stream, const Wgmma& how, const uint32_t* a, const uint32_t* b,
                   float* d) {
  switch (how.type) {
    case Operands::kBf16:
      return multiply_halves<BFloat16>(stream, how, a, b, d);
    case Operands::kF16:
      return multiply_halves<Float16>(stream, how, a, b, d);
    case Operands::kTf32:
      return multiply_as<Tf32, false, false>(stream, how.columns, a, b, d);
  }
}

void ring_of_two(Stream& stream, const uint16_t* matrix, int rounds, int* sums) {
  const int rows = 2 * kHalfRows * rounds;
  TensorMapLayout layout{.address = matrix, .dtype = DType::bf16, .rank = 3};
  layout.extents = {64, rows, 1, 0};
  layout.stride_bytes = {2, 128, int64_t{128} * rows, 0};
  layout.box = {64, kHalfRows, 1, 0};
  launch(stream, "probe_ring",
         {.grid = {2, 1, 1}, .block = {64, 1, 1}, .shared_bytes = 4 * kHalfBytes, .cluster = 2},
         ring, stream.runtime().encode_tensor_map(layout), rounds, sums);
}

void multiply_fragments(Stream& stream, bool f16, const uint16_t* a, const uint16_t* b, float* d) {
  launch(stream, "probe_fragments", {.grid = {1, 1, 1}, .block = {32, 1, 1}}, fragments, f16, a, b,
         d);
}

void transpose_fragments(Stream& stream, const uint16_t* rows, uint16_t* columns) {
  launch(stream, "probe_transposed", {.grid = {1, 1, 1}, .block = {32, 1, 1}}, transposed,
         reinterpret_cast<const uint32_t*>(rows), reinterpret_cast<uint4*>(columns));
}

}  // namespace voluta::probes
