#pragma once

// How people write digits: each shape is some strokes through points in the unit square. Internal to train/digits.

#include <voluta/train/point.h>

#include <span>
#include <vector>

namespace voluta {

using Stroke = std::vector<Point>;       // a smooth curve through its points; two make a line
using DigitShape = std::vector<Stroke>;  // one way to write a digit

// The ways to write a digit 0..9.
std::span<const DigitShape> digit_shapes(int digit);

}  // namespace voluta
