// The pools against a simple model, over hundreds of thousands of random operations.

#include <gtest/gtest.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/core/memory/pinned_pool.h>
#include <voluta/tests/core/device/every_device.h>
#include <voluta/tests/core/memory/manual_runtime.h>

#include <map>
#include <memory>
#include <random>

namespace voluta {
namespace {

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t end) { return random_() % end; }
  // Mostly small, now and then some MiB.
  std::size_t size() { return below(std::size_t{1} << below(below(8) == 0 ? 23 : 14)); }

 private:
  std::mt19937 random_;
};

// Live address ranges; a new one must not meet any.
class LiveRanges {
 public:
  void add(const void* data, std::size_t bytes) {
    const auto* begin = static_cast<const char*>(data);
    const auto after = ranges_.lower_bound(begin);
    ASSERT_TRUE(after == ranges_.end() || begin + bytes <= after->first);
    ASSERT_TRUE(after == ranges_.begin() || std::prev(after)->second <= begin);
    ranges_[begin] = begin + bytes;
  }
  void remove(const void* data) { ASSERT_EQ(ranges_.erase(static_cast<const char*>(data)), 1u); }

 private:
  std::map<const char*, const char*> ranges_;
};

std::size_t rounded(std::size_t bytes) {
  return std::max<std::size_t>((bytes + 511) / 512 * 512, 512);
}

class PoolModelTest : public EveryDevice {};

TEST_P(PoolModelTest, NoOverlapsAllReturnedStatisticsExact) {
  FaultInjector calls(runtime(device_.type));
  const ScopedRuntime scope(device_.type, calls);
  {
    CachingPool pool(device_, {.debug = false});
    std::vector<std::unique_ptr<Stream>> streams;
    for (int i = 0; i < 3; ++i) streams.push_back(std::make_unique<Stream>(device_));
    std::vector<Block> blocks;
    LiveRanges ranges;
    Dice dice(1);
    std::size_t requested = 0, allocated = 0, peak = 0, allocations = 0;
    for (int operation = 0; operation < 250'000; ++operation) {
      const bool grow = blocks.size() < 400 && dice.below(100) < (operation / 5000 % 2 ? 70 : 35);
      if (grow || blocks.empty()) {
        const std::size_t bytes = dice.size();
        blocks.push_back(pool.allocate(bytes, *streams[dice.below(3)], "model"));
        ranges.add(blocks.back().data(), std::max<std::size_t>(bytes, 1));
        requested += bytes;
        allocated += rounded(bytes);
        ++allocations;
        peak = std::max(peak, allocated);
      } else {
        const std::size_t index = dice.below(blocks.size());
        if (dice.below(10) == 0) blocks[index].record_use(*streams[dice.below(3)]);
        ranges.remove(blocks[index].data());
        requested -= blocks[index].bytes();
        allocated -= rounded(blocks[index].bytes());
        std::swap(blocks[index], blocks.back());
        blocks.pop_back();
      }
      if (HasFatalFailure()) FAIL() << "operation " << operation;
      if (dice.below(5000) == 0) pool.trim();
      if (operation % 97 != 0) continue;
      const MemoryStats stats = pool.stats();
      ASSERT_EQ(stats.requested_bytes, requested);
      ASSERT_EQ(stats.allocated_bytes, allocated);
      ASSERT_EQ(stats.peak_allocated_bytes, peak);
      ASSERT_EQ(stats.blocks, blocks.size());
      ASSERT_EQ(stats.allocations, allocations);
      ASSERT_EQ(stats.frees, allocations - blocks.size());
      ASSERT_EQ(stats.reserved_bytes,
                stats.allocated_bytes + stats.free_bytes + stats.pending_bytes);
      ASSERT_EQ(stats.reserved_bytes, calls.live().allocated_bytes);
      ASSERT_EQ(stats.segments, calls.live().allocations);
      ASSERT_LE(stats.largest_free_bytes, stats.free_bytes);
    }
    blocks.clear();
    for (const auto& stream : streams) stream->synchronize();
    pool.trim();
    EXPECT_EQ(pool.stats().reserved_bytes, 0u) << "everything merged and went back";
  }
  EXPECT_EQ(calls.live(), FaultInjector::Live{});
}

VOLUTA_ON_EVERY_DEVICE(PoolModelTest);

// What was given back, and the positions on streams that must pass before others may have it.
struct Freed {
  const char *begin, *end;
  std::vector<std::pair<StreamHandle, std::uint64_t>> uses;
};

// Streams that make progress at random: memory must not be lent while another stream uses it
// (nor, where the host writes it, while any does).
template <class Pool>
void expect_stream_order(bool host_writes, unsigned seed) {
  ManualRuntime manual;
  const ScopedRuntime scope(DeviceType::kCpu, manual);
  const Device device;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(std::make_unique<Stream>(device));
  Pool pool(device, PoolOptions{.debug = false});
  using Lent = decltype(pool.allocate(0, *streams[0], ""));
  struct Item {
    Lent block;
    std::vector<StreamHandle> users;
  };
  std::vector<Item> items;
  std::vector<Freed> freed;
  Dice dice(seed);
  for (int operation = 0; operation < 40'000; ++operation) {
    if (dice.below(6) == 0) ManualRuntime::finish(streams[dice.below(3)]->handle());
    std::erase_if(freed, [](const Freed& range) {
      return std::all_of(range.uses.begin(), range.uses.end(), [](const auto& use) {
        return ManualRuntime::passed(use.first, use.second);
      });
    });
    Stream& stream = *streams[dice.below(3)];
    if (items.empty() || (items.size() < 60 && dice.below(2) == 0)) {
      items.push_back({pool.allocate(1 + dice.size(), stream, "model"), {stream.handle()}});
      const char* begin = items.back().block.template as<char>();
      const char* end = begin + items.back().block.bytes();
      for (const Freed& range : freed) {
        if (range.end <= begin || end <= range.begin) continue;
        for (const auto& [user, position] : range.uses) {
          if (!host_writes && user == stream.handle()) continue;
          ASSERT_TRUE(ManualRuntime::passed(user, position))
              << "operation " << operation << ": memory lent while in use";
        }
      }
    } else {
      Item item = std::move(items[dice.below(items.size())]);
      std::erase_if(items, [](const Item& other) { return !other.block; });
      if (dice.below(4) == 0) {
        item.block.record_use(stream);
        item.users.push_back(stream.handle());
      }
      const char* begin = item.block.template as<char>();
      Freed range{begin, begin + item.block.bytes(), {}};
      item.block.reset();
      for (StreamHandle user : item.users) {
        range.uses.emplace_back(user, ManualRuntime::position(user));
      }
      freed.push_back(range);
    }
  }
}

TEST(StreamOrderModel, DeviceMemory) {
  for (unsigned seed = 0; seed < 4; ++seed) expect_stream_order<CachingPool>(false, seed);
}

TEST(StreamOrderModel, PinnedMemory) {
  for (unsigned seed = 0; seed < 4; ++seed) expect_stream_order<PinnedPool>(true, seed);
}

}  // namespace
}  // namespace voluta
