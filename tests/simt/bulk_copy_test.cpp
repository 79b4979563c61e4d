// mbarrier and bulk tensor copies: the faults that their models must show. What they copy:
// tests/instructions.

#include "simt_test.h"

#include <voluta/core/dtype.h>
#include <voluta/simt/tensor_map.h>
#include <voluta/kernels/common/tensor_copy.cuh>

namespace voluta::simt {
namespace {

struct Tensor4 {
  int n, h, w, c;
  std::vector<uint16_t> values;

  Tensor4(int n_, int h_, int w_, int c_)
      : n(n_), h(h_), w(w_), c(c_), values(static_cast<std::size_t>(n_ * h_ * w_ * c_)) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<uint16_t>(i % 60000 + 1);
  }
  TensorMapLayout layout() const {
    TensorMapLayout map{.address = values.data(), .dtype = DType::bf16, .rank = 4};
    map.extents = {c, w, h, n};
    map.stride_bytes = {2, 2 * c, 2 * c * w, 2 * c * w * h};
    return map;
  }
};

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

__global__ void send_and_leave(const TensorMap map, bool of_three) {
  VOLUTA_DYNAMIC_SHARED(uint16_t, tile);
  VOLUTA_SHARED(Mbarrier, full);
  init_barrier(full, 1);
  arrive_and_expect(full, 8 * kSwizzledRowBytes);
  if (of_three) return copy_box(tile, map, full, 0, 0, 0);
  copy_box(tile, map, full, 0, 0);
}

TEST(BulkCopies, ABlockThatEndsBeforeItsCopiesAndOtherDimensionsAreErrors) {
  const Tensor4 matrix(1, 1, 8, 64);
  TensorMapLayout layout{.address = matrix.values.data(), .dtype = DType::bf16, .rank = 2};
  layout.extents = {64, 8, 0, 0};
  layout.stride_bytes = {2, 128, 0, 0};
  layout.box = {64, 8, 0, 0};
  const TensorMap map = pack_tensor_map(layout);
  const LaunchShape shape{
      .grid = {1, 1, 1}, .block = {1, 1, 1}, .shared_bytes = 8 * kSwizzledRowBytes};
  const auto error = [&](bool of_three) {
    return error_of([&] { run(shape, 0, send_and_leave, map, of_three); });
  };
  EXPECT_TRUE(contains(error(false), "under way"));
  EXPECT_TRUE(contains(error(true), "other dimensions"));
}

}  // namespace
}  // namespace voluta::simt
