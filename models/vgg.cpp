// Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
// table 1, columns A, B, D and E.
//
// torchvision's: the maps are averaged to 7 x 7 (which they are at 224 x 224), so that any picture
// of 32 x 32 or more will do. The _bn networks are torchvision's addition.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/parts.h>
#include <voluta/models/vgg.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

constexpr int kStages = 5;
constexpr int kChannels[kStages] = {64, 128, 256, 512, 512};

// 3 x 3 convolutions in each stage, before its pooling.
//                                  224 112  56  28  14
using Column = int[kStages];
constexpr Column kColumnA = {/*   */ 1, 1, 2, 2, 2};
constexpr Column kColumnB = {/*   */ 2, 2, 2, 2, 2};
constexpr Column kColumnD = {/*   */ 2, 2, 3, 3, 3};
constexpr Column kColumnE = {/*   */ 2, 2, 4, 4, 4};

// torchvision's nn.Sequential: every layer has the next number.
Value features(Scope scope, Value x, const Column& column, bool with_norm,
               const ModelOptions& options) {
  int index = 0;
  for (int stage = 0; stage < kStages; ++stage) {
    for (int i = 0; i < column[stage]; ++i) {
      x = conv2d(scope[index++], x,
                 {.channels = scale_channels(kChannels[stage], options.width),
                  .kernel = 3,
                  .padding = 1,
                  .weight = kaiming_normal(Fan::kOut),
                  .bias_value = fill_with(0)});
      if (with_norm) x = norm(scope[index++], x, options);
      x = relu(scope[index++], x);
    }
    x = max_pool2d(scope[index++], x, {.window = 2, .stride = 2});
  }
  return x;
}

Value classify(Scope scope, Value x, const ModelOptions& options) {
  LinearLayer layer{.features = scale_channels(4096, options.width),
                    .weight = normal(0, 0.01),
                    .bias_value = fill_with(0)};
  x = drop(scope[2], relu(scope[1], linear(scope[0], x, layer)), options, 0.5);
  x = drop(scope[5], relu(scope[4], linear(scope[3], x, layer)), options, 0.5);
  layer.features = class_count(scope[6], options, 1000);
  return linear(scope[6], x, layer);
}

Value vgg(Scope scope, Value x, const Column& column, bool with_norm, const ModelOptions& options) {
  x = features(scope["features"], x, column, with_norm, options);
  x = flatten(scope["flatten"], adaptive_average_pool2d(scope["avgpool"], x, 7));
  return classify(scope["classifier"], x, options);
}

}  // namespace

ModelOutput vgg11(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnA, false, options);
}

ModelOutput vgg13(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnB, false, options);
}

ModelOutput vgg16(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnD, false, options);
}

ModelOutput vgg19(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnE, false, options);
}

ModelOutput vgg11_bn(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnA, true, options);
}

ModelOutput vgg13_bn(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnB, true, options);
}

ModelOutput vgg16_bn(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnD, true, options);
}

ModelOutput vgg19_bn(Scope scope, Value image, const ModelOptions& options) {
  return vgg(scope, image, kColumnE, true, options);
}

}  // namespace voluta
