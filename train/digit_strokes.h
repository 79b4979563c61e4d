#pragma once

// How people write digits: each shape is some strokes through points in the unit square (x to the
// right, y down). Internal to train/digits.

#include <span>
#include <vector>

namespace voluta {

struct Point {
  double x = 0, y = 0;
};

using Stroke = std::vector<Point>;       // a smooth curve through its points; two make a line
using DigitShape = std::vector<Stroke>;  // one way to write a digit

// The ways to write a digit 0..9.
std::span<const DigitShape> digit_shapes(int digit);

}  // namespace voluta
