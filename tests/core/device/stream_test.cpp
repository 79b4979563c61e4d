#include <gmock/gmock.h>
#include <voluta/core/device/stream.h>
#include <voluta/tests/core/device/every_device.h>

#include <numeric>

namespace voluta {
namespace {

using testing::Each;
using testing::HasSubstr;

class StreamTest : public EveryDevice {
 protected:
  void* allocate(std::size_t bytes) {
    void* pointer = runtime_.allocate(device_.index, bytes);
    EXPECT_NE(pointer, nullptr);
    return pointer;
  }

  Runtime& runtime_ = runtime(device_.type);
};

TEST_P(StreamTest, MemoryIsAlignedEvenWhereItIsEmpty) {
  for (const std::size_t bytes : {1, 255, 256, 257, 1 << 20}) {
    void* pointer = allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pointer) % 256, 0u) << bytes;
    runtime_.deallocate(device_.index, pointer);
  }
  runtime_.deallocate(device_.index, nullptr);
}

TEST_P(StreamTest, WhatNoDeviceHasIsAnsweredWithNull) {
  EXPECT_EQ(runtime_.allocate(device_.index, std::size_t{1} << 60), nullptr);
  void* small = allocate(1024);  // and the refusal does not fail the next call
  runtime_.deallocate(device_.index, small);
}

TEST_P(StreamTest, CopiesThereAndBack) {
  Stream stream(device_);
  std::vector<int> sent(1000), received(1000);
  std::iota(sent.begin(), sent.end(), 7);
  const std::size_t bytes = sent.size() * sizeof(int);
  void *first = allocate(bytes), *second = allocate(bytes);
  stream.copy(first, sent.data(), bytes, CopyKind::kHostToDevice);
  stream.copy(second, first, bytes, CopyKind::kDeviceToDevice);
  stream.copy(received.data(), second, bytes, CopyKind::kDeviceToHost);
  stream.synchronize();
  EXPECT_EQ(sent, received);
  runtime_.deallocate(device_.index, first);
  runtime_.deallocate(device_.index, second);
}

TEST_P(StreamTest, FillsBytes) {
  Stream stream(device_);
  void* memory = allocate(64);
  std::vector<unsigned char> received(64);
  stream.fill(memory, 0xAB, 64);
  stream.fill(memory, 0, 0);
  stream.copy(received.data(), memory, 64, CopyKind::kDeviceToHost);
  stream.copy(nullptr, nullptr, 0, CopyKind::kDeviceToHost);
  stream.synchronize();
  EXPECT_THAT(received, Each(0xAB));
  runtime_.deallocate(device_.index, memory);
}

TEST_P(StreamTest, EventsOrderStreamsAndMeasureTime) {
  Stream producer(device_), consumer(device_);
  Event start(device_), stop(device_);
  void* memory = allocate(1 << 16);
  std::vector<unsigned char> received(1 << 16);
  start.record(producer);
  producer.fill(memory, 3, received.size());
  stop.record(producer);
  consumer.wait(stop);
  consumer.copy(received.data(), memory, received.size(), CopyKind::kDeviceToHost);
  consumer.synchronize();
  EXPECT_THAT(received, Each(3));
  stop.synchronize();
  EXPECT_TRUE(stop.finished());
  EXPECT_GE(stop.elapsed_ms_since(start), 0.0f);
  runtime_.deallocate(device_.index, memory);
}

TEST_P(StreamTest, EventThatWasNeverRecordedIsFinishedButHasNoTime) {
  Event never(device_);
  EXPECT_TRUE(never.finished());
  never.synchronize();
  EXPECT_THROW(never.elapsed_ms_since(never), Error);
}

TEST_P(StreamTest, MemoryInfoIsPlausible) {
  const MemoryInfo info = runtime_.memory_info(device_.index);
  EXPECT_GT(info.total_bytes, std::size_t{1} << 20);
  EXPECT_LE(info.free_bytes, info.total_bytes);
}

TEST_P(StreamTest, PinnedMemoryIsHostMemory) {
  auto* pointer = static_cast<char*>(runtime_.allocate_pinned(100));
  ASSERT_NE(pointer, nullptr);
  std::fill(pointer, pointer + 100, 'x');
  EXPECT_EQ(pointer[99], 'x');
  runtime_.deallocate_pinned(pointer);
}

VOLUTA_ON_EVERY_DEVICE(StreamTest);

TEST(HostRuntime, RefusesKernelsAndGraphs) {
  Stream stream(Device{});
  EXPECT_FALSE(stream.runtime().supports_graphs());
  KernelCall call{.name = "relu", .symbol = nullptr, .arguments = nullptr, .body = {}};
  const auto launch = [&] { stream.runtime().launch(0, {}, call, stream.handle()); };
  EXPECT_THAT(error_of(ErrorKind::kInvalidArgument, launch), HasSubstr("'relu'"));
  EXPECT_THROW(stream.runtime().begin_capture(0, stream.handle()), Error);
}

TEST(CudaRuntime, WithoutADeviceAStreamSaysWhy) {
  if (linked_cuda_runtime().device_count() > 0) GTEST_SKIP() << "there is a device";
  const Device absent{DeviceType::kCuda, 0};
  const std::string text = error_of(ErrorKind::kNoDevice, [&] { Stream stream(absent); });
  EXPECT_FALSE(text.empty());
}

}  // namespace
}  // namespace voluta
