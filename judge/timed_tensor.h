#pragma once

// Random tensors for timing alone, at the speed of a copy.
//
// Note [Inputs of timed runs]
// Time depends on inputs only in that they must look random: zeros and repeated bytes toggle fewer
// wires and run faster on some chips. Drawing each element takes some 60 ns, which for the layers of
// whole models is longer than all of their runs. So four million numbers are drawn once for each dtype,
// and a tensor is these again and again, from an odd place of its own on: tensors differ, and
// neighbouring periods lie further apart than any tile.

#include <voluta/core/random.h>
#include <voluta/core/tensor.h>

namespace voluta::judge {

// Of a floating dtype. Standard normal; where it begins in the block is the next number of `random`.
Tensor timed_tensor(TensorType type, Random& random);

}  // namespace voluta::judge
