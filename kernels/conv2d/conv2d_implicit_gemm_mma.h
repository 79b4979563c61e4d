#pragma once

// Which problems the engines "implicit_gemm_mma" and "implicit_gemm_mma_tf32" of this room take.

#include <voluta/core/graph/op.h>

namespace voluta::implicit_gemm_mma {

// bf16 or f16, within the limits of indices.
Support supports(const Problem& problem);

// f32, to be multiplied as tf32, within the limits of indices.
Support supports_tf32(const Problem& problem);

}  // namespace voluta::implicit_gemm_mma
