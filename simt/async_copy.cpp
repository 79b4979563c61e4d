#include <voluta/simt/async_copy.h>
#include <voluta/simt/block.h>
#include <voluta/simt/sanitizers.h>
#include <voluta/simt/shared.h>

#include <cstdint>
#include <cstring>

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_write_range(void* address, unsigned long bytes);
#endif

namespace voluta::simt {
namespace {

void claim([[maybe_unused]] void* to, [[maybe_unused]] int bytes) {
#if defined(__SANITIZE_THREAD__)
  __tsan_write_range(to, static_cast<unsigned long>(bytes));
#endif
}

bool is_multiple(const void* address, int of) {
  return reinterpret_cast<uintptr_t>(address) % static_cast<uintptr_t>(of) == 0;
}

}  // namespace

void start_copy(void* shared, const void* global, int bytes, int present, Site site) {
  if (!is_shared(shared) || is_shared(global)) {
    kernel_error("cp.async copies from global to shared memory", site);
  }
  if (!is_multiple(shared, bytes) || !is_multiple(global, bytes)) {
    kernel_error("an address of cp.async is not a multiple of the bytes copied", site);
  }
  if (present < 0 || present > bytes) {
    kernel_error("cp.async reads more bytes than it copies, or less than none", site);
  }
  AsyncCopy copy{.to = shared, .bytes = bytes, .group = 0, .data = {}};
  if (present > 0) std::memcpy(copy.data, global, static_cast<std::size_t>(present));
  claim(shared, bytes);
  if (coin()) {
    std::memcpy(shared, copy.data, static_cast<std::size_t>(bytes));
    return;
  }
  const IgnoreAccesses ignore;
  AsyncCopies& copies = Block::current("cp.async").copies();
  copy.group = copies.open_group;
  copies.pending.push_back(copy);
}

void commit_copies(Site) {
  const IgnoreAccesses ignore;
  ++Block::current("cp.async.commit_group").copies().open_group;
}

void wait_for_copies(int newest_groups, Site) {
  AsyncCopies& copies = Block::current("cp.async.wait_group").copies();
  const int done = copies.open_group - newest_groups;  // groups before this one have arrived
  std::size_t arrived = 0;
  for (; arrived < copies.pending.size(); ++arrived) {
    const AsyncCopy& copy = copies.pending[arrived];
    if (copy.group >= done) break;
    std::memcpy(copy.to, copy.data, static_cast<std::size_t>(copy.bytes));
  }
  const IgnoreAccesses ignore;
  copies.pending.erase(copies.pending.begin(),
                       copies.pending.begin() + static_cast<std::ptrdiff_t>(arrived));
}

}  // namespace voluta::simt
