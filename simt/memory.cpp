#include <voluta/simt/memory.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace voluta::simt {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr int kPoison = 0xff;  // a NaN in every floating type

}  // namespace

Memory::~Memory() {
  for (const auto& [address, bytes] : allocations_) std::free(const_cast<char*>(address));
}

void* Memory::allocate(std::size_t bytes) {
  const std::size_t free_bytes = limit_bytes_ - std::min(limit_bytes_, used_bytes_);
  if (bytes > free_bytes) return nullptr;
  void* pointer = nullptr;
  if (posix_memalign(&pointer, kAlignment, std::max<std::size_t>(bytes, 1)) != 0) return nullptr;
  std::memset(pointer, kPoison, bytes);
  allocations_[static_cast<const char*>(pointer)] = bytes;
  used_bytes_ += bytes;
  return pointer;
}

bool Memory::deallocate(void* pointer) {
  const auto found = allocations_.find(static_cast<const char*>(pointer));
  if (found == allocations_.end()) return false;
  used_bytes_ -= found->second;
  allocations_.erase(found);
  std::free(pointer);
  return true;
}

bool Memory::contains(const void* pointer, std::size_t bytes) const {
  const char* address = static_cast<const char*>(pointer);
  auto next = allocations_.upper_bound(address);
  if (next == allocations_.begin()) return false;
  const auto& [start, size] = *std::prev(next);
  const std::size_t offset = static_cast<std::size_t>(address - start);
  return offset <= size && bytes <= size - offset;
}

}  // namespace voluta::simt
