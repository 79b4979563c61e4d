#include <voluta/train/picture_grid.h>

#include <algorithm>
#include <cmath>

namespace voluta {
namespace {

uint8_t byte_of(double share) {
  return share > 0 ? static_cast<uint8_t>(std::lround(std::min(share, 1.0) * 255)) : 0;  // NaN: 0
}

// By Horner's rule, the lowest power first.
template <std::size_t kTerms>
double polynomial(const double (&terms)[kTerms], double x) {
  double sum = 0;
  for (std::size_t i = kTerms; i-- > 0;) sum = sum * x + terms[i];
  return sum;
}

double clamped(double value) {
  return value > 0 ? std::min(value, 1.0) : 0;
}

Image blank(int64_t height, int64_t width, uint8_t value) {
  return {height, width, std::vector<uint8_t>(static_cast<std::size_t>(height * width * 3), value)};
}

uint8_t* pixel(Image& image, int64_t y, int64_t x) {
  return image.rgb.data() + (y * image.width + x) * 3;
}

double largest(std::span<const float> values, std::size_t first, std::size_t count,
               std::size_t step) {
  double most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    most = std::max(most, std::abs(static_cast<double>(values[first + i * step])));
  }
  return most;
}

}  // namespace

Rgb grey(double value) {
  const uint8_t level = byte_of(value);
  return {level, level, level};
}

Rgb viridis(double value) {
  constexpr double kRed[] = {0.2777273272, 0.1050930431, -0.3308618287, -4.634230499,
                             6.228269936,  4.776384998,  -5.435455856};
  constexpr double kGreen[] = {0.005407344545, 1.40461353,   0.2148475595, -5.799100973,
                               14.17993337,    -13.74514538, 4.645852612};
  constexpr double kBlue[] = {0.3340998053, 1.384590163,  0.09509516303, -19.33244096,
                              56.6905526,   -65.35303263, 26.31243525};
  const double x = clamped(value);
  return {byte_of(polynomial(kRed, x)), byte_of(polynomial(kGreen, x)),
          byte_of(polynomial(kBlue, x))};
}

Rgb turbo(double value) {
  constexpr double kRed[] = {0.13572138,   4.61539260,    -42.66032258,
                             132.13108234, -152.94239396, 59.28637943};
  constexpr double kGreen[] = {0.09140261,   2.19418839, 4.84296658,
                               -14.18503333, 4.27729857, 2.82956604};
  constexpr double kBlue[] = {0.10667330,   12.64194608,  -60.58204836,
                              110.36276771, -89.90310912, 27.34824973};
  const double x = clamped(value);
  return {byte_of(polynomial(kRed, x)), byte_of(polynomial(kGreen, x)),
          byte_of(polynomial(kBlue, x))};
}

Image colored(const Tensor& map, double low, double high, ColorMap colors) {
  Image image{map.shape()[0], map.shape()[1], {}};
  for (const float value : map.data<float>()) {
    const Rgb color = colors(high > low ? (value - low) / (high - low) : 0);
    image.rgb.insert(image.rgb.end(), color.begin(), color.end());
  }
  return image;
}

Image picture_of(const float* values, const Shape& shape, const Normalization& normalization) {
  Image image = blank(shape[0], shape[1], 0);
  const auto channels = static_cast<std::size_t>(shape[2]);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const std::size_t c = channels == 1 ? 0 : i % 3;
    image.rgb[i] =
        byte_of(values[i / 3 * channels + c] * normalization.deviation[c] + normalization.mean[c]);
  }
  return image;
}

Image enlarged(const Image& image, int64_t factor) {
  Image large = blank(image.height * factor, image.width * factor, 0);
  for (int64_t y = 0; y < large.height; ++y) {
    for (int64_t x = 0; x < large.width; ++x) {
      std::copy_n(image.rgb.data() + (y / factor * image.width + x / factor) * 3, 3,
                  pixel(large, y, x));
    }
  }
  return large;
}

Image heated(const Image& picture, const Tensor& heat, double most) {
  Image image = picture;
  const std::span<const float> values = heat.data<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    uint8_t* rgb = image.rgb.data() + 3 * i;
    const double light = (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255;
    const double value = most > 0 ? clamped(values[i] / most) : 0;
    const double share = 0.25 + 0.35 * value;
    const Rgb color = turbo(value);
    for (std::size_t c = 0; c < 3; ++c) {
      rgb[c] = byte_of((1 - share) * light + share * color[c] / 255);
    }
  }
  return image;
}

Image grid(const std::vector<Image>& tiles, int64_t columns, int64_t padding, Rgb ground) {
  const auto count = static_cast<int64_t>(tiles.size());
  const int64_t height = tiles[0].height + padding, width = tiles[0].width + padding;
  const int64_t rows = (count + columns - 1) / columns;
  Image image = blank(rows * height + padding, std::min(columns, count) * width + padding, 0);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = ground[i % 3];
  for (int64_t i = 0; i < count; ++i) {
    const Image& tile = tiles[static_cast<std::size_t>(i)];
    for (int64_t y = 0; y < tile.height; ++y) {
      std::copy_n(tile.rgb.data() + y * tile.width * 3, tile.width * 3,
                  pixel(image, i / columns * height + padding + y, i % columns * width + padding));
    }
  }
  return image;
}

int64_t square_columns(std::size_t count) {
  return static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
}

int64_t enlargement(int64_t extent, int64_t count, int64_t padding, int64_t enough) {
  constexpr int64_t kMost = 1600;
  const int64_t fits = (kMost / std::max<int64_t>(count, 1) - padding) / extent;
  return std::clamp<int64_t>(std::min(fits, (enough + extent - 1) / extent), 1, 16);
}

std::vector<Image> filter_tiles(const Tensor& filters, int64_t most) {
  const Shape& s = filters.shape();
  const auto pixels = static_cast<std::size_t>(s[1] * s[2]),
             channels = static_cast<std::size_t>(s[3]);
  const std::span<const float> weights = filters.data<float>();
  const bool colors = channels == 3;
  std::vector<Image> tiles;
  for (std::size_t k = 0; k < static_cast<std::size_t>(std::min(s[0], most)); ++k) {
    const std::size_t count = colors ? 1 : std::min(channels, static_cast<std::size_t>(most));
    for (std::size_t c = 0; c < count; ++c) {
      const std::size_t first = k * pixels * channels + c;
      const double scale = colors ? largest(weights, first, pixels * 3, 1)
                                  : largest(weights, first, pixels, channels);
      Image tile = blank(s[1], s[2], 0);
      for (std::size_t i = 0; i < tile.rgb.size(); ++i) {
        const double weight = weights[first + i / 3 * channels + (colors ? i % 3 : 0)];
        tile.rgb[i] = byte_of(0.5 + (scale > 0 ? 0.5 * weight / scale : 0));
      }
      tiles.push_back(std::move(tile));
    }
  }
  return tiles;
}

Image filter_grid(const Tensor& filters, int64_t most) {
  constexpr int64_t kGap = 2, kEnough = 56;
  constexpr Rgb kNoGrey = {40, 90, 200};  // a ground that no filter in grey has
  const Shape& s = filters.shape();
  std::vector<Image> tiles = filter_tiles(filters, most);
  const bool plane = s[3] == 1 || s[3] == 3;
  const int64_t columns = plane ? square_columns(tiles.size()) : std::min(s[3], most);
  const int64_t factor = enlargement(std::max(s[1], s[2]), columns, kGap, kEnough);
  for (Image& tile : tiles) tile = enlarged(tile, factor);
  return grid(tiles, columns, kGap, kNoGrey);
}

std::vector<Image> map_tiles(const Tensor& maps, ColorMap colors) {
  const Shape& s = maps.shape();
  const auto channels = static_cast<std::size_t>(s[3]);
  Tensor map(DType::f32, {s[1], s[2]});
  std::vector<Image> tiles;
  for (std::size_t c = 0; c < channels; ++c) {
    const std::span<float> values = map.data<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = maps.data<float>()[i * channels + c];
    }
    const auto [low, high] = std::ranges::minmax_element(values);
    tiles.push_back(colored(map, *low, *high, colors));
  }
  return tiles;
}

}  // namespace voluta
