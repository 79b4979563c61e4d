#pragma once

// cuDNN for a program without a GPU: in place of a handle it is told what an H200 is like, by which its
// heuristics answer and its plans are built. Nothing can be executed. This is cudnn_library.h's other
// implementation.

#include <voluta/kernels/common/cudnn_library.h>

#include <string>
#include <vector>

#if VOLUTA_HAS_CUDNN && CUDNN_VERSION >= 90800
#define VOLUTA_CUDNN_WITHOUT_DEVICE 1

namespace voluta {

// What cuDNN says of each plan that was built since the last call.
std::vector<std::string> take_built_plans();

}  // namespace voluta

#else
#define VOLUTA_CUDNN_WITHOUT_DEVICE 0
#endif
