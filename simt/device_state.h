#pragma once

#include <voluta/simt/memory.h>
#include <voluta/simt/streams.h>

#include <memory>
#include <string>
#include <vector>

namespace voluta::simt {

// One emulated device.
struct DeviceState {
  DeviceState(int index_, std::size_t memory_bytes) : index(index_), memory(memory_bytes) {}

  int index;
  Memory memory;
  std::vector<std::shared_ptr<StreamState>> streams;
  std::string failure;  // the first one; sticky, as on a GPU

  void require_healthy() const;
  void fail_with(const std::string& what);  // keeps the first failure, drops all queued work
  void reset();
  void run_all() noexcept;  // a failure is kept for the next call that can throw
};

}  // namespace voluta::simt
