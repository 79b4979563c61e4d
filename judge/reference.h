#pragma once

// The reference engines, run on host tensors in f64: the truth that every engine is held against.

#include <voluta/judge/rules.h>

namespace voluta::judge {

// The same problem with every floating type replaced by f64.
Problem in_f64(const Problem& problem);

// Floating tensors converted to `dtype` (values that were rounded stay as they are); the rest as is.
Tensors converted(const Tensors& tensors, DType dtype);

// |x| of floating tensors.
Tensors absolute(const Tensors& tensors);

// The op's reference engine on host tensors of exactly the problem's types. Throws where the op
// has none.
const Engine& reference_engine(const Op& op);
Tensors run_reference(const Problem& problem, const Tensors& inputs);

// run_reference(in_f64(problem)): inputs of any floating dtype, outputs f64.
Tensors run_reference_f64(const Problem& problem, const Tensors& inputs);

// Element i of a tensor of any dtype as a double, and back with rounding to the tensor's dtype.
double value_at(const Tensor& tensor, int64_t i);
void set_value(Tensor& tensor, int64_t i, double value);

}  // namespace voluta::judge
