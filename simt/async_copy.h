#pragma once

// Host model of cp.async; kernels/common/async_copy.cuh documents the functions.
//
// A copy reads its source when it starts. Its bytes arrive in shared memory when the thread waits
// for its group, never before; with a seed, a coin decides for each copy between that and at once.
// So a missing wait reads what was there before, and a stage that is filled while others still read
// it changes under them. Copies that nobody waits for do not arrive.
// The copy orders nothing: for ThreadSanitizer the destination is written when it starts and again
// when it arrives, both by the copying thread.

#include <voluta/simt/thread.h>

namespace voluta::simt {

void start_copy(void* shared, const void* global, int bytes, int present, Site site);
void commit_copies(Site site = Site::current());
void wait_for_copies(int newest_groups, Site site);

template <int kBytes>
void copy_async(void* shared, const void* global, int present = kBytes,
                Site site = Site::current()) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  start_copy(shared, global, kBytes, present, site);
}

template <int kNewestGroups>
void wait_copies(Site site = Site::current()) {
  wait_for_copies(kNewestGroups, site);
}

}  // namespace voluta::simt
