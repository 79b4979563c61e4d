#pragma once

// A linear layer is a 1x1 convolution of pictures of one pixel, and its gradients are the
// convolution's; so the engines of conv2d that are matrix products at heart do them too, by
// delegate<as_conv2d, ...>() and the like (kernels/common/delegate.h).

#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/linear/linear_engines.h>

namespace voluta::linear {

// [N,F] as [N,1,1,F], for x, dy and the weights alike; a bias stays [M].
inline std::vector<TensorType> as_pictures(const Problem& problem) {
  std::vector<TensorType> types = problem.inputs;
  for (TensorType& type : types) {
    if (type.shape.rank() == 2) type.shape = {type.shape[0], 1, 1, type.shape[1]};
  }
  return types;
}

inline Problem as_conv2d(const Problem& problem) {
  const ActivationKind activation = problem.options_as<LinearOptions>().activation;
  return make_problem<Conv2d>({.padding = {}, .activation = activation}, as_pictures(problem));
}
inline Problem as_conv2d_input_gradient(const Problem& problem) {
  return make_problem<Conv2dInputGradient>({.conv = {}, .height = 1, .width = 1},
                                           as_pictures(problem));
}
inline Problem as_conv2d_filter_gradient(const Problem& problem) {
  return make_problem<Conv2dFilterGradient>({.conv = {}, .filter_height = 1, .filter_width = 1},
                                            as_pictures(problem));
}

}  // namespace voluta::linear
