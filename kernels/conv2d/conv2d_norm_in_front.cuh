#pragma once

// The batch norm in front of an input gradient with sums as its kernel takes it: what is known when
// an engine prepares, and the addresses of a run. Internal to the room.

#include <voluta/kernels/conv2d/conv2d_sum_parts.h>
#include <voluta/kernels/common/column_sums.cuh>

namespace voluta {

// Of a problem of Conv2dInputGradient.
class NormInFrontBinder {
 public:
  explicit NormInFrontBinder(const Problem& problem)
      : options_(problem.options_as<Conv2dInputGradientOptions>()),
        first_(conv2d_norm_in_front(options_)) {}

  template <class T>
  NormInFront<T> bind(const Args& args) const {
    NormInFront<T> norm = {};
    if (!options_.sums) return norm;
    norm.z = args.in<T>(first_);
    norm.mean = args.in<float>(first_ + 1);
    norm.f = Clamp(options_.activation);
    if (options_.activation == ActivationKind::kNone) return norm;
    norm.weight = args.in<float>(first_ + 2);
    norm.inverse = args.in<float>(first_ + 3);
    norm.bias = args.in<float>(first_ + 4);
    return norm;
  }

  // [parts, 2, C]; nullptr: not asked for.
  float* sums(const Args& args) const { return options_.sums ? args.out<float>(1) : nullptr; }

 private:
  Conv2dInputGradientOptions options_;
  std::size_t first_;  // of the batch norm's inputs
};

// What engines that compute sums answer first.
inline Support supports_sums(const Problem& problem) {
  if (is_clamp(problem.options_as<Conv2dInputGradientOptions>().activation)) return Support::yes();
  return Support::no("sums behind relu, relu6 or no activation only");
}

}  // namespace voluta
