#include <voluta/layers/scope.h>

namespace voluta {
namespace {

// FNV-1a: a parameter's own random stream.
uint64_t hash(std::string_view text) {
  uint64_t value = 0xcbf29ce484222325u;
  for (unsigned char c : text) value = (value ^ c) * 0x100000001b3u;
  return value;
}

}  // namespace

Scope Scope::operator[](std::string_view name) const {
  Scope inner = *this;
  if (!inner.path_.empty()) inner.path_ += '.';
  inner.path_ += name;
  return inner;
}

Value Scope::parameter(std::string_view leaf, Shape shape, Initializer initializer) const {
  const std::string name = (*this)[leaf].path();
  return graph_->state(
      name, {DType::f32, shape}, StateRole::kParameter,
      [initializer = std::move(initializer), seed = options_.seed, stream = hash(name)](Tensor& t) {
        Random random(seed, stream);
        initializer(t, random);
      });
}

}  // namespace voluta
