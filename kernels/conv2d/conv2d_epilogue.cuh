#pragma once

// The epilogue of a forward problem or an input gradient as its kernel takes it: what is known when an
// engine prepares, and the addresses of a run.

#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/epilogue.cuh>

namespace voluta {

// Of a problem of any of the three ops; filter gradients have no epilogue.
class EpilogueBinder {
 public:
  explicit EpilogueBinder(const Problem& problem)
      : inputs_(conv2d_epilogue_inputs(problem)),
        f_(conv2d_options(problem).activation),
        moments_(conv2d_options(problem).moments) {
    const bool nothing_added = !inputs_.bias && !inputs_.scale && !inputs_.residual;
    plain_ = nothing_added && conv2d_options(problem).activation == ActivationKind::kNone;
    if (problem.op->name == Conv2dInputGradient::kName) {
      gate_ = Clamp(problem.options_as<Conv2dInputGradientOptions>().gate);
    }
  }

  template <class T>
  Epilogue<T> bind(const Args& args) const {
    using Inputs = Conv2dEpilogueInputs;
    return {.plain = plain_,
            .bias = Inputs::address<T>(args, inputs_.bias),
            .scale = Inputs::address<float>(args, inputs_.scale),
            .shift = Inputs::address<float>(args, inputs_.shift),
            .residual = Inputs::address<T>(args, inputs_.residual),
            .f = f_,
            .kept = Inputs::address<T>(args, inputs_.kept),
            .gate = gate_};
  }

  // [ceil(N*P*Q / 128), 2, K]; nullptr: not asked for.
  float* moments(const Args& args) const { return moments_ ? args.out<float>(1) : nullptr; }

 private:
  Conv2dEpilogueInputs inputs_;
  FusedActivation f_;
  bool moments_, plain_;
  Clamp gate_;
};

}  // namespace voluta
