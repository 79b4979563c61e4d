#pragma once

// The epilogue of a forward problem as its kernel takes it: what is known when an engine prepares,
// and the addresses of a run.

#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/epilogue.cuh>

namespace voluta {

// Of a problem of any of the three ops; gradients have no epilogue.
class EpilogueBinder {
 public:
  explicit EpilogueBinder(const Problem& problem)
      : inputs_(conv2d_epilogue_inputs(problem)), activation_(conv2d_options(problem).activation) {}

  template <class T>
  Epilogue<T> bind(const Args& args) const {
    using Inputs = Conv2dEpilogueInputs;
    return {.bias = Inputs::address<T>(args, inputs_.bias),
            .scale = Inputs::address<float>(args, inputs_.scale),
            .shift = Inputs::address<float>(args, inputs_.shift),
            .residual = Inputs::address<T>(args, inputs_.residual),
            .activation = activation_};
  }

 private:
  Conv2dEpilogueInputs inputs_;
  ActivationKind activation_;
};

}  // namespace voluta
