#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>

#include <string>

namespace voluta::tma_wgmma {
namespace {

constexpr int64_t kMostIndex = (int64_t{1} << 31) - (int64_t{1} << 16);  // tiles reach past the end

// Channels of a group: no step of depth reads those of two, 128 bytes, nor does a block of columns of a filter
// gradient, kBlockLines.
constexpr int64_t kGroupUnit = 64;

// Of 128 bytes.
int row_elements(DType dtype) {
  return kSwizzledRowBytes / static_cast<int>(size_of(dtype));
}

// Those of all problems come first, then the low ones of some, then the tall ones.
constexpr std::size_t kTilesOfAll = 3, kLowTiles = 6;
constexpr split_k::TileCost kForwardTiles[] = {tile_cost(128, 256, 256), tile_cost(128, 128, 128),
                                               tile_cost(128, 64, 64),   tile_cost(128, 192, 192),
                                               tile_cost(128, 160, 160), tile_cost(128, 96, 96),
                                               tile_cost(256, 128, 128), tile_cost(256, 64, 64)};
constexpr split_k::TileCost kGradientTiles[] = {tile_cost(128, 256, 256), tile_cost(128, 128, 128),
                                                tile_cost(128, 64, 64),   tile_cost(128, 192, 192),
                                                tile_cost(128, 160, 192), tile_cost(128, 96, 128),
                                                tile_cost(256, 128, 128), tile_cost(256, 64, 64)};

constexpr bool is_in_order(std::span<const split_k::TileCost> tiles) {
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const TileSize tile = tiles[i].tile;
    if (is_of_all(tile.rows, tile.columns) != (i < kTilesOfAll)) return false;
    if ((tile.rows == 128) != (i < kLowTiles)) return false;
  }
  return true;
}
static_assert(is_in_order(kForwardTiles) && is_in_order(kGradientTiles));

std::span<const split_k::TileCost> tiles_for(std::span<const split_k::TileCost> tiles,
                                             const Problem& problem) {
  const bool few = problem.inputs[0].dtype == DType::f32 || conv2d_normaliser(problem) != 0;
  return few ? tiles.first(kTilesOfAll) : tiles;
}

TensorMapLayout packed_map(DType dtype, std::initializer_list<int64_t> extents) {
  TensorMapLayout layout{
      .dtype = dtype, .tf32 = dtype == DType::f32, .rank = static_cast<int>(extents.size())};
  auto stride = static_cast<int64_t>(size_of(dtype));
  std::size_t axis = 0;
  for (const int64_t extent : extents) {
    layout.extents[axis] = extent;
    layout.stride_bytes[axis++] = stride;
    stride *= extent;
  }
  return layout;
}

// The base positions of the forward's windows, which the filter gradient walks too.
bool fits_copies(const Conv2dGeometry& g) {
  return g.u <= 8 && g.v <= 8 && (g.r - 1) * g.l <= 255 && (g.s - 1) * g.m <= 255 &&
         fits_corners({-g.top, g.u, g.p, g.h}) && fits_corners({-g.left, g.v, g.q, g.w});
}

}  // namespace

bool fits_corners(const BasePositions& axis) {
  return axis.lower() >= -128 && axis.lower() <= 127 && axis.upper() >= -128 && axis.upper() <= 127;
}

Support within_limits(const Problem& problem) {
  if (const Support plain = supports_no_prologue(problem); !plain.ok) return plain;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.groups != 1 && (g.group_c % kGroupUnit != 0 || g.group_k % kGroupUnit != 0)) {
    return Support::no("groups of multiples of 64 channels only");
  }
  const auto chunk = 16 / static_cast<int64_t>(size_of(problem.inputs[0].dtype));
  if (g.c % chunk != 0 || g.k % chunk != 0) {
    return Support::no("channels in multiples of " + std::to_string(chunk) + " only");
  }
  if (!fits_copies(g)) {
    return Support::no("a stride above 8, a dilated filter above 256 or padding above 128");
  }
  if (g.n * g.p * g.q >= kMostIndex || g.n * g.h * g.w >= kMostIndex ||
      g.r * g.s * (g.c + 64) >= kMostIndex || g.r * g.s * (g.k + 64) >= kMostIndex) {
    return Support::no("a matrix of nearly 2^31 rows or columns");
  }
  return Support::yes();
}

Support within_limits_of_pixels(const Problem& problem) {
  if (conv2d_normaliser(problem) == 0) return within_limits(problem);
  if (problem.inputs[0].dtype == DType::f32) return Support::no("no prologue of f32");
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.r * g.s > 1 || conv2d_options(problem).padding != Padding2d{}) {
    return Support::no("a prologue in front of filters of one pixel without padding only");
  }
  return with_prologue<within_limits>(problem);
}

TensorMapLayout im2col_map(DType dtype, int64_t n, int64_t c, const BasePositions& h,
                           const BasePositions& w, int pixels) {
  TensorMapLayout layout = packed_map(dtype, {c, w.extent, h.extent, n});
  layout.pixels = pixels;
  layout.channels = row_elements(dtype);
  layout.lower = {static_cast<int>(w.lower()), static_cast<int>(h.lower())};
  layout.upper = {static_cast<int>(w.upper()), static_cast<int>(h.upper())};
  layout.step = {static_cast<int>(w.step), static_cast<int>(h.step)};
  return layout;
}

TensorMapLayout filter_map(DType dtype, const Conv2dGeometry& g, int filters) {
  TensorMapLayout layout = packed_map(dtype, {g.group_c, g.r * g.s, g.k});
  layout.box = {row_elements(dtype), 1, filters, 1};
  return layout;
}

TensorMapLayout matrix_map(DType dtype, int64_t rows, int64_t columns, int box_rows) {
  TensorMapLayout layout = packed_map(dtype, {columns, rows, 1});
  layout.box = {row_elements(dtype), box_rows, 1, 1};
  return layout;
}

TensorMapLayout auxiliary_map(TensorMapLayout layout) {
  layout.tf32 = false;
  return layout;
}

split_k::Steps steps_of(const Problem& problem) {
  return {row_elements(problem.inputs[0].dtype), true};
}

std::span<const split_k::TileCost> forward_tiles(const Problem& problem) {
  return tiles_for(kForwardTiles, problem);
}

std::span<const split_k::TileCost> gradient_tiles(const Problem& problem) {
  return tiles_for(kGradientTiles, problem);
}

std::span<const split_k::TileCost> low_forward_tiles(const Problem& problem) {
  return tiles_for(std::span(kForwardTiles).first(kLowTiles), problem);
}

std::span<const split_k::TileCost> low_gradient_tiles(const Problem& problem) {
  return tiles_for(std::span(kGradientTiles).first(kLowTiles), problem);
}

int cluster_blocks(int64_t tiles, int64_t pairs, int64_t least) {
  constexpr int64_t kPairs = kMultiprocessors / 2;
  if (tiles < least) return 1;
  return (pairs + kPairs - 1) / kPairs <= (tiles + kMultiprocessors - 1) / kMultiprocessors ? 2 : 1;
}

}  // namespace voluta::tma_wgmma
