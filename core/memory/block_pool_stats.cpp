// What a BlockPool says about itself.

#include <voluta/core/memory/block_pool.h>

#include <algorithm>
#include <map>

namespace voluta {

MemoryStats BlockPool::stats() const {
  const std::lock_guard lock(mutex_);
  return collect();
}

std::size_t BlockPool::available_bytes() const {
  const std::lock_guard lock(mutex_);
  return available(device_info());
}

MemoryStats BlockPool::collect() const {
  MemoryStats stats = counts_;
  stats.reserved_bytes = heap_.reserved_bytes();
  stats.free_bytes = heap_.free_bytes();
  stats.pending_bytes = pending_bytes_;
  stats.largest_free_bytes = heap_.largest_free_bytes();
  stats.segments = heap_.segments();
  return stats;
}

std::optional<MemoryInfo> BlockPool::device_info() const {
  try {
    return source_.info();
  } catch (const std::exception&) {
    return std::nullopt;  // a report about memory must not fail for want of a figure
  }
}

std::size_t BlockPool::available(const std::optional<MemoryInfo>& info) const {
  const std::size_t empty = heap_.empty_segment_bytes();
  const std::size_t kept = heap_.reserved_bytes() - empty;
  const std::size_t allowed = limit_bytes_ - std::min(limit_bytes_, kept);
  return info ? std::min(allowed, info->free_bytes + empty) : allowed;
}

OutOfMemory BlockPool::report(std::size_t bytes, std::string_view tag) const {
  OutOfMemory report{.place = source_.place,
                     .tag = std::string(tag),
                     .bytes = bytes,
                     .device = device_info(),
                     .pool = collect(),
                     .limit_bytes = limit_bytes_,
                     .holders = {},
                     .advice = {}};
  std::map<std::string, std::size_t> held;
  heap_.for_each_chunk([&](const Chunk& chunk) {
    if (chunk.state == Chunk::State::kUsed) held[chunk.tag] += chunk.bytes;
  });
  report.holders.assign(held.begin(), held.end());
  return report;
}

}  // namespace voluta
