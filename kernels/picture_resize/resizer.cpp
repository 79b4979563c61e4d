#include <voluta/kernels/picture_resize/resizer.h>

#include <algorithm>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace voluta::picture_resize {
namespace {

// Rows are resized sixteen at a time, one a lane: neighbours in a row are three bytes apart, which
// no vector instruction likes, rows that lie side by side are not.
constexpr std::size_t kLanes = 16;

// Bytes [rows,columns] of lines `from_stride` apart -> [columns,rows] of lines `to_stride` apart.
void transpose_plainly(const uint8_t* from, std::size_t from_stride, std::size_t rows,
                       std::size_t columns, uint8_t* to, std::size_t to_stride) {
  for (std::size_t column = 0; column < columns; ++column) {
    for (std::size_t row = 0; row < rows; ++row) {
      to[column * to_stride + row] = from[row * from_stride + column];
    }
  }
}

#ifdef __SSE2__

// [16,16] -> [16,16]: four rounds, each of which interleaves line i with line i + 8.
void transpose_square(const uint8_t* from, std::size_t from_stride, uint8_t* to,
                      std::size_t to_stride) {
  __m128i lines[kLanes], next[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) {
    lines[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * from_stride));
  }
  for (int round = 0; round < 4; ++round) {
    for (std::size_t i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = _mm_unpacklo_epi8(lines[i], lines[i + kLanes / 2]);
      next[2 * i + 1] = _mm_unpackhi_epi8(lines[i], lines[i + kLanes / 2]);
    }
    std::copy_n(next, kLanes, lines);
  }
  for (std::size_t i = 0; i < kLanes; ++i) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i * to_stride), lines[i]);
  }
}

// Sixteen neighbours: each the sum of `taps` bytes, `stride` apart, times their weights. Two taps at
// a time, as pairs of 16 bits that one instruction multiplies and adds.
void weigh(const uint8_t* from, std::size_t stride, const int16_t* weight, std::size_t taps,
           uint8_t* to) {
  const __m128i zero = _mm_setzero_si128();
  __m128i sums[4];
  for (__m128i& sum : sums) sum = _mm_set1_epi32(kHalf);
  for (std::size_t t = 0; t < taps; t += 2, from += 2 * stride) {
    const bool pair = t + 1 < taps;
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i b =
        pair ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + stride)) : zero;
    const int32_t second = pair ? weight[t + 1] : 0;
    const __m128i w = _mm_set1_epi32(static_cast<int32_t>(static_cast<uint32_t>(second) << 16 |
                                                          static_cast<uint16_t>(weight[t])));
    const __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
    sums[0] = _mm_add_epi32(sums[0], _mm_madd_epi16(_mm_unpacklo_epi8(low, zero), w));
    sums[1] = _mm_add_epi32(sums[1], _mm_madd_epi16(_mm_unpackhi_epi8(low, zero), w));
    sums[2] = _mm_add_epi32(sums[2], _mm_madd_epi16(_mm_unpacklo_epi8(high, zero), w));
    sums[3] = _mm_add_epi32(sums[3], _mm_madd_epi16(_mm_unpackhi_epi8(high, zero), w));
  }
  for (__m128i& sum : sums) sum = _mm_srai_epi32(sum, kWeightBits);
  const __m128i pixels =  // saturated, that is clamped to 0..255
      _mm_packus_epi16(_mm_packs_epi32(sums[0], sums[1]), _mm_packs_epi32(sums[2], sums[3]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), pixels);
}

#else

void transpose_square(const uint8_t* from, std::size_t from_stride, uint8_t* to,
                      std::size_t to_stride) {
  transpose_plainly(from, from_stride, kLanes, kLanes, to, to_stride);
}

void weigh(const uint8_t* from, std::size_t stride, const int16_t* weight, std::size_t taps,
           uint8_t* to) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    to[lane] = weighted(from + lane, static_cast<int64_t>(stride), weight, static_cast<int>(taps));
  }
}

#endif

// Sixteen lines of `count` bytes -> [count,16].
void side_by_side(const uint8_t* from, std::size_t stride, std::size_t lines, std::size_t count,
                  uint8_t* to) {
  std::size_t done = 0;
  if (lines == kLanes) {
    for (; done + kLanes <= count; done += kLanes) {
      transpose_square(from + done, stride, to + done * kLanes, kLanes);
    }
  }
  transpose_plainly(from + done, stride, lines, count - done, to + done * kLanes, kLanes);
}

// [count,16] -> sixteen lines of `count` bytes.
void one_below_another(const uint8_t* from, std::size_t lines, std::size_t count, uint8_t* to,
                       std::size_t stride) {
  std::size_t done = 0;
  if (lines == kLanes) {
    for (; done + kLanes <= count; done += kLanes) {
      transpose_square(from + done * kLanes, kLanes, to + done, stride);
    }
  }
  transpose_plainly(from + done * kLanes, kLanes, count - done, lines, to + done, stride);
}

std::size_t rounded_up(std::size_t count) {
  return (count + kLanes - 1) / kLanes * kLanes;
}

}  // namespace

void Resizer::set_weights(Weights& weights, const ResizeAxis& axis, int64_t pixels,
                          Interpolation interpolation) {
  const AxisFilter filter(axis, pixels, interpolation);
  const auto count = static_cast<std::size_t>(axis.count);
  weights.taps = static_cast<std::size_t>(filter.most_taps());
  weights.first.resize(count);
  weights.weight.assign(count * weights.taps, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<int64_t>(i);
    const Taps taps = filter.taps(at);
    // Room for all taps, so that no loop below needs to know an output's own number.
    const int64_t first = std::min<int64_t>(taps.first, filter.end() - filter.most_taps());
    weights.first[i] = first;
    filter.weigh(at, taps, weights.weight.data() + i * weights.taps + (taps.first - first));
  }
}

void Resizer::resize_rows(const uint8_t* pixels, int64_t width, int64_t top, int64_t bottom) {
  const auto [left, right] = range(rows_);
  const auto bytes = static_cast<std::size_t>(right - left) * 3;
  const std::size_t columns = rows_.first.size(), stride = static_cast<std::size_t>(width) * 3;
  block_.resize(bytes * kLanes);
  resized_.resize(columns * 3 * kLanes);
  lines_.resize(static_cast<std::size_t>(bottom - top) * line_);
  for (int64_t y = top; y < bottom; y += kLanes) {
    const auto lines = static_cast<std::size_t>(std::min<int64_t>(kLanes, bottom - y));
    side_by_side(pixels + 3 * (y * width + left), stride, lines, bytes, block_.data());
    for (std::size_t x = 0; x < columns; ++x) {
      const auto first = static_cast<std::size_t>(rows_.first[x] - left) * 3;
      for (std::size_t c = 0; c < 3; ++c) {
        weigh(block_.data() + (first + c) * kLanes, 3 * kLanes,
              rows_.weight.data() + x * rows_.taps, rows_.taps,
              resized_.data() + (x * 3 + c) * kLanes);
      }
    }
    one_below_another(resized_.data(), lines, columns * 3,
                      lines_.data() + static_cast<std::size_t>(y - top) * line_, line_);
  }
}

void Resizer::resize_columns(int64_t top) {
  output_.resize(columns_.first.size() * line_);
  for (std::size_t y = 0; y < columns_.first.size(); ++y) {
    const auto first = static_cast<std::size_t>(columns_.first[y] - top);
    for (std::size_t i = 0; i < line_; i += kLanes) {
      weigh(lines_.data() + first * line_ + i, line_, columns_.weight.data() + y * columns_.taps,
            columns_.taps, output_.data() + y * line_ + i);
    }
  }
}

ResizedPixels Resizer::resize(const uint8_t* pixels, const ResizeView& view,
                              Interpolation interpolation) {
  set_weights(rows_, view.horizontal, view.columns, interpolation);
  set_weights(columns_, view.vertical, view.rows, interpolation);
  line_ = rounded_up(rows_.first.size() * 3);
  const auto [top, bottom] = range(columns_);
  resize_rows(pixels, view.columns, top, bottom);
  resize_columns(top);
  return {output_.data(), line_};
}

void Resizer::write_values(const uint8_t* pixels, const ResizeView& view,
                           Interpolation interpolation, const float* values, int64_t channels,
                           float* y) {
  const ResizedPixels resized = resize(pixels, view, interpolation);
  const int64_t width = view.horizontal.count, step = view.mirrored ? -3 : 3;
  for (int64_t h = 0; h < view.vertical.count; ++h) {
    const uint8_t* rgb = resized.rgb + static_cast<std::size_t>(h) * resized.line_bytes;
    if (view.mirrored) rgb += 3 * (width - 1);
    if (channels == 1) {
      for (int64_t w = 0; w < width; ++w, rgb += step) {
        *y++ = values[gray_level(rgb[0], rgb[1], rgb[2])];
      }
    } else {
      for (int64_t w = 0; w < width; ++w, rgb += step, y += 3) {
        for (int c = 0; c < 3; ++c) y[c] = values[c * 256 + rgb[c]];
      }
    }
  }
}

std::pair<int64_t, int64_t> Resizer::range(const Weights& weights) {
  const auto [lowest, highest] = std::ranges::minmax(weights.first);
  return {lowest, highest + static_cast<int64_t>(weights.taps)};
}

}  // namespace voluta::picture_resize
