#pragma once

// Numbers as pictures: colour maps, tiles, grids.

#include <voluta/core/tensor.h>
#include <voluta/io/image.h>
#include <voluta/train/normalization.h>

#include <array>

namespace voluta {

using Rgb = std::array<uint8_t, 3>;

// 0 to 1 (beyond is clamped, NaN is 0) as a colour.
using ColorMap = Rgb (*)(double);
Rgb grey(double value);
// From dark blue over green to yellow, of even lightness: matplotlib's, as a polynomial.
Rgb viridis(double value);
// From blue over green to red, for overlays. Source: Mikhailov 2019, "Turbo, an improved rainbow
// colormap for visualization".
Rgb turbo(double value);

// f32 [H,W] -> picture; `low` becomes 0 of the colour map, `high` 1. Where they are equal all is 0.
Image colored(const Tensor& map, double low, double high, ColorMap colors);

// f32 [H,W,C] of one channel or three, normalised -> the picture that it was.
Image picture_of(const float* values, const Shape& shape, const Normalization& normalization);

// Each pixel as a square of `factor` pixels.
Image enlarged(const Image& image, int64_t factor);

// The picture in grey under the heat of f32 [H,W], from 0 to `most`: the hotter, the less of the
// picture is left.
Image heated(const Image& picture, const Tensor& heat, double most);

// Tiles of one size, row by row, `columns` a row, with `padding` pixels of the ground around each.
Image grid(const std::vector<Image>& tiles, int64_t columns, int64_t padding,
           Rgb ground = {255, 255, 255});

// A whole number that makes grids of `count` tiles nearly square.
int64_t square_columns(std::size_t count);

// By how much tiles of `extent` pixels may be enlarged, 1 to 16, so that `count` of them beside each
// other with `padding` stay within 1600 pixels, and need not be larger than `enough`.
int64_t enlargement(int64_t extent, int64_t count, int64_t padding, int64_t enough);

// Filters [K,R,S,C] as tiles, 0 as middle grey and the largest weight of a tile as black or white:
// of three channels (RGB) a tile a filter, else a tile a channel, filter by filter. Only the first
// `most` filters, and of those the first `most` channels.
std::vector<Image> filter_tiles(const Tensor& filters, int64_t most);

// Those tiles, enlarged, as one picture: filters of one channel or three beside each other, those of more
// a row each.
Image filter_grid(const Tensor& filters, int64_t most);

// Maps [1,H,W,C] as tiles, a channel each, from its least value to its largest.
std::vector<Image> map_tiles(const Tensor& maps, ColorMap colors);

}  // namespace voluta
