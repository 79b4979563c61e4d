#pragma once

#include <cstdint>

namespace voluta::simt {

// The number in an environment variable. Throws kInvalidArgument where it is malformed or outside
// [least, most].
uint64_t environment_number(const char* name, uint64_t fallback, uint64_t least, uint64_t most);

}  // namespace voluta::simt
