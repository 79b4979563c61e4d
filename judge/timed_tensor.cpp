#include <voluta/judge/reference.h>
#include <voluta/judge/timed_tensor.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

namespace voluta::judge {
namespace {

constexpr uint32_t kBlockElements = uint32_t{1} << 22;

// A whole number of periods would meet the tiles of a kernel; a prime below the power of two does not.
constexpr uint32_t kPeriod = kBlockElements - 3;

const Tensor& block_of(DType dtype) {
  static std::mutex mutex;
  static std::map<DType, Tensor> blocks;
  const std::lock_guard lock(mutex);
  Tensor& block = blocks[dtype];
  if (!block.defined()) {
    block = Tensor(dtype, {kPeriod});
    Random random(1, static_cast<uint64_t>(dtype));
    for (int64_t i = 0; i < kPeriod; ++i) set_value(block, i, random.next_normal());
  }
  return block;
}

}  // namespace

Tensor timed_tensor(TensorType type, Random& random) {
  const Tensor& block = block_of(type.dtype);
  Tensor tensor(type);
  auto* to = static_cast<std::byte*>(tensor.raw());
  const auto* from = static_cast<const std::byte*>(block.raw());
  std::size_t at = (random.next_below(kPeriod) | 1) * size_of(type.dtype) % block.bytes();
  for (std::size_t left = tensor.bytes(); left > 0; at = 0) {
    const std::size_t part = std::min(left, block.bytes() - at);
    std::memcpy(to, from + at, part);
    to += part, left -= part;
  }
  return tensor;
}

}  // namespace voluta::judge
