#include <fmt/format.h>
#include <voluta/core/memory/guards.h>

#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define VOLUTA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VOLUTA_ASAN 1
#endif
#endif

#ifdef VOLUTA_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace voluta {
namespace {

constexpr int kPoison = 0xFF;
constexpr int kGuardPattern = 0xA5;

char* back_guard(const Chunk& chunk) {
  return Guards::user_address(chunk) + chunk.requested_bytes;
}

std::size_t back_guard_bytes(const Chunk& chunk) {
  return chunk.bytes - kGuardBytes - chunk.requested_bytes;
}

}  // namespace

void fence([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) {
#ifdef VOLUTA_ASAN
  __asan_poison_memory_region(address, bytes);
#endif
}

void unfence([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) {
#ifdef VOLUTA_ASAN
  __asan_unpoison_memory_region(address, bytes);
#endif
}

bool fences_work() {
#ifdef VOLUTA_ASAN
  return true;
#else
  return false;
#endif
}

void Guards::arm(const Chunk& chunk) {
  // What ran on the stream before may still use memory that is reused at once.
  if (host_memory_) runtime_.synchronize(device_, chunk.home);
  set(chunk.address, kGuardPattern, kGuardBytes, chunk.home);
  set(user_address(chunk), kPoison, chunk.requested_bytes, chunk.home);
  set(back_guard(chunk), kGuardPattern, back_guard_bytes(chunk), chunk.home);
  if (!host_memory_) return;
  fence(chunk.address, kGuardBytes);
  fence(back_guard(chunk), back_guard_bytes(chunk));
}

std::string Guards::check(const Chunk& chunk) {
  runtime_.synchronize(device_, chunk.home);
  for (StreamHandle stream : chunk.other_streams) runtime_.synchronize(device_, stream);
  std::string damage = check_zone(chunk, chunk.address, kGuardBytes);
  if (!damage.empty()) return damage;
  return check_zone(chunk, back_guard(chunk), back_guard_bytes(chunk));
}

void Guards::set(char* address, int byte, std::size_t bytes, StreamHandle stream) {
  if (host_memory_) {
    std::memset(address, byte, bytes);
  } else {
    runtime_.fill(device_, address, byte, bytes, stream);
  }
}

std::string Guards::check_zone(const Chunk& chunk, char* zone, std::size_t bytes) {
  std::vector<char> found(bytes);
  if (host_memory_) {
    unfence(zone, bytes);
    std::memcpy(found.data(), zone, bytes);
    fence(zone, bytes);
  } else {
    runtime_.copy(device_, found.data(), zone, bytes, CopyKind::kDeviceToHost, chunk.home);
    runtime_.synchronize(device_, chunk.home);
  }
  std::ptrdiff_t first = 0, last = 0;
  std::size_t changed = 0;
  for (std::size_t at = 0; at < bytes; ++at) {
    if (found[at] == static_cast<char>(kGuardPattern)) continue;
    last = zone + at - user_address(chunk);
    if (changed++ == 0) first = last;
  }
  if (changed == 0) return {};
  return fmt::format("{} bytes {} block '{}' ({} bytes) were overwritten, at offsets {} to {}",
                     changed, first < 0 ? "before the start of" : "behind the end of", chunk.tag,
                     chunk.requested_bytes, first, last);
}

}  // namespace voluta
