// lenet5: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
// recognition", Proceedings of the IEEE 86 (11), 1998, figure 2 and section II.B.
//   As today's frameworks build it: C3 sees all six maps (the paper's table I connects some), the
//   subsampling layers have no coefficients of their own, tanh stands without the factors 1.7159
//   and 2/3, and softmax with cross-entropy replaces the RBF output.
// digits_fcn: triples of convolution, activation and pooling down to one map a class, after
// section VII of the same paper (a network without fully connected layers slides over any picture)
// and Lin, Chen, Yan, "Network in network", 2013, section 3.2 (the mean of a class's map is its
// score).

#include <voluta/core/error.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/lenet.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

struct Triple {
  int channels, kernel, padding;
};

constexpr Triple kTriples[] = {{16, 5, 2},   // 28 x 28, pooled 14 x 14
                               {32, 3, 1},   // 14 x 14, pooled  7 x  7
                               {64, 3, 1}};  //  7 x  7, pooled  3 x  3

}  // namespace

ModelOutput lenet5(Scope scope, Value image, const ModelOptions& options) {
  const Shape in = scope.shape(image);
  if (in.rank() != 4 || in[1] != in[2] || (in[1] != 28 && in[1] != 32)) {
    invalid("lenet5 takes images of 28 x 28 or 32 x 32, not " + to_string(in));
  }
  const int64_t border = (32 - in[1]) / 2;
  const auto wide = [&](int64_t channels) { return scale_channels(channels, options.width); };

  Value x = image;
  // C1 and S2, 28 x 28 and 14 x 14
  x = conv2d(scope["conv1"], x, {.channels = wide(6), .kernel = 5, .padding = border});
  x = average_pool2d(scope["pool1"], tanh(scope["tanh1"], x), {});
  // C3 and S4, 10 x 10 and 5 x 5
  x = conv2d(scope["conv2"], x, {.channels = wide(16), .kernel = 5});
  x = average_pool2d(scope["pool2"], tanh(scope["tanh2"], x), {});
  // C5, 1 x 1, and F6
  x = conv2d(scope["conv3"], x, {.channels = wide(120), .kernel = 5});
  x = flatten(scope["flatten"], tanh(scope["tanh3"], x));
  x = tanh(scope["tanh4"], linear(scope["fc1"], x, {.features = wide(84)}));
  return linear(scope["fc2"], x, {.features = class_count(scope["fc2"], options, 10)});
}

ModelOutput digits_fcn(Scope scope, Value image, const ModelOptions& options) {
  Value x = image;
  int number = 1;
  for (const Triple& t : kTriples) {
    x = conv2d(numbered(scope, "conv", number), x,
               {.channels = scale_channels(t.channels, options.width),
                .kernel = t.kernel,
                .padding = t.padding});
    x = relu(numbered(scope, "relu", number), x);
    x = max_pool2d(numbered(scope, "pool", number++), x, {});
  }
  const int64_t classes = class_count(scope["conv4"], options, 10);
  x = conv2d(scope["conv4"], x, {.channels = classes, .kernel = 3});  // 1 x 1
  return average_maps(scope, x);
}

}  // namespace voluta
