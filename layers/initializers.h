#pragma once

// Initial values of parameters, as torch.nn.init defines them. An initializer fills an f32 tensor;
// the numbers depend on the Random alone, PyTorch's generator gives others of the same
// distribution.
//
//   name             distribution       deviation
//   xavier_uniform   U(-b, b)           gain sqrt(2 / (fan_in + fan_out)),   b = sqrt(3) deviation
//   xavier_normal    N(0, deviation)    the same
//   kaiming_uniform  U(-b, b)           gain / sqrt(fan),                    b = sqrt(3) deviation
//   kaiming_normal   N(0, deviation)    the same
//
// Sources: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward
// neural networks", equation 16; He et al. 2015, "Delving deep into rectifiers", equations 10 and
// 14.

#include <voluta/core/random.h>
#include <voluta/core/tensor.h>
#include <voluta/kernels/activation/activation.h>

#include <functional>
#include <numbers>

namespace voluta {

using Initializer = std::function<void(Tensor&, Random&)>;

// How many inputs an output of a layer sums, and how many outputs an input feeds, by the shape of
// its weights: filters [K,R,S,C/G] have R*S*C/G and K*R*S (as in PyTorch, not divided by the
// groups), matrices [M,F] have F and M. Throws invalid() for fewer than two axes.
struct Fans {
  int64_t in, out;
};
Fans fans_of(const Shape& weights);

enum class Fan { kIn, kOut };

// torch.nn.init.calculate_gain: 1 for kNone and kSigmoid, 5/3 for kTanh, sqrt(2) for kRelu,
// sqrt(2 / (1 + negative_slope^2)) for kLeakyRelu. Throws invalid() for the others, as PyTorch
// does.
double gain_of(ActivationKind kind, double negative_slope = kLeakyReluSlope);

Initializer xavier_uniform(double gain = 1);
Initializer xavier_normal(double gain = 1);
Initializer kaiming_uniform(Fan fan = Fan::kIn, double gain = std::numbers::sqrt2);
Initializer kaiming_normal(Fan fan = Fan::kIn, double gain = std::numbers::sqrt2);

Initializer fill_with(float value);
Initializer uniform(double low, double high);
Initializer normal(double mean, double deviation);

// A normal distribution of that mean and deviation, before it is cut to [low, high], as
// torch.nn.init.trunc_normal_ and scipy.stats.truncnorm. Throws invalid() unless low < high and
// deviation > 0.
Initializer truncated_normal(double mean, double deviation, double low, double high);

// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): torch.nn.Conv2d's and torch.nn.Linear's default for weights
// (kaiming_uniform_ with a = sqrt(5)) and for their biases.
Initializer uniform_fan_in(int64_t fan_in);

}  // namespace voluta
