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

// The tile of a whole product on Hopper.
TileSize forward_tile(const Product& product, const std::string& dtype = "bf16") {
  return split_k::whole(product,
                        tma_wgmma::forward_tiles(parse_problem("conv2d n1h1w1c8k8r1s1 " + dtype)))
      .tile;
}
TileSize gradient_tile(const Product& product) {
  return split_k::whole(product, tma_wgmma::gradient_tiles(
                                     parse_problem("conv2d_input_gradient n1h1w1c8k8r1s1 bf16")))
      .tile;
}
int forward_columns(const Product& product, const std::string& dtype = "bf16") {
  return forward_tile(product, dtype).columns;
}
int gradient_columns(const Product& product) {
  return gradient_tile(product).columns;
}

// The widths of Hopper's tiles: those of layers whose tiles go round a chip of 132 with little left over, and
// those of layers of that width.
TEST(SplitK, HopperTilesTakeTheFewestCycles) {
  EXPECT_EQ(forward_columns({32 * 14 * 14, 256, 1, 36}), 128);  // 98 tiles, not 196 of 64
  EXPECT_EQ(forward_columns({32 * 7 * 7, 2048, 1, 8}), 256);    // 104 tiles, not 208 of 128
  EXPECT_EQ(forward_columns({256 * 56 * 56, 64, 1, 9}), 64);
  EXPECT_EQ(forward_columns({49, 512, 1, 72}), 64);
  for (const int columns : {96, 160, 192}) {
    const Product product = {256 * 17 * 17, columns, 1, 12};
    EXPECT_EQ(forward_columns(product), columns);
    EXPECT_EQ(gradient_columns(product), columns);
    EXPECT_GT(forward_columns(product, "f32"), columns);
  }
  EXPECT_EQ(forward_columns({256 * 8 * 8, 320, 1, 32}), 160);
  EXPECT_EQ(forward_tile({256 * 28 * 28, 128, 1, 18}).rows, 256);
  EXPECT_EQ(forward_tile({256 * 56 * 56, 64, 1, 9}).rows, 256);
}

// Those that the problem lists count on for tiles of each width.
TEST(SplitK, ProblemListsHaveTilesOfAllWidths) {
  for (const int columns : {72, 104, 152, 184}) {
    const int64_t rows = columns > 128 ? 107 * 107 : 2 * 65 * 65;
    EXPECT_EQ(forward_columns({rows, columns, 1, 1}), (columns + 31) / 32 * 32) << columns;
    EXPECT_EQ(gradient_columns({rows, columns, 1, 1}), (columns + 31) / 32 * 32) << columns;
  }
  EXPECT_EQ(forward_columns({45 * 128, 136, 1, 1}), 96);  // two tiles
  EXPECT_EQ(gradient_columns({45 * 128, 136, 1, 1}), 96);
  EXPECT_EQ(forward_columns({53 * 128, 264, 1, 1}), 160);
  EXPECT_EQ(forward_columns({160 * 159, 72, 1, 1}), 96);
  struct Tall {
    int64_t rows, columns;
    int tile;
  };
  for (const Tall& tall : {Tall{133 * 128, 56, 64},
                           {160 * 159, 104, 128},
                           {183 * 184, 56, 64},
                           {183 * 184, 104, 128}}) {
    const Product product = {tall.rows, tall.columns, 1, 1};
    EXPECT_EQ(forward_tile(product).rows, 256) << tall.rows;
    EXPECT_EQ(gradient_tile(product).rows, 256) << tall.rows;
    EXPECT_EQ(forward_columns(product), tall.tile);
    EXPECT_EQ(forward_tile(product, "f32").rows, 128) << tall.rows;
  }
  EXPECT_EQ(gradient_tile({66 * 66, 56, 4, 3}).rows, 256);
  EXPECT_EQ(gradient_tile({66 * 66, 56, 4, 1}).rows, 256);
  EXPECT_EQ(gradient_tile({93 * 94, 192, 2, 1}).rows, 256);
  EXPECT_EQ(forward_tile({226 * 225, 56, 1, 1}).rows, 256);
  EXPECT_EQ(gradient_tile({226 * 225, 56, 1, 1}).rows, 256);
  EXPECT_EQ(forward_columns({41 * 42, 320, 2, 1}), 96);
  EXPECT_EQ(gradient_columns({41 * 42, 320, 2, 1}), 96);
  EXPECT_EQ(gradient_columns({160 * 159, 72, 1, 1}), 96);
  EXPECT_EQ(forward_tile({129 * 130, 104, 1, 1}).rows, 128);
  EXPECT_EQ(forward_columns({129 * 130, 104, 1, 1}), 128);
  EXPECT_EQ(forward_columns({160 * 159, 72, 1, 1}, "f32"), 128);
  EXPECT_EQ(forward_columns({129 * 130, 152, 1, 1}), 160);
  EXPECT_EQ(forward_columns({129 * 130, 184, 1, 1}), 192);
  EXPECT_EQ(forward_columns({107 * 104, 376, 1, 1}), 128);
  EXPECT_EQ(forward_tile({107 * 104, 376, 1, 1}).rows, 256);
  EXPECT_EQ(forward_columns({101 * 126, 200, 1, 1}), 256);
  EXPECT_EQ(forward_columns({172 * 173, 200, 1, 1}), 256);
  for (const auto tiles :
       {tma_wgmma::low_forward_tiles(parse_problem("conv2d n1h1w1c8k8r1s1 bf16")),
        tma_wgmma::low_gradient_tiles(parse_problem("conv2d n1h1w1c8k8r1s1 bf16"))}) {
    const Cut cut = split_k::split({23 * 128, 136, 1, 9}, tiles);
    EXPECT_EQ(cut.tile.columns, 96);
    EXPECT_EQ(cut.splits, 2);
  }
}

TEST(SplitK, LastStepsHaveProductsForTheirChannels) {
  for (const auto& [channels, products] :
       {std::pair{8, 1}, {16, 1}, {24, 2}, {48, 3}, {64, 4}, {72, 1}, {160, 2}}) {
    EXPECT_EQ(tma_wgmma::last_step_products(channels, 64), products) << channels;
  }
  for (const auto& [channels, products] : {std::pair{4, 1}, {12, 2}, {32, 4}, {36, 1}}) {
    EXPECT_EQ(tma_wgmma::last_step_products(channels, 32), products) << channels;
  }
}

// Long sums of small results go round the chip once, or as often as it is full; f32 has fewer widths.
TEST(SplitK, FilterGradientsAreCutIntoRoundsOfTheChip) {
  const auto parts = [](const Product& product, const std::string& dtype = "bf16") {
    return split_k::parts(product, tma_wgmma::low_gradient_tiles(parse_problem(
                                       "conv2d_filter_gradient n1h1w1c8k8r1s1 " + dtype)));
  };
  const Cut wide = parts({9 * 256, 256, 1, 784});  // 14 x 14 x 256, 256 pictures
  EXPECT_EQ(wide.tile.columns, 256);
  EXPECT_EQ(wide.splits, 7);  // 18 tiles: 126 of 132
  EXPECT_EQ(parts({12 * 64, 192, 1, 1156}).tile.columns, 192);
  EXPECT_EQ(parts({12 * 64, 192, 1, 1156}).splits, 22);
  EXPECT_EQ(parts({64, 64, 1, 1}).splits, 1);
  EXPECT_EQ(parts({64, 64, 1, 15}).splits, 1);
  EXPECT_EQ(parts({9 * 512, 512, 1, 3136}).splits, 9);  // 11 take 1 % less and a fifth more memory
  EXPECT_EQ(parts({64 * 64, 88, 1, 20}).tile.columns, 64);
  EXPECT_EQ(parts({64 * 64, 88, 1, 20}).splits, 2);
  EXPECT_EQ(parts({81 * 64, 72, 1, 24}).splits, 3);
  EXPECT_EQ(parts({25 * 64, 136, 1, 40}).tile.columns, 96);
  EXPECT_EQ(parts({25 * 64, 136, 1, 40}).splits, 5);
  struct Listed {
    int64_t blocks, filters;
    int half, single;
  };
  for (const Listed& listed : {Listed{196, 88, 96, 128},
                               {225, 120, 128, 128},
                               {225, 152, 160, 64},
                               {196, 184, 192, 64},
                               {256, 248, 256, 256},
                               {90, 136, 96, 128},
                               {105, 264, 160, 64}}) {
    const int64_t rows = listed.blocks * 64;
    EXPECT_EQ(parts({rows, listed.filters, 1, 1}).tile.columns, listed.half) << listed.filters;
    EXPECT_EQ(parts({rows, listed.filters, 1, 2}, "f32").tile.columns, listed.single)
        << listed.filters;
  }
  EXPECT_EQ(tma_wgmma::cluster_blocks(113, 57, 99), 2);
  EXPECT_EQ(tma_wgmma::cluster_blocks(98, 49, 99), 1);
}

// Those that the lists count on for clusters, and the bits of which ClusterBits compares.
TEST(SplitK, ClustersAreOfTilesThatFillTheChip) {
  EXPECT_EQ(tma_wgmma::cluster_blocks(199, 100), 2);  // 160 x 159 rows: the last pair has one tile
  EXPECT_EQ(tma_wgmma::cluster_blocks(132, 66), 2);   // 129 x 130, 2 x 88 x 96 rows
  EXPECT_EQ(tma_wgmma::cluster_blocks(233, 117), 2);
  EXPECT_EQ(tma_wgmma::cluster_blocks(261, 132), 2);
  EXPECT_EQ(tma_wgmma::cluster_blocks(100, 50), 1);
  EXPECT_EQ(tma_wgmma::cluster_blocks(264, 133), 1);
  EXPECT_EQ(forward_columns({2 * 106 * 120, 72, 1, 2}), 96);
  EXPECT_EQ(forward_columns({2 * 106 * 120, 72, 1, 2}, "f32"), 128);
  EXPECT_EQ(forward_tile({2 * 106 * 120, 104, 1, 2}).rows, 256);
  EXPECT_EQ(forward_tile({2 * 183 * 92, 56, 1, 1}).rows, 256);  // 132 tall tiles
  EXPECT_EQ(forward_columns({2 * 88 * 96, 184, 1, 2}), 192);
  EXPECT_EQ(gradient_columns({2 * 88 * 96, 184, 1, 2}), 192);
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
