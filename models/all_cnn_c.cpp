// Springenberg, Dosovitskiy, Brox, Riedmiller, "Striving for simplicity: the all convolutional
// net", 2014: model C of table 1 with pooling replaced by strides (table 2, "All-CNN-C").
//
// Dropout on the image (0.2) and behind each layer that stands for a pooling (0.5), section 3.1.
// As in the table, the last convolution too has a relu in front of the average. Its 6 x 6 maps ask
// for no border around conv7 and one of a pixel around the other 3 x 3 windows.

#include <voluta/layers/activation.h>
#include <voluta/models/all_cnn_c.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

struct Convolution {
  int channels, kernel, stride, padding;  // channels 0: the classes
};

constexpr Convolution kConvolutions[] = {
    {96, 3, 1, 1},  {96, 3, 1, 1},  {96, 3, 2, 1},   // 32 x 32, then 16 x 16
    {192, 3, 1, 1}, {192, 3, 1, 1}, {192, 3, 2, 1},  // 16 x 16, then  8 x  8
    {192, 3, 1, 0}, {192, 1, 1, 0}, {0, 1, 1, 0}};   //  6 x  6

Value convolution(Scope scope, Value x, int number, const Convolution& c,
                  const ModelOptions& options) {
  const Scope conv = numbered(scope, "conv", number);
  x = conv2d(conv, x,
             {.channels = c.channels ? scale_channels(c.channels, options.width)
                                     : class_count(conv, options, 10),
              .kernel = c.kernel,
              .stride = c.stride,
              .padding = c.padding});
  x = relu(numbered(scope, "relu", number), x);
  return c.stride == 1 ? x : drop(numbered(scope, "drop", number), x, options, 0.5);
}

}  // namespace

ModelOutput all_cnn_c(Scope scope, Value image, const ModelOptions& options) {
  Value x = drop(scope["drop0"], image, options, 0.2);
  int number = 1;
  for (const Convolution& c : kConvolutions) x = convolution(scope, x, number++, c, options);
  return average_maps(scope, x);
}

}  // namespace voluta
