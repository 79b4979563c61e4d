#include <voluta/core/error.h>
#include <voluta/core/shape.h>

#include <algorithm>

namespace voluta {

Shape::Shape(std::initializer_list<int64_t> extents)
    : Shape(std::span<const int64_t>(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const int64_t> extents) {
  if (extents.size() > kMaxRank) {
    invalid("a shape has " + std::to_string(extents.size()) + " extents; at most " +
            std::to_string(kMaxRank) + " are supported");
  }
  constexpr int64_t kMaxElements = int64_t{1} << 59;  // their bytes fit an int64_t, of any dtype
  for (int64_t extent : extents) {
    if (extent < 0) invalid("a shape has the negative extent " + std::to_string(extent));
    if (extent > 0 && elements_ > kMaxElements / extent) {
      invalid("a shape has more than 2^59 elements");
    }
    extents_[static_cast<std::size_t>(rank_++)] = extent;
    elements_ *= extent;
  }
}

bool Shape::operator==(const Shape& other) const {
  return std::ranges::equal(extents(), other.extents());
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    text += (axis ? ", " : "") + std::to_string(shape[axis]);
  }
  return text + "]";
}

}  // namespace voluta
