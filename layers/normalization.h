#pragma once

// Normalisation layers.

#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/local_response_norm/local_response_norm.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct BatchNormLayer {
  double epsilon = 1e-5;
  double momentum = 0.1;    // share of the batch in the new running statistics
  Initializer weight = {};  // ones where there is none
};

// x [...,C] -> the same shape; torch.nn.BatchNorm1d and 2d. Parameters "weight" and "bias" [C] at the
// scope's path; buffers "running_mean" (zeros) and "running_var" (ones) [C] and "num_batches_tracked"
// (i64 [], 0), which a training scope updates as it normalises with the batch's statistics. Else
// the running statistics normalise. Throws invalid(), naming the layer, where x has no channels or,
// in training, one value a channel.
Value batch_norm(Scope scope, Value x, const BatchNormLayer& layer = {});

struct LocalResponseNormLayer {
  int64_t size = 5;  // channels of a window
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
};

// x [...,C] -> the same shape; torch.nn.LocalResponseNorm, whose alpha is divided by the size. No
// parameters. Throws invalid(), naming the layer, where x has no channels or the window none.
Value local_response_norm(Scope scope, Value x, const LocalResponseNormLayer& layer = {});

}  // namespace voluta
