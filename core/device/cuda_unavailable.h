#pragma once

// Why cudaGetDeviceCount failed, in a line that says what to do. Free of CUDA headers, so that
// every build tests it.

#include <string>
#include <string_view>

namespace voluta {

// `error` and `text` are CUDA's number and words; versions are CUDA's (13000 is 13.0), 0 where
// there is no driver.
std::string explain_cuda_unavailable(int error, std::string_view text, int driver_version,
                                     int runtime_version);

std::string cuda_version_text(int version);  // 13020 -> "13.2"

}  // namespace voluta
