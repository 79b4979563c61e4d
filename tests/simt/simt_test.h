#pragma once

// Shared by the tests of simt/: kernels run straight on the emulator, without a stream.

#include <cuda_runtime.h>
#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/simt/simt.h>

#include <string>
#include <vector>

namespace voluta::simt {

#if defined(__SANITIZE_THREAD__)  // slow, and finds races in any order
inline constexpr uint64_t kSeeds[] = {0, 1};
#else
inline constexpr uint64_t kSeeds[] = {0, 1, 2, 3, 4, 5, 6, 7};
#endif

template <class... Parameters, class... Arguments>
void run(const LaunchShape& shape, uint64_t seed, void (*kernel)(Parameters...),
         Arguments... arguments) {
  run_grid(shape, "test_kernel", [=] { kernel(arguments...); }, {.seed = seed, .threads = 2});
}

// The message of the Error that `f` throws; empty where it throws none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

inline testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << text << "' does not contain '" << part << "'";
}

}  // namespace voluta::simt
