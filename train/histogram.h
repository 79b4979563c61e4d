#pragma once

// How the values of a tensor are spread.

#include <voluta/core/tensor.h>

#include <vector>

namespace voluta {

// Of the finite values; the others are counted apart.
struct Histogram {
  double least = 0, most = 0, count = 0, sum = 0, sum_of_squares = 0;
  double not_finite = 0;
  // Bins of one width from `least` to `most`: the upper edge of each, and the values in it. A value
  // on an edge is in the bin above, the greatest one in the last. One bin where all are equal, none
  // where there is no value.
  std::vector<double> edges, counts;
};

// Throws invalid() unless the tensor is f32.
Histogram histogram(const Tensor& values, int bins);

}  // namespace voluta
