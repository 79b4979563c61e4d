#pragma once

// Every op by name: for the test sweep, the comparison tool and the benchmark. Plans never look an
// op up by name.

#include <voluta/core/graph/op.h>

#include <span>
#include <string_view>

namespace voluta {

// In the order of ops.def.
std::span<const Op* const> all_ops();

// nullptr where no op has that name.
const Op* find_op(std::string_view name);

// Whether an op has an engine of this name on any device.
bool is_engine(std::string_view name);

}  // namespace voluta
