#pragma once

// A picture's change on the CPU. Internal to the room.

#include <voluta/core/dtype.h>
#include <voluta/kernels/trivial_augment/trivial_augment_rules.h>

#include <algorithm>
#include <array>

namespace voluta::trivial_augment {

// What is drawn for a picture.
template <class T>
struct Draw {
  PictureChange change;
  T factor;
  const int64_t* affine;  // [6]
};

// values [kChannels][kLevels] of the table, normalised.
template <class T, int kChannels, class In>
std::array<std::array<T, kLevels>, kChannels> level_table(const Picture<T, kChannels, In>& from,
                                                          const Draw<T>& draw) {
  std::array<std::array<uint32_t, kLevels>, kChannels> counts{};
  std::array<LevelFacts, kChannels> facts;
  const int64_t pixels = from.height * from.width;
  T mean = 0;
  if (counts_levels(draw.change)) {
    for (int64_t i = 0; i < pixels; ++i) {
      for (int c = 0; c < kChannels; ++c) {
        ++counts[static_cast<std::size_t>(c)]
                [static_cast<std::size_t>(from.level(from.x + i * kChannels, c))];
      }
    }
    std::ranges::transform(counts, facts.begin(), [](auto& of) { return take_facts(of.data()); });
    mean = mean_gray<T, kChannels>(facts.data(), pixels);
  }
  std::array<std::array<T, kLevels>, kChannels> table;
  for (std::size_t c = 0; c < kChannels; ++c) {
    for (std::size_t level = 0; level < kLevels; ++level) {
      const T value = changed_level(draw.change, draw.factor, static_cast<int>(level), facts[c],
                                    counts[c][level], mean);
      table[c][level] = from.normal.normal(value, static_cast<int>(c));
    }
  }
  return table;
}

// f(place, y) for the picture's pixels in their order; y [kChannels].
template <int kChannels, class Out, class F>
void for_each_pixel(int64_t height, int64_t width, Out* y, const F& f) {
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column, y += kChannels) f(Place{row, column}, y);
  }
}

template <class T, int kChannels, class In>
void change_picture(const Picture<T, kChannels, In>& from, const Draw<T>& draw, In* y) {
  const auto store = [](T value) { return from_double<In>(static_cast<double>(value)); };
  const int64_t height = from.height, width = from.width;
  if (draw.change == PictureChange::kIdentity) {
    std::copy_n(from.x, height * width * kChannels, y);
  } else if (draw.change == PictureChange::kAffine) {
    for_each_pixel<kChannels>(height, width, y, [&](const Place& at, In* to) {
      const Place source = source_of(draw.affine, at.row, at.column);
      for (int c = 0; c < kChannels; ++c) {
        to[c] = from.holds(source) ? from.element(source)[c] : store(from.normal.normal(T(0), c));
      }
    });
  } else if (is_table(draw.change)) {
    const auto table = level_table(from, draw);
    for_each_pixel<kChannels>(height, width, y, [&](const Place& at, In* to) {
      for (int c = 0; c < kChannels; ++c) {
        const int level = from.level(from.element(at), c);
        to[c] = store(table[static_cast<std::size_t>(c)][static_cast<std::size_t>(level)]);
      }
    });
  } else {
    for_each_pixel<kChannels>(height, width, y, [&](const Place& at, In* to) {
      const Pixel<T, kChannels> p = from.changed(at, draw.change, draw.factor);
      for (int c = 0; c < kChannels; ++c) to[c] = store(from.normal.normal(p.value[c], c));
    });
  }
}

}  // namespace voluta::trivial_augment
