// mbarrier and bulk tensor copies: against loops over the tensor, and the faults they must show.

#include "simt_test.h"

#include <voluta/core/dtype.h>
#include <voluta/simt/tensor_map.h>
#include <voluta/kernels/common/tensor_copy.cuh>

#include <bit>
#include <cmath>
#include <random>

namespace voluta::simt {
namespace {

// Where element `i` of 16-bit row `row` of a copy lies: chunk j of row r of eight at j ^ r.
int swizzled(int row, int i) {
  return row * 64 + (i / 8 ^ row % 8) * 8 + i % 8;
}

struct Tensor4 {
  int n, h, w, c;
  std::vector<uint16_t> values;

  Tensor4(int n_, int h_, int w_, int c_)
      : n(n_), h(h_), w(w_), c(c_), values(static_cast<std::size_t>(n_ * h_ * w_ * c_)) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<uint16_t>(i % 60000 + 1);
  }
  uint16_t at(int n_, int h_, int w_, int c_) const {
    const bool inside =
        n_ >= 0 && n_ < n && h_ >= 0 && h_ < h && w_ >= 0 && w_ < w && c_ >= 0 && c_ < c;
    return inside ? values[static_cast<std::size_t>(((n_ * h + h_) * w + w_) * c + c_)] : 0;
  }
  TensorMapLayout layout() const {
    TensorMapLayout map{.address = values.data(), .dtype = DType::bf16, .rank = 4};
    map.extents = {c, w, h, n};
    map.stride_bytes = {2, 2 * c, 2 * c * w, 2 * c * w * h};
    return map;
  }
};

// One warp: lane 0 sends, all wait and copy the tile out.
__global__ void receive(const TensorMap map, int c, int w, int h, int n, int tap_w, int tap_h,
                        bool im2col, int rows, uint16_t* out) {
  VOLUTA_DYNAMIC_SHARED(uint16_t, tile);
  VOLUTA_SHARED(Mbarrier, full);
  if (threadIdx.x == 0) {
    init_barrier(full, 1);
    publish_barriers();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    arrive_and_expect(full, rows * kSwizzledRowBytes);
    if (im2col) {
      copy_im2col(tile, map, full, c, w, h, n, tap_w, tap_h);
    } else {
      copy_box(tile, map, full, c, w);
    }
  }
  wait_for_phase(full, 0);
  for (int i = static_cast<int>(threadIdx.x); i < rows * 64; i += 32) out[i] = tile[i];
}

LaunchShape one_warp(int rows) {
  return {.grid = {1, 1, 1},
          .block = {32, 1, 1},
          .shared_bytes = static_cast<std::size_t>(rows * kSwizzledRowBytes)};
}

TEST(BulkCopies, BoxesBringTheirElementsAndZerosOutside) {
  Tensor4 matrix(1, 1, 21, 72);  // 21 rows of 72
  TensorMapLayout layout{.address = matrix.values.data(), .dtype = DType::bf16, .rank = 2};
  layout.extents = {72, 21, 0, 0};
  layout.stride_bytes = {2, 144, 0, 0};
  layout.box = {64, 16, 0, 0};
  const TensorMap map = pack_tensor_map(layout);
  for (const uint64_t seed : kSeeds) {
    for (const auto& [column, row] : {std::pair{0, 0}, {64, 8}, {8, 16}, {-8, -3}}) {
      std::vector<uint16_t> out(16 * 64);
      run(one_warp(16), seed, receive, map, column, row, 0, 0, 0, 0, false, 16, out.data());
      for (int r = 0; r < 16; ++r) {
        for (int i = 0; i < 64; ++i) {
          ASSERT_EQ(out[static_cast<std::size_t>(swizzled(r, i))],
                    matrix.at(0, 0, row + r, column + i))
              << "row " << r << ", element " << i;
        }
      }
    }
  }
}

// The nearer of the two neighbours with 10 bits of fraction, at a tie the even one.
float nearest_tf32(float x) {
  if (!std::isfinite(x)) return x;
  const uint32_t below = std::bit_cast<uint32_t>(x) & ~0x1fffu, above = below + 0x2000u;
  const double down = std::fabs(double{x} - double{std::bit_cast<float>(below)});
  const double up = std::fabs(double{std::bit_cast<float>(above)} - double{x});
  if (down == up) return std::bit_cast<float>((below & 0x2000u) == 0 ? below : above);
  return std::bit_cast<float>(down < up ? below : above);
}

TEST(BulkCopies, MapsOfTf32RoundToTheNearest) {
  constexpr int kRows = 16, kRow = 32;
  std::mt19937 random(1);
  std::vector<float> matrix(kRows * kRow);
  for (float& value : matrix)
    value = std::bit_cast<float>(static_cast<uint32_t>(random()) & 0xbfffffffu);
  const uint32_t special[] = {0,           0x3f801000u, 0x3f803000u, 0xbf801000u, 0x3f801001u,
                              0x3f800fffu, 0x3fffffffu, 0x7f800000u, 0xff800000u, 0x7fc00000u,
                              0x00000fffu, 0x00001001u, 0x00003000u};
  for (std::size_t i = 0; i < std::size(special); ++i) matrix[i] = std::bit_cast<float>(special[i]);
  TensorMapLayout layout{.address = matrix.data(), .dtype = DType::f32, .tf32 = true, .rank = 2};
  layout.extents = {kRow, kRows, 0, 0};
  layout.stride_bytes = {4, 4 * kRow, 0, 0};
  layout.box = {kRow, kRows, 0, 0};
  std::vector<float> out(matrix.size());
  run(one_warp(kRows), 3, receive, pack_tensor_map(layout), 0, 0, 0, 0, 0, 0, false, kRows,
      reinterpret_cast<uint16_t*>(out.data()));
  for (int row = 0; row < kRows; ++row) {
    for (int i = 0; i < kRow; ++i) {
      const auto at = static_cast<std::size_t>(row * kRow + (i / 4 ^ row % 8) * 4 + i % 4);
      const float value = matrix[static_cast<std::size_t>(row * kRow + i)];
      ASSERT_EQ(std::bit_cast<uint32_t>(out[at]), std::bit_cast<uint32_t>(nearest_tf32(value)))
          << value;
    }
  }
}

// A convolution's walk: output pixel by output pixel, the pixel of x under tap (r, s).
struct Walk {
  int h, w, c, filter_h, filter_w, pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w;
};

TEST(BulkCopies, Im2colFollowsTheWindowsOfAConvolution) {
  const Walk walks[] = {{5, 6, 64, 3, 3, 1, 1, 1, 1, 1, 1},
                        {9, 7, 72, 3, 3, 1, 1, 2, 2, 1, 1},
                        {8, 8, 16, 5, 3, 2, 0, 1, 2, 1, 2},
                        {4, 5, 8, 1, 1, 0, 0, 2, 3, 1, 1},
                        {7, 7, 64, 2, 3, 2, 3, 1, 1, 2, 1}};
  for (const Walk& v : walks) {
    const Tensor4 x(3, v.h, v.w, v.c);
    const int p = (v.h + 2 * v.pad_h - (v.filter_h - 1) * v.dilation_h - 1) / v.stride_h + 1;
    const int q = (v.w + 2 * v.pad_w - (v.filter_w - 1) * v.dilation_w - 1) / v.stride_w + 1;
    TensorMapLayout layout = x.layout();
    layout.pixels = 40;
    layout.channels = 64;
    layout.lower = {-v.pad_w, -v.pad_h};
    layout.upper = {(q - 1) * v.stride_w - v.pad_w + 1 - v.w,
                    (p - 1) * v.stride_h - v.pad_h + 1 - v.h};
    layout.step = {v.stride_w, v.stride_h};
    const TensorMap map = pack_tensor_map(layout);
    for (const int first : {0, 1, q - 1, p * q, 2 * p * q + 3}) {
      const int tap_h = (v.filter_h - 1) * v.dilation_h, tap_w = (v.filter_w - 1) * v.dilation_w;
      const int row = first / q % p, column = first % q;
      std::vector<uint16_t> out(40 * 64);
      run(one_warp(40), 3, receive, map, v.c - 8, column * v.stride_w - v.pad_w,
          row * v.stride_h - v.pad_h, first / (p * q), tap_w, tap_h, true, 40, out.data());
      for (int pixel = 0; pixel < 40; ++pixel) {
        const int m = first + pixel, n = m / (p * q);
        const int h = m / q % p * v.stride_h - v.pad_h + tap_h;
        const int w = m % q * v.stride_w - v.pad_w + tap_w;
        for (int i = 0; i < 64; ++i) {
          ASSERT_EQ(out[static_cast<std::size_t>(swizzled(pixel, i))], x.at(n, h, w, v.c - 8 + i))
              << "walk " << &v - walks << ", pixel " << m << ", channel " << i;
        }
      }
    }
  }
}

TEST(BulkCopies, MapsThatTheDriverRefusesAreErrors) {
  const Tensor4 x(1, 4, 4, 64);
  TensorMapLayout good = x.layout();
  good.pixels = 8;
  good.channels = 64;
  EXPECT_NO_THROW(pack_tensor_map(good));
  auto refused = [&](auto change) {
    TensorMapLayout bad = good;
    change(bad);
    return !error_of([&] { pack_tensor_map(bad); }).empty();
  };
  EXPECT_TRUE(refused([](auto& l) { l.stride_bytes[1] = 130; }));
  EXPECT_TRUE(refused([](auto& l) { l.upper[0] = 128; }));
  EXPECT_TRUE(refused([](auto& l) { l.step[1] = 9; }));
  EXPECT_TRUE(
      refused([](auto& l) { l.lower[0] = static_cast<int>(l.extents[1]), l.upper[0] = 0; }));
  EXPECT_TRUE(refused([](auto& l) { l.channels = 32; }));
  EXPECT_TRUE(refused([](auto& l) { l.rank = 3; }));
  EXPECT_TRUE(refused([](auto& l) { l.tf32 = true; }));  // of bf16
  EXPECT_TRUE(refused([](auto& l) { l.address = static_cast<const char*>(l.address) + 8; }));
}

// A ring of two stages, `rounds` tiles through it; faults by name.
enum class Fault { kNone, kNoFullWait, kNoEmptyWait, kNoInit, kNobodyReceives, kTooManyArrivals };

__global__ void ring(const TensorMap map, int rounds, Fault fault, int* sum_of_firsts) {
  VOLUTA_DYNAMIC_SHARED(uint16_t, tiles);
  VOLUTA_SHARED(Mbarrier[2], full);
  VOLUTA_SHARED(Mbarrier[2], empty);
  if (threadIdx.x == 0 && fault != Fault::kNoInit) {
    for (int i = 0; i < 2; ++i) {
      init_barrier(full[i], 1);
      init_barrier(empty[i], 1);
    }
    publish_barriers();
  }
  __syncthreads();
  PipelineStage<2> stage;
  int sum = 0;
  for (int round = 0; round < rounds; ++round, stage.advance()) {
    uint16_t* tile = tiles + stage.index * 8 * 64;
    if (threadIdx.x == 32) {
      if (fault != Fault::kNoEmptyWait) wait_for_phase(empty[stage.index], stage.parity ^ 1);
      arrive_and_expect(full[stage.index], 8 * kSwizzledRowBytes);
      copy_box(tile, map, full[stage.index], 0, round);
    } else if (threadIdx.x == 0 && fault != Fault::kNobodyReceives) {
      if (fault != Fault::kNoFullWait) wait_for_phase(full[stage.index], stage.parity);
      sum += tile[0];
      yield(Site::current());
      sum += tile[0];
      arrive(empty[stage.index]);
      if (fault == Fault::kTooManyArrivals) arrive(empty[stage.index]);
    }
  }
  if (threadIdx.x == 0) *sum_of_firsts = sum;
}

int run_ring(Fault fault, uint64_t seed) {
  static const Tensor4 matrix(1, 1, 32, 64);
  TensorMapLayout layout{.address = matrix.values.data(), .dtype = DType::bf16, .rank = 2};
  layout.extents = {64, 32, 0, 0};
  layout.stride_bytes = {2, 128, 0, 0};
  layout.box = {64, 8, 0, 0};
  int sum = 0;
  const LaunchShape shape{
      .grid = {1, 1, 1}, .block = {64, 1, 1}, .shared_bytes = 2 * 8 * kSwizzledRowBytes};
  run(shape, seed, ring, pack_tensor_map(layout), 6, fault, &sum);
  return sum;
}

constexpr int kSumOfFirsts = 2 * (1 + 65 + 129 + 193 + 257 + 321);  // of rows 0 to 5, read twice

TEST(BulkCopies, ARingOfStagesBringsEachTileInTurn) {
  for (const uint64_t seed : kSeeds) EXPECT_EQ(run_ring(Fault::kNone, seed), kSumOfFirsts);
}

#if !defined(__SANITIZE_THREAD__)
TEST(BulkCopies, AMissingWaitShowsInTheResultOfSomeSeed) {
  for (const Fault fault : {Fault::kNoFullWait, Fault::kNoEmptyWait}) {
    bool wrong = false;
    for (uint64_t seed = 0; seed < 16; ++seed) {
      std::string error;
      int sum = 0;
      error = error_of([&] { sum = run_ring(fault, seed); });
      wrong = wrong || !error.empty() || sum != kSumOfFirsts;
    }
    EXPECT_TRUE(wrong) << static_cast<int>(fault);
  }
}
#endif

TEST(BulkCopies, MisuseIsAnError) {
  EXPECT_TRUE(contains(error_of([] { run_ring(Fault::kNoInit, 0); }), "not initialised"));
  EXPECT_TRUE(contains(error_of([] { run_ring(Fault::kNobodyReceives, 0); }), "mbarrier.try_wait"));
  EXPECT_TRUE(contains(error_of([] { run_ring(Fault::kTooManyArrivals, 0); }), "none can go on"));
}

__global__ void send_and_leave(const TensorMap map) {
  VOLUTA_DYNAMIC_SHARED(uint16_t, tile);
  VOLUTA_SHARED(Mbarrier, full);
  init_barrier(full, 1);
  arrive_and_expect(full, 8 * kSwizzledRowBytes);
  copy_box(tile, map, full, 0, 0);
}

TEST(BulkCopies, ABlockThatEndsBeforeItsCopiesIsAnError) {
  const Tensor4 matrix(1, 1, 8, 64);
  TensorMapLayout layout{.address = matrix.values.data(), .dtype = DType::bf16, .rank = 2};
  layout.extents = {64, 8, 0, 0};
  layout.stride_bytes = {2, 128, 0, 0};
  layout.box = {64, 8, 0, 0};
  const TensorMap map = pack_tensor_map(layout);
  const LaunchShape shape{
      .grid = {1, 1, 1}, .block = {1, 1, 1}, .shared_bytes = 8 * kSwizzledRowBytes};
  EXPECT_TRUE(contains(error_of([&] { run(shape, 0, send_and_leave, map); }), "under way"));
}

}  // namespace
}  // namespace voluta::simt
