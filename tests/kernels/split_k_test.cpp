// When and how the depth of a convolution's product is split: by counting, from the problem alone.

#include <gtest/gtest.h>
#include <voluta/core/graph/tuner.h>
#include <voluta/judge/problem.h>
#include <voluta/kernels/conv2d/conv2d_split_k.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>

#include <array>
#include <string>
#include <string_view>

namespace voluta::judge {
namespace {

using split_k::Cut;
using split_k::Product;
using split_k::TileCost;

constexpr std::array<TileCost, 2> kTiles = {TileCost{{128, 128}, 640}, TileCost{{128, 64}, 448}};

TEST(SplitK, PartsHoldEveryStepOnce) {
  for (const int steps : {1, 7, 8, 9, 144, 1 << 24}) {
    for (const int splits : {1, 2, 3, 31, 32}) {
      EXPECT_EQ(split_k::first_step(steps, 0, splits), 0);
      EXPECT_EQ(split_k::first_step(steps, splits, splits), steps);
      for (int part = 0; part < splits; ++part) {
        const int held =
            split_k::first_step(steps, part + 1, splits) - split_k::first_step(steps, part, splits);
        EXPECT_GE(held, steps / splits);
        EXPECT_LE(held, steps / splits + 1);
      }
    }
  }
}

TEST(SplitK, GoesRoundTheChipOnce) {
  const Product product = {.rows = 49, .columns = 512, .count = 1, .steps = 72};
  const Cut cut = split_k::split(product, kTiles);
  const int64_t tiles = 512 / cut.tile.columns * cut.splits;
  EXPECT_LE(tiles, 132);
  EXPECT_GT(tiles, 66);
  EXPECT_TRUE(split_k::pays(product, kTiles));
}

TEST(SplitK, DoesNotPayWhereTilesAreMany) {
  EXPECT_FALSE(split_k::pays({.rows = 25088, .columns = 512, .count = 1, .steps = 72}, kTiles));
  EXPECT_FALSE(split_k::pays({.rows = 100352, .columns = 64, .count = 1, .steps = 9}, kTiles));
  EXPECT_FALSE(split_k::pays({.rows = 128, .columns = 64, .count = 132, .steps = 72}, kTiles));
}

TEST(SplitK, PartsHaveFourStepsAtLeast) {
  const Product shallow = {.rows = 49, .columns = 64, .count = 1, .steps = 7};
  EXPECT_FALSE(split_k::supports(shallow).ok);
  const Product least = {.rows = 49, .columns = 64, .count = 1, .steps = 8};
  EXPECT_TRUE(split_k::supports(least).ok);
  EXPECT_EQ(split_k::split(least, kTiles).splits, 2);
}

TEST(SplitK, RefusesPartsOfMoreThanAnIntElements) {
  EXPECT_TRUE(split_k::supports({1 << 15, 1 << 10, 1, 8}).ok);
  EXPECT_FALSE(split_k::supports({1 << 16, 1 << 10, 1, 8}).ok);
}

// The steps of small channels, straight through the taps and one tap after another.
TEST(SplitK, CountsTheStepsOfItsKernel) {
  const Problem few = parse_problem("conv2d n1h28w28c1k6r5s5p2");
  EXPECT_EQ(split_k::forward_product(few, {16, false}).steps, 2);
  EXPECT_EQ(split_k::forward_product(few, {64, true}).steps, 25);
  const Problem some = parse_problem("conv2d n1h7w7c72k40r3s3p1");
  EXPECT_EQ(split_k::forward_product(some, {16, false}).steps, 41);  // of 648
  EXPECT_EQ(split_k::forward_product(some, {64, true}).steps, 18);
  EXPECT_EQ(split_k::forward_product(some, {64, true}).rows, 49);
}

TEST(SplitK, CountsPhasesOfAStride) {
  const Product product = split_k::input_gradient_product(
      parse_problem("conv2d_input_gradient n2h9w9c64k40r3s3p1u2"), {16, true});
  EXPECT_EQ(product.rows, 2 * 5 * 5);
  EXPECT_EQ(product.columns, 64);
  EXPECT_EQ(product.count, 4);
  EXPECT_EQ(product.steps, 7);  // 9 taps of 3 steps in 4 phases
}

// The widths of Hopper's tiles: those of layers whose tiles go round a chip of 132 with little left over, and
// those that the problem lists count on for tiles of 128 and 256 columns.
TEST(SplitK, HopperTilesTakeTheFewestCycles) {
  EXPECT_EQ(tma_wgmma::tile_columns({32 * 14 * 14, 256, 1, 36}), 128);  // 98 tiles, not 196 of 64
  EXPECT_EQ(tma_wgmma::tile_columns({32 * 7 * 7, 2048, 1, 8}), 256);    // 104 tiles, not 208 of 128
  EXPECT_EQ(tma_wgmma::tile_columns({256 * 56 * 56, 64, 1, 9}), 64);
  EXPECT_EQ(tma_wgmma::tile_columns({49, 512, 1, 72}), 64);
  EXPECT_EQ(tma_wgmma::tile_columns({2 * 65 * 65, 72, 1, 1}), 128);
  EXPECT_EQ(tma_wgmma::tile_columns({160 * 159, 72, 1, 1}), 128);
  EXPECT_EQ(tma_wgmma::tile_columns({107 * 104, 264, 1, 1}), 128);
  EXPECT_EQ(tma_wgmma::tile_columns({101 * 126, 200, 1, 1}), 256);
  EXPECT_EQ(tma_wgmma::tile_columns({172 * 173, 200, 1, 1}), 256);
}

// Those that the lists count on for clusters, and the bits of which ClusterBits compares.
TEST(SplitK, ClustersAreOfTilesThatFillTheChip) {
  EXPECT_EQ(tma_wgmma::cluster_blocks(199, 100), 2);  // 160 x 159 rows: the last pair has one tile
  EXPECT_EQ(tma_wgmma::cluster_blocks(233, 117), 2);
  EXPECT_EQ(tma_wgmma::cluster_blocks(261, 132), 2);
  EXPECT_EQ(tma_wgmma::cluster_blocks(100, 50), 1);
  EXPECT_EQ(tma_wgmma::cluster_blocks(264, 133), 1);
  EXPECT_EQ(tma_wgmma::tile_columns({2 * 106 * 120, 72, 1, 2}), 128);
  EXPECT_EQ(tma_wgmma::tile_columns({106 * 120, 72, 1, 2}), 128);
}

// What a plan takes without a measurement.
TEST(SplitK, IsTakenForSmallBatches) {
  if (linked_cuda_runtime().name() == "none" || linked_cuda_runtime().device_count() == 0) {
    GTEST_SKIP() << linked_cuda_runtime().unavailable_reason();
  }
  const Device device{DeviceType::kCuda, 0};
  const auto first = [&](const std::string& line) {
    return std::string(candidates(parse_problem(line), device, {})[0]->name);
  };
  EXPECT_EQ(first("conv2d n1h7w7c512k512r3s3p1"), "split_k");
  EXPECT_EQ(first("conv2d_input_gradient n1h7w7c512k512r3s3p1"), "split_k");
  EXPECT_EQ(first("conv2d n256h7w7c512k512r3s3p1u2"), "implicit_gemm");
  EXPECT_EQ(first("conv2d_input_gradient n256h7w7c512k512r3s3p1u2"), "implicit_gemm");
}

// F(2x2) where multiply-adds are what takes long: not of a few channels, filters or pixels.
TEST(Winograd, IsTakenWhereItPays) {
  if (linked_cuda_runtime().name() == "none" || linked_cuda_runtime().device_count() == 0) {
    GTEST_SKIP() << linked_cuda_runtime().unavailable_reason();
  }
  const Device device{DeviceType::kCuda, 0};
  const auto taken = [&](const std::string& op, const std::string& line) {
    return candidates(parse_problem(op + " " + line), device, {})[0]->name == "winograd_2x2";
  };
  for (const char* op : {"conv2d", "conv2d_input_gradient", "conv2d_filter_gradient"}) {
    EXPECT_TRUE(taken(op, "n32h56w56c64k64r3s3p1")) << op;
    EXPECT_TRUE(taken(op, "n256h7w7c512k512r3s3p1")) << op;
    EXPECT_TRUE(taken(op, "n32h224w224c64k64r3s3p1")) << op;
    EXPECT_FALSE(taken(op, "n2h4w4c8k8r3s3p1")) << op;  // saves less than a launch
    EXPECT_FALSE(taken(op, "n32h56w56c64k64r3s3p1u2")) << op;
  }
  EXPECT_FALSE(taken("conv2d", "n32h32w32c16k16r3s3p1"));
  EXPECT_FALSE(taken("conv2d_filter_gradient", "n32h224w224c3k64r3s3p1"));
  EXPECT_TRUE(taken("conv2d", "n32h56w56c64k64r3s3p1 bias normalise_relu"));
  EXPECT_TRUE(taken("conv2d_filter_gradient", "n32h56w56c64k64r3s3p1 normalise_relu"));
  EXPECT_FALSE(taken("conv2d", "n32h56w56c64k64r3s3p1 moments"));
}

}  // namespace
}  // namespace voluta::judge
