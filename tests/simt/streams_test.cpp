// The SIMT runtime: deferred streams, events, memory, sticky failures.

#include "simt_test.h"

#include <voluta/simt/simt_runtime.h>
#include <voluta/core/device/launch.cuh>

#include <cmath>
#include <limits>
#include <memory>

namespace voluta::simt {
namespace {

constexpr Device kDevice{DeviceType::kCuda, 0};

template <class T>
class Buffer {
 public:
  explicit Buffer(int count)
      : data_(static_cast<T*>(linked_cuda_runtime().allocate(0, count * sizeof(T)))) {}
  ~Buffer() { linked_cuda_runtime().deallocate(0, data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  T* data() const { return data_; }

 private:
  T* data_;
};

class SimtRuntime : public testing::Test {
 protected:
  void TearDown() override { reset_device(); }
  Runtime& runtime_ = linked_cuda_runtime();
};

__global__ void add(int* values, int count, int amount) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) values[i] += amount;
}

void launch_add(Stream& stream, int* values, int count, int amount) {
  launch(stream, "add", {.grid = {blocks_for(count, 128), 1, 1}, .block = {128, 1, 1}}, add, values,
         count, amount);
}

TEST_F(SimtRuntime, IsADeviceLikeAnyOther) {
  EXPECT_EQ(runtime_.name(), "simt");
  EXPECT_GE(runtime_.device_count(), 1);
  const DeviceProperties properties = runtime_.properties(0);
  EXPECT_TRUE(contains(properties.name, "SIMT emulation on "));
  EXPECT_EQ(properties.compute_major, 9);
  EXPECT_EQ(properties.memory_bytes, runtime_.memory_info(0).total_bytes);
  EXPECT_THROW(runtime_.properties(8), Error);
}

TEST_F(SimtRuntime, RunsNothingBeforeSomebodyWaits) {
  Stream stream(kDevice);
  Buffer<int> values(1000);
  std::vector<int> in(1000, 5), out(1000, -1);
  stream.copy(values.data(), in.data(), 4000, CopyKind::kHostToDevice);
  in.assign(1000, 6);  // too late: pageable memory was staged
  launch_add(stream, values.data(), 1000, 10);
  stream.copy(out.data(), values.data(), 4000, CopyKind::kDeviceToHost);
  EXPECT_EQ(out, std::vector<int>(1000, -1));
  stream.synchronize();
  EXPECT_EQ(out, std::vector<int>(1000, 15));
}

TEST_F(SimtRuntime, PinnedMemoryIsReadWhenTheCopyRuns) {
  Stream stream(kDevice);
  Buffer<int> value(1);
  auto* pinned = static_cast<int*>(runtime_.allocate_pinned(sizeof(int)));
  int out = 0;
  *pinned = 1;
  stream.copy(value.data(), pinned, sizeof(int), CopyKind::kHostToDevice);
  *pinned = 2;
  stream.copy(&out, value.data(), sizeof(int), CopyKind::kDeviceToHost);
  stream.synchronize();
  EXPECT_EQ(out, 2);
  runtime_.deallocate_pinned(pinned);
}

TEST_F(SimtRuntime, EventsOrderStreams) {
  Stream first(kDevice), second(kDevice);
  Event ready(kDevice);
  Buffer<int> value(1);
  int unordered = 0, ordered = 0;
  first.fill(value.data(), 0, sizeof(int));
  first.synchronize();
  launch_add(first, value.data(), 1, 7);
  second.copy(&unordered, value.data(), sizeof(int), CopyKind::kDeviceToHost);
  second.synchronize();
  EXPECT_EQ(unordered, 0);  // stale: nothing ordered it after the kernel
  ready.record(first);
  launch_add(first, value.data(), 1, 100);
  second.wait(ready);
  second.copy(&ordered, value.data(), sizeof(int), CopyKind::kDeviceToHost);
  second.synchronize();
  EXPECT_EQ(ordered, 7);  // and no further than the event
}

TEST_F(SimtRuntime, PollingAnEventComesToAnEnd) {
  Stream stream(kDevice);
  Event before(kDevice), event(kDevice);
  EXPECT_TRUE(event.finished());  // never recorded
  Buffer<int> value(1);
  before.record(stream);
  launch_add(stream, value.data(), 1, 1);
  event.record(stream);
  EXPECT_THROW((void)event.elapsed_ms_since(before), Error);
  int polls = 0;
  while (!event.finished()) ++polls;
  EXPECT_EQ(polls, 3);
  EXPECT_GE(event.elapsed_ms_since(before), 0.0f);
}

TEST_F(SimtRuntime, MemoryIsPoisonedAlignedAndLimited) {
  const ScopedMemoryLimit limit(10'000);
  Stream stream(kDevice);
  Buffer<float> values(1000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(values.data()) % 256, 0u);
  float out = 0;
  stream.copy(&out, values.data() + 999, sizeof out, CopyKind::kDeviceToHost);
  stream.synchronize();
  EXPECT_TRUE(std::isnan(out));
  EXPECT_EQ(runtime_.memory_info(0).free_bytes, 6000u);
  EXPECT_EQ(runtime_.allocate(0, 6001), nullptr);
  EXPECT_EQ(runtime_.allocate(0, std::numeric_limits<std::size_t>::max()), nullptr);
  void* rest = runtime_.allocate(0, 6000);
  EXPECT_NE(rest, nullptr);
  runtime_.deallocate(0, rest);
}

TEST_F(SimtRuntime, FreeingMemoryWaitsForItsUsers) {
  Stream stream(kDevice);
  auto value = std::make_unique<Buffer<int>>(1);
  launch_add(stream, value->data(), 1, 1);
  value.reset();
  stream.synchronize();
}

TEST_F(SimtRuntime, CopiesCheckWhereTheirEndsLie) {
  Stream stream(kDevice);
  Buffer<int> values(10);
  int host[20] = {};
  EXPECT_TRUE(
      contains(error_of([&] { stream.copy(values.data(), host, 44, CopyKind::kHostToDevice); }),
               "44 bytes do not lie in one device allocation"));
  EXPECT_TRUE(contains(error_of([&] { stream.copy(host, host, 4, CopyKind::kDeviceToHost); }),
                       "device allocation"));
  EXPECT_TRUE(contains(
      error_of([&] { stream.copy(values.data(), values.data(), 4, CopyKind::kHostToDevice); }),
      "the copy's kind says host"));
  EXPECT_NE(error_of([&] { stream.fill(host, 0, 4); }), "");
}

TEST_F(SimtRuntime, BadLaunchesAreRefusedAtOnceAndHarmNothing) {
  Stream stream(kDevice);
  const std::string error = error_of([&] {
    launch(stream, "add", {.block = {2000, 1, 1}}, add, nullptr, 0, 0);
  });
  EXPECT_TRUE(contains(error, "invalid configuration: kernel 'add'"));
  stream.synchronize();
}

__global__ void always_fails() {
  fail(ErrorKind::kFailed, "planted");
}

TEST_F(SimtRuntime, AFailedKernelIsStickyUntilReset) {
  Stream stream(kDevice), other(kDevice);
  Buffer<int> value(1);
  launch(stream, "always_fails", {}, always_fails);
  EXPECT_TRUE(contains(error_of([&] { stream.synchronize(); }),
                       "kernel 'always_fails', block (0, 0, 0), thread (0, 0, 0): planted"));
  const std::string later = error_of([&] { launch_add(other, value.data(), 1, 1); });
  EXPECT_TRUE(contains(later, "simt:0 cannot be used after an earlier failure"));
  EXPECT_TRUE(contains(later, "always_fails"));
  EXPECT_THROW((void)runtime_.allocate(0, 4), Error);
  reset_device();
  launch_add(other, value.data(), 1, 1);
  EXPECT_EQ(error_of([&] { other.synchronize(); }), "");
}

TEST_F(SimtRuntime, AFailureInAnotherStreamReachesWhoWaits) {
  Stream stream(kDevice), other(kDevice);
  Event event(kDevice);
  launch(stream, "always_fails", {}, always_fails);
  event.record(stream);
  other.wait(event);
  EXPECT_TRUE(contains(error_of([&] { other.synchronize(); }), "always_fails"));
}

// ---- capture

class SimtCapture : public SimtRuntime {
 protected:
  void begin(Stream& stream) { runtime_.begin_capture(0, stream.handle()); }
  GraphHandle end(Stream& stream) { return runtime_.end_capture(0, stream.handle()); }
  void replay(Stream& stream, GraphHandle graph) { runtime_.run_graph(0, graph, stream.handle()); }

  int read(Stream& stream, const int* value) {
    int out = 0;
    stream.copy(&out, value, sizeof out, CopyKind::kDeviceToHost);
    stream.synchronize();
    return out;
  }
};

TEST_F(SimtCapture, RecordsWorkAndReplaysIt) {
  Stream stream(kDevice);
  Buffer<int> value(1);
  stream.fill(value.data(), 0, sizeof(int));
  begin(stream);
  launch_add(stream, value.data(), 1, 3);
  launch_add(stream, value.data(), 1, 4);
  const GraphHandle graph = end(stream);
  EXPECT_EQ(read(stream, value.data()), 0);
  replay(stream, graph);
  replay(stream, graph);
  runtime_.destroy_graph(0, graph);  // the queued replays keep it
  EXPECT_EQ(read(stream, value.data()), 14);
}

TEST_F(SimtCapture, AnotherStreamTakesPartBetweenForkAndJoin) {
  Stream stream(kDevice), side(kDevice);
  Event fork(kDevice), join(kDevice);
  Buffer<int> value(1);
  stream.fill(value.data(), 0, sizeof(int));
  begin(stream);
  fork.record(stream);
  side.wait(fork);
  launch_add(side, value.data(), 1, 5);
  join.record(side);
  stream.wait(join);
  launch_add(stream, value.data(), 1, 1);
  const GraphHandle graph = end(stream);
  launch_add(side, value.data(), 1, 100);  // captured no more
  side.synchronize();
  replay(stream, graph);
  EXPECT_EQ(read(stream, value.data()), 6);  // the fill ran after the unordered 100
  runtime_.destroy_graph(0, graph);
}

TEST_F(SimtCapture, WorkThatIsNotJoinedIsAnError) {
  Stream stream(kDevice), side(kDevice);
  Event fork(kDevice);
  Buffer<int> value(1);
  begin(stream);
  fork.record(stream);
  side.wait(fork);
  launch_add(side, value.data(), 1, 5);
  EXPECT_TRUE(contains(error_of([&] { end(stream); }), "does not wait for"));
}

TEST_F(SimtCapture, WaitingAndAllocatingSpoilIt) {
  Stream stream(kDevice), other(kDevice);
  Event event(kDevice), outside(kDevice);
  outside.record(other);
  const auto spoils = [&](auto call, const std::string& what) {
    begin(stream);
    event.record(stream);
    EXPECT_TRUE(contains(error_of(call), what));
    EXPECT_TRUE(contains(error_of([&] { end(stream); }), "spoilt"));
  };
  spoils([&] { stream.synchronize(); }, "cudaStreamSynchronize is not permitted");
  spoils([&] { event.synchronize(); }, "cudaEventSynchronize of a captured event");
  spoils([&] { (void)outside.finished(); }, "cudaEventQuery");
  spoils([&] { (void)runtime_.allocate(0, 4); }, "cudaMalloc");
  spoils([&] { stream.wait(outside); }, "recorded outside");
  EXPECT_TRUE(contains(error_of([&] { end(stream); }), "did not begin one"));
  other.synchronize();
}

}  // namespace
}  // namespace voluta::simt
