// alexnet_lrn: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional
// neural networks", NIPS 2012, section 3 and figure 2.
//   The paper's 224 x 224 picture gives its 55 x 55 maps with a border of 2 pixels. Its two GPUs
//   are two groups in conv2, conv4 and conv5.
// alexnet: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as
// torchvision has it: one tower, no normalisation, 256 channels in the fourth layer for the paper's
// 384, and dropout in front of the fully connected layers rather than behind.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/normalization.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/alexnet.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

struct Convolution {
  int channels, kernel, stride, padding;
  bool pool;  // 3 x 3, stride 2, overlapping
};

constexpr Convolution kOneTower[] = {{64, 11, 4, 2, true},   // 55 x 55, pooled 27 x 27
                                     {192, 5, 1, 2, true},   // 27 x 27, pooled 13 x 13
                                     {384, 3, 1, 1, false},  // 13 x 13
                                     {256, 3, 1, 1, false},
                                     {256, 3, 1, 1, true}};  // 13 x 13, pooled  6 x  6

// torchvision's nn.Sequential: every convolution, relu and pooling has the next number.
Value one_tower(Scope scope, Value x, double width) {
  int index = 0;
  for (const Convolution& c : kOneTower) {
    x = conv2d(scope[index++], x,
               {.channels = scale_channels(c.channels, width),
                .kernel = c.kernel,
                .stride = c.stride,
                .padding = c.padding});
    x = relu(scope[index++], x);
    if (c.pool) x = max_pool2d(scope[index++], x, {.window = 3, .stride = 2});
  }
  return x;
}

struct GroupedConvolution {
  int channels, kernel, stride, padding, groups;
  bool norm, pool;
  float bias;  // at first; the paper's section 5
};

constexpr GroupedConvolution kTwoGpus[] = {{96, 11, 4, 2, 1, true, true, 0},
                                           {256, 5, 1, 2, 2, true, true, 1},
                                           {384, 3, 1, 1, 1, false, false, 0},
                                           {384, 3, 1, 1, 2, false, false, 1},
                                           {256, 3, 1, 1, 2, false, true, 1}};

// The widths of all layers are even, so that two groups divide the channels that follow.
Value two_gpus(Scope scope, Value x, int number, const GroupedConvolution& c, double width) {
  x = conv2d(numbered(scope, "conv", number), x,
             {.channels = scale_channels(c.channels, width, 2),
              .kernel = c.kernel,
              .stride = c.stride,
              .padding = c.padding,
              .groups = c.groups,
              .weight = normal(0, 0.01),
              .bias_value = fill_with(c.bias)});
  x = relu(numbered(scope, "relu", number), x);
  // Section 3.3 sums alpha = 1e-4 over 5 channels; the layer, as PyTorch's, takes their mean.
  if (c.norm) {
    x = local_response_norm(numbered(scope, "norm", number), x,
                            {.size = 5, .alpha = 5e-4, .beta = 0.75, .k = 2});
  }
  if (c.pool) x = max_pool2d(numbered(scope, "pool", number), x, {.window = 3, .stride = 2});
  return x;
}

}  // namespace

ModelOutput alexnet(Scope scope, Value image, const ModelOptions& options) {
  const LinearLayer hidden{.features = scale_channels(4096, options.width)};
  const Scope classifier = scope["classifier"];
  Value x = one_tower(scope["features"], image, options.width);
  x = adaptive_average_pool2d(scope["avgpool"], x, 6);
  x = drop(classifier[0], flatten(scope["flatten"], x), options, 0.5);
  x = relu(classifier[2], linear(classifier[1], x, hidden));
  x = drop(classifier[3], x, options, 0.5);
  x = relu(classifier[5], linear(classifier[4], x, hidden));
  return linear(classifier[6], x, {.features = class_count(classifier[6], options, 1000)});
}

ModelOutput alexnet_lrn(Scope scope, Value image, const ModelOptions& options) {
  Value x = image;
  int number = 1;
  for (const GroupedConvolution& c : kTwoGpus) {
    x = two_gpus(scope, x, number++, c, options.width);
  }
  return classify_6x6(scope, x, options, 1);
}

}  // namespace voluta
