#include <fmt/format.h>
#include <sys/mman.h>
#include <voluta/core/error.h>
#include <voluta/simt/sanitizers.h>
#include <voluta/simt/shared.h>
#include <voluta/simt/shared_memory.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace voluta::simt {
namespace {

constexpr std::size_t kGuardBytes = 64;
constexpr std::size_t kAlignment = 128;  // what bulk copies ask of shared memory
constexpr std::size_t kDynamicAlignment = 1024;
constexpr std::size_t kMaxVariables = 64;
constexpr std::size_t kArenaBytes =
    kMaxSharedBytes + kMaxVariables * (kGuardBytes + kAlignment) + 2 * kDynamicAlignment;

constexpr unsigned char kPoison = 0xff;       // a NaN in every floating type
constexpr uint32_t kGuardWord = 0xfffffffdu;  // another NaN, so that it can be told from poison
constexpr char kDynamicTag = 0;

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

unsigned char guard_byte(std::size_t offset) {
  return reinterpret_cast<const unsigned char*>(&kGuardWord)[offset % sizeof kGuardWord];
}

// Page-aligned; at `at` where that is not nullptr.
char* map_memory(char* at, std::size_t bytes) {
  void* memory = mmap(at, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | (at == nullptr ? 0 : MAP_FIXED), -1, 0);
  if (memory == MAP_FAILED) fail(ErrorKind::kFailed, "simt: no memory for shared memory");
  return static_cast<char*>(memory);
}

}  // namespace

SharedMemory::SharedMemory() {
  variables_.reserve(kMaxVariables);
}

SharedMemory::~SharedMemory() {
  if (arena_ == nullptr) return;
  asan_allow(arena_, kArenaBytes);
  munmap(arena_, kArenaBytes);
}

void SharedMemory::begin_block(std::size_t dynamic_bytes) {
  variables_.clear();
  used_ = 0;
  dynamic_bytes_ = asked_bytes_ = dynamic_bytes;
}

void* SharedMemory::variable(const void* tag, const char* name, std::size_t bytes,
                             std::size_t alignment) {
  for (const Variable& each : variables_) {
    if (each.tag == tag) return arena_ + each.offset;
  }
  asked_bytes_ = round_up(asked_bytes_, std::max<std::size_t>(alignment, 1)) + bytes;
  return add(tag, name, bytes, std::max(alignment, kAlignment));
}

void* SharedMemory::dynamic(const char* name) {
  for (const Variable& each : variables_) {
    if (each.tag == &kDynamicTag) return arena_ + each.offset;
  }
  return add(&kDynamicTag, name, dynamic_bytes_, kDynamicAlignment);
}

bool SharedMemory::contains(const void* pointer) const {
  const char* at = static_cast<const char*>(pointer);
  return arena_ != nullptr && at >= arena_ && at < arena_ + kArenaBytes;
}

void* SharedMemory::counterpart(const void* pointer, const SharedMemory& other) const {
  const auto at = static_cast<std::size_t>(static_cast<const char*>(pointer) - arena_);
  for (const Variable& each : variables_) {
    if (at < each.offset || at >= each.offset + each.bytes) continue;
    for (const Variable& there : other.variables_) {
      if (there.tag == each.tag) return other.arena_ + there.offset + (at - each.offset);
    }
  }
  return nullptr;
}

void* SharedMemory::add(const void* tag, const char* name, std::size_t bytes,
                        std::size_t alignment) {
  if (asked_bytes_ > kMaxSharedBytes || variables_.size() == kMaxVariables) {
    fail(ErrorKind::kFailed,
         fmt::format("shared variable '{}' ({} bytes) brings the block to {} bytes of shared "
                     "memory in {} variables; the limits are {} and {}",
                     name, bytes, asked_bytes_, variables_.size() + 1, kMaxSharedBytes,
                     kMaxVariables));
  }
  if (arena_ == nullptr) {
    arena_ = map_memory(nullptr, kArenaBytes);
    asan_forbid(arena_, kArenaBytes);
  }
  const std::size_t guard_start = used_;
  const std::size_t offset = round_up(used_ + kGuardBytes, alignment);
  const std::size_t end = offset + bytes;
  used_ = round_up(end, kAlignment) + kGuardBytes;
  if constexpr (kAsan) {
    asan_allow(arena_ + offset, bytes);
  } else {
    for (std::size_t i = guard_start; i < offset; ++i) arena_[i] = guard_byte(i);
    for (std::size_t i = end; i < used_; ++i) arena_[i] = guard_byte(i);
  }
  variables_.push_back({tag, name, offset, bytes, used_});
  return std::memset(arena_ + offset, kPoison, bytes);
}

bool SharedMemory::guard_intact(std::size_t from, std::size_t to) const {
  for (std::size_t i = from; i < to; ++i) {
    if (static_cast<unsigned char>(arena_[i]) != guard_byte(i)) return false;
  }
  return true;
}

std::string SharedMemory::end_block() {
  std::string damage;
  std::size_t guard_start = 0;
  for (const Variable& each : variables_) {
    if constexpr (kAsan) {
      asan_forbid(arena_ + each.offset, each.bytes);
    } else {
      const bool before = guard_intact(guard_start, each.offset);
      const bool after = guard_intact(each.offset + each.bytes, each.guarded_until);
      if (damage.empty() && !(before && after)) {
        damage = fmt::format(
            "a store outside shared variable '{}' ({} bytes): the guard {} it is "
            "overwritten; an ASan build names the line",
            each.name, each.bytes, after ? "before" : "after");
      }
    }
    guard_start = each.guarded_until;
  }
  if constexpr (kTsan) {  // see Note [ThreadSanitizer as race checker]
    if (used_ > 0) map_memory(arena_, used_);
  }
  return damage;
}

}  // namespace voluta::simt
