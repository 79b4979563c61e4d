#include <voluta/core/error.h>
#include <voluta/judge/device_health.h>

namespace voluta::judge {
namespace {

void use(Device device) {
  constexpr std::size_t kBytes = 256;
  Stream stream(device);
  stream.synchronize();
  void* memory = stream.runtime().allocate(device.index, kBytes);
  if (memory == nullptr) return;  // full, not lost
  try {
    unsigned char back[kBytes];
    stream.fill(memory, 1, kBytes);
    stream.copy(back, memory, kBytes, CopyKind::kDeviceToHost);
    stream.synchronize();
  } catch (const Error&) {
    stream.runtime().deallocate(device.index, memory);
    throw;
  }
  stream.runtime().deallocate(device.index, memory);
}

}  // namespace

std::string device_fault(Device device) {
  try {
    use(device);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace voluta::judge
