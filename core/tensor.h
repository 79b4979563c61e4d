#pragma once

// A dense host tensor: a dtype, a shape and bytes that several tensors may share. What files,
// datasets and fetched results are made of; device memory belongs to plans and pools.

#include <voluta/core/dtype.h>
#include <voluta/core/shape.h>

#include <cstddef>
#include <memory>
#include <span>

namespace voluta {

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  std::size_t bytes() const { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
  bool operator==(const TensorType&) const = default;
};

std::string to_string(const TensorType& type);  // "f32 [32, 10]"

class Tensor {
 public:
  Tensor() = default;  // empty: f32 scalar without memory; defined() is false
  // Allocates zeroed memory, aligned to 64 bytes.
  explicit Tensor(TensorType type);
  Tensor(DType dtype, Shape shape) : Tensor(TensorType{dtype, shape}) {}

  bool defined() const { return data_ != nullptr; }
  const TensorType& type() const { return type_; }
  const Shape& shape() const { return type_.shape; }
  DType dtype() const { return type_.dtype; }
  int64_t elements() const { return type_.shape.elements(); }
  std::size_t bytes() const { return type_.bytes(); }

  void* raw() { return data_.get(); }
  const void* raw() const { return data_.get(); }

  // All elements in order; throws invalid() where T is not the tensor's dtype. Not of a temporary, which
  // would take them with it.
  template <class T>
  std::span<T> data() & {
    check_dtype(kDTypeOf<T>);
    return {static_cast<T*>(raw()), static_cast<std::size_t>(elements())};
  }
  template <class T>
  std::span<const T> data() const& {
    check_dtype(kDTypeOf<T>);
    return {static_cast<const T*>(raw()), static_cast<std::size_t>(elements())};
  }
  template <class T>
  std::span<const T> data() const&& = delete;

  // The only element; throws invalid() where there are more or none, or T is not the tensor's dtype.
  template <class T>
  T item() const {
    check_dtype(kDTypeOf<T>);
    check_single();
    return *static_cast<const T*>(raw());
  }

  Tensor clone() const;                // its own copy of the bytes; an empty one of an empty one
  Tensor reshaped(Shape shape) const;  // the same bytes; throws where the element count differs

 private:
  void check_dtype(DType wanted) const;
  void check_single() const;

  TensorType type_;
  std::shared_ptr<std::byte[]> data_;
};

}  // namespace voluta
