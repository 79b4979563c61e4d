#include <voluta/simt/block_cluster.h>
#include <voluta/simt/cluster.h>
#include <voluta/simt/mbarrier.h>
#include <voluta/simt/sanitizers.h>
#include <voluta/simt/shared.h>
#include <voluta/simt/tensor_map.h>

#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace voluta::simt {
namespace {

struct State {
  uint64_t phase : 1;
  uint64_t expected : 13;
  uint64_t lacking : 13;  // arrivals
  int64_t bytes : 24;     // announced, not yet arrived
  uint64_t valid : 13;
};
static_assert(sizeof(State) == sizeof(uint64_t));
constexpr uint64_t kValid = 0x0ba5;  // shared memory starts as ones
constexpr int kMostArrivals = 4096;

State read(const uint64_t& barrier, Site site) {
  const auto state = std::bit_cast<State>(barrier);
  if (state.valid != kValid) kernel_error("the mbarrier was not initialised", site);
  return state;
}

void write(uint64_t& barrier, State state) {
  if (state.lacking == 0 && state.bytes == 0) {
    state.phase ^= 1;
    state.lacking = state.expected;
  }
  barrier = std::bit_cast<uint64_t>(state);
}

bool phase_ended(const uint64_t& barrier, int parity, Site site) {
  return read(barrier, site).phase != static_cast<uint64_t>(parity & 1);
}

Block& running_block() {
  const IgnoreAccesses ignore;
  return Block::current("mbarrier");
}

std::vector<BulkCopy>& copies_under_way() {
  return running_block().bulk().copies;
}

// The oldest copy that will complete on the barrier, or nothing.
bool take_copy(const uint64_t& barrier, BulkCopy& taken) {
  auto& copies = copies_under_way();
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (copies[i].barrier != &barrier) continue;
    taken = std::move(copies[i]);
    copies.erase(copies.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  return false;
}

bool has_copy(const uint64_t& barrier) {
  for (const BulkCopy& copy : copies_under_way()) {
    if (copy.barrier == &barrier) return true;
  }
  return false;
}

void complete(uint64_t& barrier, int bytes, Site site) {
  const IgnoreAccesses ignore;
  State state = read(barrier, site);
  state.bytes -= bytes;
  write(barrier, state);
}

// Lets everything that was issued for the barrier arrive, in this thread.
void deliver_copies(uint64_t& barrier, Site site) {
  for (;;) {
    BulkCopy copy;
    {
      const IgnoreAccesses ignore;
      if (!take_copy(barrier, copy)) return;
    }
    copy.deliver();
    complete(barrier, copy.bytes, site);
    order_release(&barrier);
    const IgnoreAccesses ignore;
    copy.deliver = nullptr;
  }
}

void arrive_with(uint64_t& barrier, int bytes, Site site) {
  order_release(&barrier);
  const IgnoreAccesses ignore;
  State state = read(barrier, site);
  if (state.lacking == 0) kernel_error("more arrivals at an mbarrier than it was made for", site);
  state.bytes += bytes;
  --state.lacking;
  write(barrier, state);
}

// Row `row` of a copy lies swizzled: see kSwizzledRowBytes.
void store_row(std::byte* shared, int row, const std::byte* data, int bytes) {
  for (int chunk = 0; chunk < bytes / 16; ++chunk) {
    std::byte* at = shared + row * kSwizzledRowBytes;
    const auto pattern = reinterpret_cast<uintptr_t>(at) / kSwizzledRowBytes % 8;
    std::memcpy(at + (static_cast<uintptr_t>(chunk) ^ pattern) * 16, data + chunk * 16, 16);
  }
}

bool inside(int64_t index, uint32_t extent) {
  return index >= 0 && index < extent;
}

// Note [Rounding to tf32] of core/device/tensor_map.h.
void round_to_nearest_tf32(std::byte* at) {
  constexpr uint32_t kInfinity = 0x7f800000u, kDropped = 0x1fffu;
  uint32_t bits;
  std::memcpy(&bits, at, sizeof bits);
  if ((bits & kInfinity) == kInfinity) return;
  bits = (bits + kDropped / 2 + (bits >> 13 & 1)) & ~kDropped;
  std::memcpy(at, &bits, sizeof bits);
}

// A row of `count` elements from channel c of what `from` points to; nullptr: zeros.
void copy_row(std::byte* shared, int row, const PackedTensorMap& map, const std::byte* from, int c,
              int count) {
  std::byte data[kSwizzledRowBytes] = {};
  const int element = map.element_bytes;
  for (int i = 0; from != nullptr && i < count; ++i) {
    if (inside(c + i, map.extents[0])) {
      std::memcpy(data + i * element, from + (int64_t{c} + i) * element,
                  static_cast<std::size_t>(element));
      if (map.tf32) round_to_nearest_tf32(data + i * element);
    }
  }
  store_row(shared, row, data, count * element);
}

void deliver_box(std::byte* shared, const PackedTensorMap& map, int c0, int c1, int c2) {
  const int deep = map.rank > 2 ? map.box[2] : 1;
  for (int k = 0; k < deep; ++k) {
    for (int j = 0; j < map.box[1]; ++j) {
      const bool present =
          inside(c1 + j, map.extents[1]) && (map.rank < 3 || inside(c2 + k, map.extents[2]));
      const std::byte* from = map.address + (int64_t{c1} + j) * map.stride_bytes[1] +
                              (map.rank > 2 ? (int64_t{c2} + k) * map.stride_bytes[2] : 0);
      copy_row(shared, k * map.box[1] + j, map, present ? from : nullptr, c0, map.box[0]);
    }
  }
}

void deliver_im2col(std::byte* shared, const PackedTensorMap& map, int c, int w, int h, int n,
                    int tap_w, int tap_h) {
  const int64_t end_w = int64_t{map.extents[1]} + map.upper[0];
  const int64_t end_h = int64_t{map.extents[2]} + map.upper[1];
  for (int pixel = 0; pixel < map.pixels; ++pixel) {
    const bool present = inside(w + tap_w, map.extents[1]) && inside(h + tap_h, map.extents[2]) &&
                         inside(n, map.extents[3]);
    const std::byte* from = map.address + (int64_t{w} + tap_w) * map.stride_bytes[1] +
                            (int64_t{h} + tap_h) * map.stride_bytes[2] +
                            int64_t{n} * map.stride_bytes[3];
    copy_row(shared, pixel, map, present ? from : nullptr, c, map.channels);
    w += map.step[0];
    if (w < end_w) continue;
    w = map.lower[0];
    h += map.step[1];
    if (h < end_h) continue;
    h = map.lower[1];
    ++n;
  }
}

// Delivers now or puts it off, by the coin. The barrier is that block's.
void start(Block& block, uint64_t& barrier, int bytes, std::function<void()> deliver, Site site) {
  if (coin()) {
    deliver();
    complete(barrier, bytes, site);
    order_release(&barrier);
    return;
  }
  order_release(&barrier);
  const IgnoreAccesses ignore;
  read(barrier, site);
  block.bulk().copies.push_back({&barrier, bytes, std::move(deliver)});
}

void start_box(Block& block, void* shared, const TensorMap& map, uint64_t& barrier,
               const BoxCorner& corner, Site site) {
  const PackedTensorMap m = unpack(map);
  if (m.pixels != 0) kernel_error("a tiled copy with a tensor map of im2col mode", site);
  if (m.rank != corner.dimensions) {
    kernel_error("a copy of other dimensions than its tensor map", site);
  }
  const int bytes = m.box[0] * m.box[1] * (m.rank > 2 ? m.box[2] : 1) * m.element_bytes;
  auto* to = static_cast<std::byte*>(shared);
  start(
      block, barrier, bytes, [=, c = corner.at] { deliver_box(to, m, c[0], c[1], c[2]); }, site);
}

void check_copy(const void* shared, Site site) {
  if (!is_shared(shared) || reinterpret_cast<uintptr_t>(shared) % 128 != 0) {
    kernel_error("a bulk copy goes to shared memory, at a multiple of 128", site);
  }
}

}  // namespace

void init_barrier(uint64_t& barrier, int arrivals, Site site) {
  if (!is_shared(&barrier) || arrivals < 1 || arrivals > kMostArrivals) {
    kernel_error("an mbarrier is in shared memory and for 1 to 4096 arrivals", site);
  }
  const IgnoreAccesses ignore;
  const auto count = static_cast<uint64_t>(arrivals);
  barrier = std::bit_cast<uint64_t>(State{0, count, count, 0, kValid});
}

void arrive(uint64_t& barrier, Site site) {
  arrive_with(barrier, 0, site);
}

void arrive_and_expect(uint64_t& barrier, int bytes, Site site) {
  arrive_with(barrier, bytes, site);
}

void wait_for_phase(uint64_t& barrier, int parity, Site site) {
  for (;;) {
    wait_until(
        "mbarrier.try_wait",
        [&barrier, parity, site] {
          const IgnoreAccesses ignore;
          return phase_ended(barrier, parity, site) || has_copy(barrier);
        },
        site);
    order_acquire(&barrier);
    {
      const IgnoreAccesses ignore;
      if (phase_ended(barrier, parity, site)) return;
    }
    deliver_copies(barrier, site);
  }
}

void copy_box(void* shared, const TensorMap& map, uint64_t& barrier, const BoxCorner& corner,
              Site site) {
  check_copy(shared, site);
  start_box(running_block(), shared, map, barrier, corner, site);
}

void multicast_box(void* shared, const TensorMap& map, uint64_t& barrier, uint32_t ranks, int c0,
                   int c1, int c2, Site site) {
  check_copy(shared, site);
  for (int rank = 0; ranks >> rank != 0; ++rank) {
    if ((ranks >> rank & 1) == 0) continue;
    Block& block = reachable_block(rank, site);
    auto& there = *static_cast<uint64_t*>(counterpart(&barrier, block, site));
    start_box(block, counterpart(shared, block, site), map, there, {3, {c0, c1, c2}}, site);
  }
}

void copy_im2col(void* shared, const TensorMap& map, uint64_t& barrier, int c, int w, int h, int n,
                 int tap_w, int tap_h, Site site) {
  check_copy(shared, site);
  const PackedTensorMap m = unpack(map);
  if (m.pixels == 0) kernel_error("an im2col copy with a tiled tensor map", site);
  if (tap_w < 0 || tap_w > 255 || tap_h < 0 || tap_h > 255) {
    kernel_error("an im2col offset is not 0 to 255", site);
  }
  auto* to = static_cast<std::byte*>(shared);
  start(
      running_block(), barrier, m.pixels * m.channels * m.element_bytes,
      [=] { deliver_im2col(to, m, c, w, h, n, tap_w, tap_h); }, site);
}

}  // namespace voluta::simt
