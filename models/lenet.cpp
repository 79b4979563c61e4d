// LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
// Proceedings of the IEEE 86 (11), 1998, figure 2 and section II.B.
//
// As today's frameworks build it: C3 sees all six maps (the paper's table I connects some), the
// subsampling layers have no coefficients of their own, tanh stands without the factors 1.7159 and
// 2/3, and softmax with cross-entropy replaces the RBF output.

#include <voluta/core/error.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/conv2d.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/lenet.h>

namespace voluta {

ModelOutput lenet5(Scope scope, Value image, const ModelOptions& options) {
  const Shape& in = scope.graph().shape(image);
  if (in.rank() != 4 || in[1] != in[2] || (in[1] != 28 && in[1] != 32)) {
    invalid("lenet5 takes images of 28 x 28 or 32 x 32, not " + to_string(in));
  }
  const int64_t border = (32 - in[1]) / 2;

  Value x = image;
  x = conv2d(scope["conv1"], x, {.channels = 6, .kernel = 5, .padding = border});  // C1  28 x 28
  x = average_pool2d(scope["pool1"], tanh(scope["tanh1"], x), {});                 // S2  14 x 14
  x = conv2d(scope["conv2"], x, {.channels = 16, .kernel = 5});                    // C3  10 x 10
  x = average_pool2d(scope["pool2"], tanh(scope["tanh2"], x), {});                 // S4   5 x  5
  x = conv2d(scope["conv3"], x, {.channels = 120, .kernel = 5});                   // C5   1 x  1
  x = flatten(scope["flatten"], tanh(scope["tanh3"], x));
  x = tanh(scope["tanh4"], linear(scope["fc1"], x, {.features = 84}));  // F6
  return linear(scope["fc2"], x, {.features = options.classes ? options.classes : 10});
}

}  // namespace voluta
