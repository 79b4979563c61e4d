#include <voluta/core/error.h>
#include <voluta/core/tensor.h>

#include <cstring>
#include <new>

namespace voluta {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

std::string to_string(const TensorType& type) {
  return std::string(name_of(type.dtype)) + " " + to_string(type.shape);
}

Tensor::Tensor(TensorType type) : type_(type) {
  const std::size_t size = std::max<std::size_t>(type.bytes(), 1);
  auto* bytes = static_cast<std::byte*>(::operator new(size, kAlignment, std::nothrow));
  if (bytes == nullptr) {
    fail(ErrorKind::kOutOfMemory,
         "no host memory for a tensor of " + std::to_string(size) + " bytes, " + to_string(type));
  }
  data_ =
      std::shared_ptr<std::byte[]>(bytes, [](std::byte* p) { ::operator delete(p, kAlignment); });
  std::memset(bytes, 0, size);
}

Tensor Tensor::clone() const {
  if (!defined()) return *this;
  Tensor copy(type_);
  std::memcpy(copy.raw(), raw(), bytes());
  return copy;
}

Tensor Tensor::reshaped(Shape shape) const {
  if (shape.elements() != elements()) {
    invalid("a tensor of shape " + to_string(type_.shape) + " cannot be viewed as " +
            to_string(shape) + ": the element counts differ");
  }
  Tensor view = *this;
  view.type_.shape = shape;
  return view;
}

void Tensor::check_dtype(DType wanted) const {
  if (!defined()) invalid("a tensor without memory was read");
  if (wanted != type_.dtype) {
    invalid("a tensor of dtype " + std::string(name_of(type_.dtype)) + " was read as " +
            std::string(name_of(wanted)));
  }
}

void Tensor::check_single() const {
  if (elements() == 1) return;
  invalid("a tensor of shape " + to_string(type_.shape) + " was read as its only element");
}

}  // namespace voluta
