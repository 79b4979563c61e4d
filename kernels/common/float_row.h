#pragma once

// Where a CPU loop over channels adds up in f32 what it stores as T: in the stored row itself where T
// is float, else in a row of its own, rounded once.

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace voluta {

template <class T>
class FloatRow {
 public:
  explicit FloatRow(int64_t length)
      : length_(length), own_(std::is_same_v<T, float> ? 0 : static_cast<std::size_t>(length)) {}

  // Zeros, for the row that store() is told.
  float* zeros(T* to) {
    float* row = own_.data();
    if constexpr (std::is_same_v<T, float>) row = to;
    std::fill_n(row, length_, 0.0f);
    return row;
  }
  void store(T* to) const {
    if constexpr (!std::is_same_v<T, float>) {
      for (int64_t i = 0; i < length_; ++i)
        to[i] = static_cast<T>(own_[static_cast<std::size_t>(i)]);
    }
  }

 private:
  int64_t length_;
  std::vector<float> own_;
};

}  // namespace voluta
