#pragma once

// Comparisons that a NaN cannot pass. Each answers an empty string, or one line with the first bad
// index, what stood there, what should have, and how many are bad.

#include <voluta/judge/rules.h>

namespace voluta::judge {

// The value the engine should have stored: the reference rounded to the output's type. Zeros of
// either sign are equal, and so are two NaN.
std::string compare_exact(const Tensor& output, const Tensor& reference);

// |y - ref| <= u |ref| + (1 + u) bound, with u the unit roundoff of the output's type (near 0 in f16:
// half the spacing of its subnormal numbers for u |ref|). Integer outputs must be equal.
std::string compare_bounded(const Tensor& output, const Tensor& reference,
                            const std::vector<double>& bounds);

// The right side of that: how far a stored output may be off.
double allowed_error(DType dtype, double reference, double bound);

// The same bytes.
std::string compare_bits(const Tensor& output, const Tensor& other);

// The largest |y - ref| / allowed over the elements: how much of the bound was used.
double used_of_bound(const Tensor& output, const Tensor& reference,
                     const std::vector<double>& bounds);

std::string coordinates(const Shape& shape, int64_t i);  // "[0, 3, 2, 1]"

}  // namespace voluta::judge
