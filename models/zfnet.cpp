// Zeiler, Fergus, "Visualizing and understanding convolutional networks", 2013, figure 3.
//
// Padding 1 in front of conv1 and pooling in ceil mode give the figure's maps of 110, 55, 26, 13
// and 6 pixels. The contrast normalisation across channels has Krizhevsky's constants, which the
// paper does not state. Weights begin as N(0, 0.01^2) where the paper says "10^-2".

#include <voluta/layers/activation.h>
#include <voluta/layers/normalization.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>
#include <voluta/models/zfnet.h>

namespace voluta {
namespace {

struct Convolution {
  int channels, kernel, stride, padding;
  bool pool, norm;
};

constexpr Convolution kConvolutions[] = {{96, 7, 2, 1, true, true},     // 110 x 110, pooled 55 x 55
                                         {256, 5, 2, 0, true, true},    //  26 x  26, pooled 13 x 13
                                         {384, 3, 1, 1, false, false},  //  13 x  13
                                         {384, 3, 1, 1, false, false},
                                         {256, 3, 1, 1, true, false}};  //  13 x  13, pooled  6 x  6

Value convolution(Scope scope, Value x, int number, const Convolution& c, double width) {
  x = conv2d(numbered(scope, "conv", number), x,
             {.channels = scale_channels(c.channels, width),
              .kernel = c.kernel,
              .stride = c.stride,
              .padding = c.padding,
              .weight = normal(0, 0.01),
              .bias_value = fill_with(0)});
  x = relu(numbered(scope, "relu", number), x);
  if (c.pool) {
    x = max_pool2d(numbered(scope, "pool", number), x,
                   {.window = 3, .stride = 2, .ceil_mode = true});
  }
  if (!c.norm) return x;
  // Krizhevsky sums alpha = 1e-4 over 5 channels; the layer, as PyTorch's, takes their mean.
  return local_response_norm(numbered(scope, "norm", number), x,
                             {.size = 5, .alpha = 5e-4, .beta = 0.75, .k = 2});
}

}  // namespace

ModelOutput zfnet(Scope scope, Value image, const ModelOptions& options) {
  Value x = image;
  int number = 1;
  for (const Convolution& c : kConvolutions) {
    x = convolution(scope, x, number++, c, options.width);
  }
  return classify_6x6(scope, x, options, 0);
}

}  // namespace voluta
