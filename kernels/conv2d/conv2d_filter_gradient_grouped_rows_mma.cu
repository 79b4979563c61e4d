// conv2d_filter_gradient, algorithm "grouped_rows_mma" (bf16, f16): x and dy of several narrow groups pass
// through shared memory once, where every tap finds its windows of x. The sum over N*P*Q is split over blocks
// into f32 parts; a second kernel adds them in the order of their number.
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c]
//   rows taps and 8 channels of x, columns 8 channels of dy, depth N*P*Q; both operands lie with their lines
//   fastest
//   grid   (runs of tiles of 128 pixels, slabs of 32 channels of x, tens of taps)     block 128
//   smem   a ring of rows of x (conv2d_rows_ring.cuh), two tiles of dy: 75 KiB for 56 x 56 pixels in groups
//          of 4, up to 96 KiB
//   regs   of 1, 2, 4 octets of dy 61, 85, 128 (sm_80)   69, 88, 130 (sm_90a); no spills
//   maps   a warp has 8 channels of x for all taps, two taps in the 16 rows of an mma, and the octets of dy
//          that hold their groups' channels:
//
//                              k of the octet's groups        groups of 4: an octet has two on either
//            tap 0 | c 0 .. 7 |                      |        side, and what belongs to no filter is
//            tap 1 | c 0 .. 7 |                      |        not stored:   | a |   |
//            tap 2 ...                                                      |   | b |
//
//   workspace parts[splits, K, R*S*C/G] in f32
//   limits two groups or more of 4, 8, 16 or 32 channels of x and of dy (not 4 with 32); up to 96 KiB of
//          shared memory; fewer than 2^31 elements a tensor
//   bound  memory: 2 bytes of x and of dy each an output where C = K. Shared memory as forward: 20 bytes of
//          windows and 4-16 of dy an element of x, 7 of copies, where 28 move in the time of those 4
//   measured never run on hardware

#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_grouped_rows_mma.cuh>

namespace voluta::grouped_rows_mma {
namespace {

constexpr int kOctet = RowsRing::kChunkElements;
constexpr int kPixels = 128, kSlab = kThreads / 32 * kOctet;  // of a tile; channels of x
constexpr int kTapPairs = 5, kTaps = 2 * kTapPairs;           // of a block
constexpr int kFilterBlocks = 3;                              // on a multiprocessor

// Places in shared memory, in bytes.
struct FilterLayout {
  int chunks, pitch;  // of 16 bytes of dy in a pixel; bytes
  int first_at, dy_at, ring_at, bytes;
  RowsRing ring;
};

template <class T>
struct FilterView {
  const T* x;    // [N,H,W,C]
  const T* dy;   // [N*P*Q, K]
  float* parts;  // [splits, K, R*S*C/G]
  Conv2dKernelGeometry g;
  FilterLayout layout;
  int row_tiles, tiles_each;  // of a block
  bool vector_x, vector_dy;

  // The first octet of dy that holds channels of the groups of an octet of x.
  __device__ int dy_octet(int octet) const {
    return octet * kOctet / g.group_c * g.group_k / kOctet;
  }
};

// A block's way down (go_down()). A warp's x is one octet, with kOctets of dy.
template <class T, int kOctets>
struct FilterBlock {
  const FilterView<T>& view;
  unsigned char *zeros, *dy, *ring;
  int* first;  // [128], bytes from `ring`; negative: no pixel
  int pixels, taps, first_tap;
  int first_octet, octet;        // of x, of the block and of the warp
  int window_offset[kTapPairs];  // of the lane's taps
  float sum[kTapPairs][kOctets][4];

  __device__ FilterBlock(const FilterView<T>& of, unsigned char* shared)
      : view(of),
        zeros(shared),
        dy(shared + of.layout.dy_at),
        ring(shared + of.layout.ring_at),
        first(reinterpret_cast<int*>(shared + of.layout.first_at)),
        pixels(of.g.n * of.g.p * of.g.q),
        taps(of.g.r * of.g.s),
        first_tap(static_cast<int>(blockIdx.z) * kTaps),
        first_octet(static_cast<int>(blockIdx.y) * (kSlab / kOctet)),
        sum{} {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    octet = first_octet + warp;
    if (threadIdx.x < 4) reinterpret_cast<uint32_t*>(zeros)[threadIdx.x] = 0;
#pragma unroll
    for (int j = 0; j < kTapPairs; ++j) {
      const int tap = min(first_tap + 2 * j + lane / 8 % 2, taps - 1);
      const RowsRing& rows = of.layout.ring;
      window_offset[j] = tap / of.g.s * of.g.l * rows.line_bytes +
                         rows.place(tap % of.g.s * of.g.m) + warp * RowsRing::kChunkBytes;
    }
  }

  __device__ unsigned char* dy_tile(int first_pixel) const {
    return dy + first_pixel / kPixels % 2 * (kPixels * view.layout.pitch);
  }

  __device__ void stage_lines(int begin, int end) const {
    grouped_rows_mma::stage_lines<kThreads>(view.layout.ring, view.g,
                                            reinterpret_cast<const uint16_t*>(view.x), ring,
                                            first_octet * kOctet, begin, end, view.vector_x);
    commit_copies();
  }

  __device__ void stage_pixels(int first_pixel) const {
    const int chunks = view.layout.chunks, first_k = view.dy_octet(first_octet) * kOctet;
    const auto* from = reinterpret_cast<const uint16_t*>(view.dy);
    unsigned char* const to = dy_tile(first_pixel);
    for (int i = static_cast<int>(threadIdx.x); i < kPixels * chunks; i += kThreads) {
      const int pixel = i / chunks, chunk = i % chunks, k = first_k + chunk * kOctet;
      const int present = first_pixel + pixel < pixels ? view.g.k - k : 0;
      copy_chunk(to + pixel * view.layout.pitch + chunk * RowsRing::kChunkBytes,
                 present > 0 ? from + (first_pixel + pixel) * view.g.k + k : from, present,
                 view.vector_dy);
    }
    commit_copies();
  }

  // Thread t: where the window of pixel t begins.
  __device__ void prepare(int first_pixel) const {
    const int pixel = first_pixel + static_cast<int>(threadIdx.x);
    first[threadIdx.x] = pixel < pixels ? view.layout.ring.window(pixel) : -1;
  }

  __device__ void multiply(int first_pixel) {
    if (octet * kOctet < view.g.c) {
      const int end = min(kPixels, pixels - first_pixel);
      for (int pixel = 0; pixel < end; pixel += 2 * kStepDepth) {
        multiply_steps(dy_tile(first_pixel), pixel);
      }
    }
    __syncthreads();
  }

  // Two steps of depth from `pixel` of the tile on. Fragments transposed: of A matrix i % 2 is a tap, i / 2
  // 8 pixels; of B each matrix is 8 pixels.
  __device__ void multiply_steps(const unsigned char* tile, int pixel) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int chunk = view.dy_octet(octet) - view.dy_octet(first_octet);
    const unsigned char* const row =
        tile + (pixel + lane) * view.layout.pitch + chunk * RowsRing::kChunkBytes;
    uint32_t b[kOctets][4];
#pragma unroll
    for (int e = 0; e < kOctets; ++e) {
      load_matrices_transposed(b[e], row + e * RowsRing::kChunkBytes);
    }
#pragma unroll
    for (int step = 0; step < 2; ++step) {
      const int window = first[pixel + step * kStepDepth + lane / 16 * 8 + lane % 8];
#pragma unroll
      for (int j = 0; j < kTapPairs; ++j) {
        if (first_tap + 2 * j >= taps) break;
        uint32_t a[4];
        load_matrices_transposed(a, window < 0 ? zeros : ring + window + window_offset[j]);
#pragma unroll
        for (int e = 0; e < kOctets; ++e) {
          const uint32_t half[2] = {b[e][2 * step], b[e][2 * step + 1]};
          mma_product::multiply<T>(sum[j][e], a, half);
        }
      }
    }
  }

  // Lane 4 g + t: channel g of the octet, channels 2t, 2t + 1 of those of dy.
  __device__ void store() const {
    const Conv2dKernelGeometry& g = view.g;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int channel = octet * kOctet + lane / 4;
    const int group = channel / g.group_c, c = channel % g.group_c;
    if (channel >= g.c) return;
    float* const part = view.parts + int64_t{blockIdx.x} * g.k * taps * g.group_c;
#pragma unroll
    for (int j = 0; j < kTapPairs; ++j) {
#pragma unroll
      for (int e = 0; e < kOctets; ++e) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int tap = first_tap + 2 * j + i / 2;
          const int k = (view.dy_octet(octet) + e) * kOctet + lane % 4 * 2 + i % 2;
          if (tap < taps && k / g.group_k == group) {
            part[(k * taps + tap) * g.group_c + c] = sum[j][e][i];
          }
        }
      }
    }
  }
};

template <class T, int kOctets>
__global__ void __launch_bounds__(kThreads, kFilterBlocks)
    conv2d_filter_gradient_grouped_rows_mma(FilterView<T> view) {
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);
  FilterBlock<T, kOctets> block(view, shared);
  const int first = static_cast<int>(blockIdx.x) * view.tiles_each;
  const int last = min(first + view.tiles_each, view.row_tiles) - 1;
  go_down<kPixels>(view.layout.ring, first, last, block.pixels, block);
  block.store();
}

// Octets of dy that hold the channels of the groups of an octet of x.
int64_t dy_octets(const Conv2dGeometry& g) {
  const int64_t groups = std::max<int64_t>(kOctet / g.group_c, 1);
  return std::max<int64_t>(groups * g.group_k / kOctet, 1);
}

// Without the ring.
FilterLayout layout_without_ring(const Conv2dGeometry& g) {
  FilterLayout at = {};
  at.chunks = static_cast<int>(std::max<int64_t>(kSlab / g.group_c * g.group_k / kOctet, 1));
  at.pitch = (at.chunks | 1) * RowsRing::kChunkBytes;
  at.first_at = RowsRing::kChunkBytes;  // behind the zeros
  at.dy_at = at.first_at + kPixels * static_cast<int>(sizeof(int));
  at.ring_at = at.dy_at + 2 * kPixels * at.pitch;
  at.bytes = at.ring_at;
  return at;
}

// How the pixels are cut: a function of the problem alone, so that results do not depend on the device.
struct Runs {
  int64_t row_tiles, tiles_each, count;

  explicit Runs(const Conv2dGeometry& g) : row_tiles(blocks_for(g.n * g.p * g.q, kPixels)) {
    constexpr int64_t kWantedBlocks = 396, kLeastTiles = 4;  // three on each of 132 multiprocessors
    const int64_t blocks = int64_t{blocks_for(g.c, kSlab)} * blocks_for(g.r * g.s, kTaps);
    const int64_t wanted = std::clamp<int64_t>(kWantedBlocks / blocks, 1,
                                               std::max<int64_t>(row_tiles / kLeastTiles, 1));
    tiles_each = blocks_for(row_tiles, wanted);
    count = blocks_for(row_tiles, tiles_each);
  }
};

template <class T>
void launch_filter_gradient(Stream& stream, const FilterView<T>& view, const Conv2dGeometry& g,
                            const Runs& runs) {
  const auto start = [&]<int kOctets>() {
    launch(stream, "conv2d_filter_gradient_grouped_rows_mma",
           {.grid = {static_cast<unsigned>(runs.count), blocks_for(g.c, kSlab),
                     blocks_for(g.r * g.s, kTaps)},
            .block = {kThreads, 1, 1},
            .shared_bytes = static_cast<std::size_t>(view.layout.bytes)},
           conv2d_filter_gradient_grouped_rows_mma<T, kOctets>, view);
  };
  switch (dy_octets(g)) {
    case 1:
      return start.template operator()<1>();
    case 2:
      return start.template operator()<2>();
    default:
      return start.template operator()<4>();
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Runs runs(g);
  const int64_t elements = problem.outputs[0].shape.elements();
  return {static_cast<std::size_t>(runs.count * elements) * sizeof(float),
          [=](const Args& args, Stream& stream) {
            FilterView<T> view = {};
            view.x = args.in<T>(0);
            view.dy = args.in<T>(1);
            view.parts = static_cast<float*>(args.workspace);
            view.g = kernel_geometry(g);
            view.layout = layout_without_ring(g);
            view.layout.ring = wanted_ring(g, kSlab, kPixels, kFilterBlocks, view.layout.bytes);
            view.layout.bytes += view.layout.ring.bytes();
            view.row_tiles = static_cast<int>(runs.row_tiles);
            view.tiles_each = static_cast<int>(runs.tiles_each);
            view.vector_x = g.c % kOctet == 0 && aligned16(view.x);
            view.vector_dy = g.k % kOctet == 0 && aligned16(view.dy);
            launch_filter_gradient(stream, view, g, runs);
            launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", view.parts,
                                    args.out<T>(0), elements, static_cast<int>(runs.count));
          }};
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].dtype == DType::bf16 ? prepare_as<BFloat16>(problem)
                                                : prepare_as<Float16>(problem);
}

Support supports(const Problem& problem) {
  if (const Support limits = implicit_gemm_mma::within_limits(problem); !limits.ok) return limits;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.groups == 1) return Support::no("two groups or more only");
  const auto narrow = [](int64_t c) { return c == 4 || c == 8 || c == 16 || c == 32; };
  if (!narrow(g.group_c) || !narrow(g.group_k) || dy_octets(g) > 4) {
    return Support::no("groups of 4, 8, 16 or 32 channels only, not 4 with 32");
  }
  if (blocks_for(g.c, kSlab) > 65535) return Support::no("more than 65535 slabs");
  return ring_fits(g, kSlab, kPixels, layout_without_ring(g).bytes);
}

}  // namespace
}  // namespace voluta::grouped_rows_mma

namespace voluta {

const Engine kConv2dFilterGradientGroupedRowsMma =
    mma_product::half_engine<grouped_rows_mma::supports>("grouped_rows_mma",
                                                         grouped_rows_mma::prepare);

}  // namespace voluta
