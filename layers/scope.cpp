#include <voluta/core/error.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/layers/scope.h>

namespace voluta {
Scope Scope::operator[](std::string_view name) const {
  Scope inner = *this;
  if (!inner.path_.empty()) inner.path_ += '.';
  inner.path_ += name;
  return inner;
}

Value Scope::parameter(std::string_view leaf, Shape shape, Initializer initializer) const {
  return state(leaf, {DType::f32, shape}, StateRole::kParameter, std::move(initializer));
}

Value Scope::parameter_as(DType type, std::string_view leaf, Shape shape,
                          Initializer initializer) const {
  return cast(parameter(leaf, shape, std::move(initializer)), type);
}

Value Scope::cast(Value x, DType type) const {
  return this->type(x).dtype == type ? x : add<Cast>({.to = type}, {x});
}

TensorType Scope::type(Value x) const {
  try {
    return graph_->type(x);
  } catch (const Error& error) {
    fail(error.kind(), (path_.empty() ? "" : path_ + ": ") + error.what());
  }
}

Value Scope::buffer(std::string_view leaf, TensorType type, Initializer initializer) const {
  return state(leaf, type, StateRole::kBuffer, std::move(initializer));
}

Value Scope::state(std::string_view leaf, TensorType type, StateRole role,
                   Initializer initializer) const {
  const Scope inner = (*this)[leaf];
  std::function<void(Tensor&)> initialize;
  if (initializer) {
    initialize = [initializer = std::move(initializer), seed = options_.seed,
                  stream = inner.random_stream()](Tensor& tensor) {
      Random random(seed, stream);
      initializer(tensor, random);
    };
  }
  return graph_->state(inner.path(), type, role, std::move(initialize));
}

Value Scope::step() const {
  const Value known = graph_->find_input("step");
  return known ? known : graph_->input("step", {DType::i64, {}});
}

uint64_t Scope::random_stream() const {
  return fnv1a(path_);
}

}  // namespace voluta
