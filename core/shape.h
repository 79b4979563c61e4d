#pragma once

// Extents of a tensor, outermost first. Activations are [N,H,W,C], filters [K,R,S,C].

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace voluta {

class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;  // a scalar: rank 0, one element
  // Throws invalid() for more than kMaxRank extents, a negative one, or a product beyond 2^59.
  Shape(std::initializer_list<int64_t> extents);
  explicit Shape(std::span<const int64_t> extents);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  int64_t elements() const { return elements_; }
  std::span<const int64_t> extents() const {
    return {extents_.data(), static_cast<std::size_t>(rank_)};
  }
  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
  int64_t elements_ = 1;
};

std::string to_string(const Shape& shape);  // "[32, 56, 56, 64]"

}  // namespace voluta
