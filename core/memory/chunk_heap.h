#pragma once

// Segments of memory cut into chunks: best fit, splitting, coalescing, and a free list per stream.
// It keeps books only; it never touches the memory and never calls the device.
//
// Note [When a free chunk may be used again]
// A chunk that was given back remembers its home, the stream it was used on, and a mark on it.
//   - The home stream may have it at once: what it runs next comes after the earlier use. (Not so
//     for pinned memory, which the host writes without waiting for any stream.)
//   - Any other stream may have it when the mark is past.
// Neighbours merge when they have one home (the later mark holds for both) or are both past.

#include <voluta/core/memory/stream_clock.h>

#include <map>
#include <set>
#include <string>

namespace voluta {

inline constexpr std::size_t kChunkGranularity = 512;
inline constexpr std::size_t kSmallLimit = std::size_t{1} << 20;  // smaller chunks are small
inline constexpr std::size_t kSegmentGranularity = std::size_t{2} << 20;  // one small segment

struct Chunk {
  enum class State { kFree, kUsed, kPending };

  char* address = nullptr;
  std::size_t bytes = 0;
  bool small = false;  // its segment serves small requests
  State state = State::kFree;
  Chunk *previous = nullptr, *next = nullptr;  // neighbours in the segment
  StreamHandle home = nullptr;
  StreamMark last_use{};  // on home

  // Filled in by BlockPool while the chunk is used (streams) or pending (marks).
  std::size_t requested_bytes = 0;
  std::string tag{};
  std::vector<StreamHandle> other_streams{};
  std::vector<StreamMark> other_uses{};
};

class ChunkHeap {
 public:
  // `reuse_at_once`: the home stream may have a chunk before its mark is past.
  ChunkHeap(const StreamClock& clock, bool reuse_at_once)
      : clock_(clock), reuse_at_once_(reuse_at_once) {}

  static bool is_small(std::size_t bytes) { return bytes < kSmallLimit; }
  static std::size_t segment_bytes(std::size_t bytes);

  // A chunk of exactly `bytes` (a multiple of kChunkGranularity) for the stream; nullptr where no
  // free chunk fits or may be used yet.
  Chunk* take(std::size_t bytes, StreamHandle stream);
  void give(Chunk* chunk);  // home and last_use are set

  // `bytes` decides its size class; the segment is one free chunk afterwards.
  void add_segment(void* address, std::size_t bytes);
  // Takes the segments without a live chunk, of which every use is past, out of the books; returns
  // their addresses and bytes.
  std::vector<std::pair<void*, std::size_t>> remove_empty_segments();
  bool merge_past();  // across streams; true where something merged

  std::size_t segments() const { return segments_.size(); }
  std::size_t reserved_bytes() const { return reserved_bytes_; }
  std::size_t free_bytes() const { return free_bytes_; }
  std::size_t largest_free_bytes() const;
  std::size_t empty_segment_bytes() const;

  // Visits every segment as (address, bytes), every chunk as (chunk).
  template <class Visitor>
  void for_each_segment(Visitor&& visit) const {
    for (const auto& [address, segment] : segments_) visit(address, segment.bytes);
  }
  template <class Visitor>
  void for_each_chunk(Visitor&& visit) const {
    for (const auto& [address, segment] : segments_) {
      for (Chunk* chunk = segment.first; chunk != nullptr; chunk = chunk->next) visit(*chunk);
    }
  }

 private:
  struct Segment {
    std::size_t bytes;
    Chunk* first;
  };
  struct SmallestFirst {
    using is_transparent = void;
    bool operator()(const Chunk* a, const Chunk* b) const {
      return a->bytes != b->bytes ? a->bytes < b->bytes : a->address < b->address;
    }
    bool operator()(const Chunk* a, std::size_t bytes) const { return a->bytes < bytes; }
    bool operator()(std::size_t bytes, const Chunk* a) const { return bytes < a->bytes; }
  };
  using FreeList = std::set<Chunk*, SmallestFirst>;

  Chunk* find_at_home(std::size_t bytes, StreamHandle stream) const;
  Chunk* find_past(std::size_t bytes) const;
  Chunk* first_past(const FreeList& list, std::size_t bytes) const;
  void insert(Chunk* chunk);
  void remove(Chunk* chunk);
  void split(Chunk* chunk, std::size_t bytes);
  bool can_merge(const Chunk* left, const Chunk* right) const;
  Chunk* merge(Chunk* left, Chunk* right);
  bool is_empty(const Segment& segment) const;
  Chunk* new_chunk();

  const StreamClock& clock_;
  bool reuse_at_once_;
  std::map<void*, Segment> segments_;
  std::map<StreamHandle, FreeList> free_[2];  // [small][home]
  std::size_t reserved_bytes_ = 0, free_bytes_ = 0;
  std::deque<Chunk> storage_;  // chunks keep their address
  std::vector<Chunk*> unused_;
};

}  // namespace voluta
