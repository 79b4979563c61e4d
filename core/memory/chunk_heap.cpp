#include <voluta/core/memory/chunk_heap.h>

#include <algorithm>
#include <limits>

namespace voluta {

std::size_t ChunkHeap::segment_bytes(std::size_t bytes) {
  if (is_small(bytes)) return kSegmentGranularity;
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  if (bytes > kMost - kSegmentGranularity) return kMost;
  return (bytes + kSegmentGranularity - 1) / kSegmentGranularity * kSegmentGranularity;
}

Chunk* ChunkHeap::take(std::size_t bytes, StreamHandle stream) {
  Chunk* chunk = find_at_home(bytes, stream);
  if (chunk == nullptr) chunk = find_past(bytes);
  if (chunk == nullptr) return nullptr;
  remove(chunk);
  if (clock_.past(chunk->last_use)) {  // nobody's any more: the rest moves to this stream as well
    chunk->home = stream;
    chunk->last_use = {};
  }
  split(chunk, bytes);
  chunk->state = Chunk::State::kUsed;
  return chunk;
}

void ChunkHeap::give(Chunk* chunk) {
  chunk->state = Chunk::State::kFree;
  if (Chunk* left = chunk->previous; left != nullptr && can_merge(left, chunk)) {
    remove(left);
    chunk = merge(left, chunk);
  }
  if (Chunk* right = chunk->next; right != nullptr && can_merge(chunk, right)) {
    remove(right);
    chunk = merge(chunk, right);
  }
  insert(chunk);
}

void ChunkHeap::add_segment(void* address, std::size_t bytes) {
  Chunk* chunk = new_chunk();
  *chunk = Chunk{.address = static_cast<char*>(address),
                 .bytes = segment_bytes(bytes),
                 .small = is_small(bytes)};
  segments_[address] = {chunk->bytes, chunk};
  reserved_bytes_ += chunk->bytes;
  insert(chunk);
}

std::vector<std::pair<void*, std::size_t>> ChunkHeap::remove_empty_segments() {
  std::vector<std::pair<void*, std::size_t>> removed;
  for (auto item = segments_.begin(); item != segments_.end();) {
    if (!is_empty(item->second)) {
      ++item;
      continue;
    }
    remove(item->second.first);
    unused_.push_back(item->second.first);
    reserved_bytes_ -= item->second.bytes;
    removed.emplace_back(item->first, item->second.bytes);
    item = segments_.erase(item);
  }
  return removed;
}

bool ChunkHeap::merge_past() {
  bool merged = false;
  for (auto& [address, segment] : segments_) {
    for (Chunk* chunk = segment.first; chunk->next != nullptr;) {
      if (!can_merge(chunk, chunk->next)) {
        chunk = chunk->next;
        continue;
      }
      remove(chunk);
      remove(chunk->next);
      insert(merge(chunk, chunk->next));
      merged = true;
    }
  }
  return merged;
}

std::size_t ChunkHeap::largest_free_bytes() const {
  std::size_t largest = 0;
  for (const auto& lists : free_) {
    for (const auto& [stream, list] : lists) {
      if (!list.empty()) largest = std::max(largest, (*list.rbegin())->bytes);
    }
  }
  return largest;
}

std::size_t ChunkHeap::empty_segment_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [address, segment] : segments_) {
    if (segment.first->next == nullptr && segment.first->state == Chunk::State::kFree) {
      bytes += segment.bytes;
    }
  }
  return bytes;
}

Chunk* ChunkHeap::find_at_home(std::size_t bytes, StreamHandle stream) const {
  const auto& lists = free_[is_small(bytes)];
  const auto found = lists.find(stream);
  if (found == lists.end()) return nullptr;
  if (!reuse_at_once_) return first_past(found->second, bytes);
  const auto best = found->second.lower_bound(bytes);
  return best == found->second.end() ? nullptr : *best;
}

// The smallest chunk of any home that fits and is past.
Chunk* ChunkHeap::find_past(std::size_t bytes) const {
  Chunk* best = nullptr;
  for (const auto& [stream, list] : free_[is_small(bytes)]) {
    Chunk* chunk = first_past(list, bytes);
    if (chunk != nullptr && (best == nullptr || SmallestFirst{}(chunk, best))) best = chunk;
  }
  return best;
}

Chunk* ChunkHeap::first_past(const FreeList& list, std::size_t bytes) const {
  const auto past = [&](const Chunk* chunk) { return clock_.past(chunk->last_use); };
  const auto found = std::find_if(list.lower_bound(bytes), list.end(), past);
  return found == list.end() ? nullptr : *found;
}

void ChunkHeap::insert(Chunk* chunk) {
  free_[chunk->small][chunk->home].insert(chunk);
  free_bytes_ += chunk->bytes;
}

void ChunkHeap::remove(Chunk* chunk) {
  free_[chunk->small][chunk->home].erase(chunk);
  free_bytes_ -= chunk->bytes;
}

// Cuts what is beyond `bytes` off as a free chunk of the same home.
void ChunkHeap::split(Chunk* chunk, std::size_t bytes) {
  if (chunk->bytes - bytes < kChunkGranularity) return;
  Chunk* rest = new_chunk();
  *rest = Chunk{.address = chunk->address + bytes,
                .bytes = chunk->bytes - bytes,
                .small = chunk->small,
                .previous = chunk,
                .next = chunk->next,
                .home = chunk->home,
                .last_use = chunk->last_use};
  if (rest->next != nullptr) rest->next->previous = rest;
  chunk->next = rest;
  chunk->bytes = bytes;
  insert(rest);
}

bool ChunkHeap::can_merge(const Chunk* left, const Chunk* right) const {
  if (left->state != Chunk::State::kFree || right->state != Chunk::State::kFree) return false;
  if (left->home == right->home) return true;
  return clock_.past(left->last_use) && clock_.past(right->last_use);
}

// Neither is in a free list. The left one remains; its mark is the later of two on one stream.
Chunk* ChunkHeap::merge(Chunk* left, Chunk* right) {
  if (left->home == right->home && right->last_use.tick > left->last_use.tick) {
    left->last_use = right->last_use;
  }
  left->bytes += right->bytes;
  left->next = right->next;
  if (left->next != nullptr) left->next->previous = left;
  unused_.push_back(right);
  return left;
}

bool ChunkHeap::is_empty(const Segment& segment) const {
  const Chunk* chunk = segment.first;
  return chunk->next == nullptr && chunk->state == Chunk::State::kFree &&
         clock_.past(chunk->last_use);
}

Chunk* ChunkHeap::new_chunk() {
  if (unused_.empty()) return &storage_.emplace_back();
  Chunk* chunk = unused_.back();
  unused_.pop_back();
  return chunk;
}

}  // namespace voluta
