// A program over both pools, with every one of its device calls made to fail in turn.

#include <gmock/gmock.h>
#include <voluta/core/device/fault_injector.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/core/memory/pinned_pool.h>
#include <voluta/tests/core/device/every_device.h>

namespace voluta {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

void expect_consistent(const MemoryStats& stats) {
  EXPECT_EQ(stats.reserved_bytes, stats.allocated_bytes + stats.free_bytes + stats.pending_bytes);
  EXPECT_EQ(stats.allocations - stats.frees, stats.blocks);
}

// Allocates, shares between streams, frees, reuses and trims. Throws what the device throws.
void work(CachingPool& pool, PinnedPool& pinned, Stream& first, Stream& second) {
  for (int round = 0; round < 2; ++round) {
    Block large = pool.allocate(3 * kMiB, first, "large");
    Block small = pool.allocate(1000, second, "small");
    PinnedBlock staging = pinned.allocate(1000, first, "staging");
    first.copy(large.data(), staging.data(), 1000, CopyKind::kHostToDevice);
    large.record_use(second);
    staging.record_use(second);
    second.fill(small.data(), 0, 1000);
    staging.reset();
    large.reset();
    const Block again = pool.allocate(3 * kMiB, second, "again");
    small.reset();
    pool.trim();
    pinned.trim();
  }
}

class PoolFaultsTest : public EveryDevice {
 protected:
  // Fails call `call` of the program; false when the program has fewer calls.
  bool fails_at(std::size_t call, const Fault& how, bool debug) {
    {
      Stream first(device_), second(device_);
      CachingPool pool(device_, {.debug = debug});
      PinnedPool pinned(device_, {.debug = debug});
      Fault fault = how;
      fault.call = call;
      faults_.inject(fault);
      bool threw = false;
      try {
        work(pool, pinned, first, second);
      } catch (const Error& error) {
        threw = true;
        EXPECT_TRUE(error.kind() == fault.error || error.kind() == ErrorKind::kOutOfMemory);
        EXPECT_THAT(error.what(), testing::HasSubstr("fa")) << "its own words";
      }
      EXPECT_TRUE(faults_.fired() || !threw);
      expect_consistent(pool.stats());
      expect_consistent(pinned.stats());
      EXPECT_EQ(pool.stats().blocks, 0u);
      faults_.clear();
      EXPECT_NO_THROW(work(pool, pinned, first, second)) << "the pool works on";
    }
    EXPECT_EQ(faults_.live(), FaultInjector::Live{}) << "something leaked";
    return faults_.fired();
  }

  void fail_every_call(const Fault& how) {
    for (const bool debug : {false, true}) {
      std::size_t call = 1;
      while (fails_at(call, how, debug)) {
        if (HasFailure()) FAIL() << "call " << call << ", debug " << debug;
        ++call;
      }
      EXPECT_GT(call, 20u);
    }
  }

  FaultInjector faults_{runtime(device_.type)};
  ScopedRuntime scope_{device_.type, faults_};
};

TEST_P(PoolFaultsTest, OnceFailed) {
  fail_every_call({.message = "launch failure"});
}

TEST_P(PoolFaultsTest, FailedForGood) {
  fail_every_call({.message = "an illegal memory access failed", .sticky = true});
}

TEST_P(PoolFaultsTest, OnceFull) {
  // Where the call is an allocation, the retry saves it; other calls throw.
  fail_every_call({.error = ErrorKind::kOutOfMemory, .message = "out of memory, failed"});
}

TEST_P(PoolFaultsTest, EveryAllocationRefusedIsSavedByTheRetry) {
  for (std::size_t call = 1; call <= 4; ++call) {
    Stream first(device_), second(device_);
    CachingPool pool(device_, {.debug = false});
    PinnedPool pinned(device_, {.debug = false});
    faults_.inject({.call = call, .kind = CallKind::kAllocate, .error = ErrorKind::kOutOfMemory});
    EXPECT_NO_THROW(work(pool, pinned, first, second)) << call;
    faults_.clear();
  }
}

TEST_P(PoolFaultsTest, MemoryWhoseStreamFailedIsNotLentAgain) {
  Stream stream(device_);
  CachingPool pool(device_, {.debug = false});
  Block block = pool.allocate(4 * kMiB, stream, "x");
  void* address = block.data();
  faults_.inject({.sticky = true});
  block.reset();  // neither an event nor waiting proves that the stream is through with it
  faults_.clear();
  EXPECT_EQ(pool.stats().pending_bytes, 4 * kMiB);
  EXPECT_NE(pool.allocate(4 * kMiB, stream, "y").data(), address);
}

VOLUTA_ON_EVERY_DEVICE(PoolFaultsTest);

}  // namespace
}  // namespace voluta
