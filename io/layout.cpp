#include <voluta/core/error.h>
#include <voluta/io/layout.h>

namespace voluta {
namespace {

// [outer][rows][columns] -> [outer][columns][rows]
template <class T>
void transpose(const void* from, void* to, int64_t outer, int64_t rows, int64_t columns) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(to);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        target[(o * columns + c) * rows + r] = source[(o * rows + r) * columns + c];
      }
    }
  }
}

Tensor transposed(const Tensor& tensor, Shape shape, int64_t outer, int64_t rows, int64_t columns) {
  Tensor result(tensor.dtype(), shape);
  switch (size_of(tensor.dtype())) {
    case 1:
      transpose<uint8_t>(tensor.raw(), result.raw(), outer, rows, columns);
      break;
    case 2:
      transpose<uint16_t>(tensor.raw(), result.raw(), outer, rows, columns);
      break;
    case 4:
      transpose<uint32_t>(tensor.raw(), result.raw(), outer, rows, columns);
      break;
    default:
      transpose<uint64_t>(tensor.raw(), result.raw(), outer, rows, columns);
      break;
  }
  return result;
}

void check_rank(const Tensor& tensor) {
  if (tensor.shape().rank() != 4) {
    invalid("a tensor of shape " + to_string(tensor.shape()) +
            " has no channel axis to move; four axes are needed");
  }
}

}  // namespace

Tensor channels_last(const Tensor& tensor) {
  check_rank(tensor);
  const Shape& s = tensor.shape();
  return transposed(tensor, {s[0], s[2], s[3], s[1]}, s[0], s[1], s[2] * s[3]);
}

Tensor channels_first(const Tensor& tensor) {
  check_rank(tensor);
  const Shape& s = tensor.shape();
  return transposed(tensor, {s[0], s[3], s[1], s[2]}, s[0], s[1] * s[2], s[3]);
}

Tensor parameter_from_pytorch(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  if (s.rank() == 4) return channels_last(tensor);
  if (s.rank() == 3) return transposed(tensor, {s[1], s[2], s[0]}, 1, s[0], s[1] * s[2]);
  return tensor;
}

Tensor parameter_to_pytorch(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  if (s.rank() == 4) return channels_first(tensor);
  if (s.rank() == 3) return transposed(tensor, {s[2], s[0], s[1]}, 1, s[0] * s[1], s[2]);
  return tensor;
}

Shape parameter_shape_in_pytorch(const Shape& s) {
  if (s.rank() == 4) return {s[0], s[3], s[1], s[2]};
  if (s.rank() == 3) return {s[2], s[0], s[1]};
  return s;
}

}  // namespace voluta
