// He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, section 4.2.
//
// Shortcuts are option A, without parameters. Names and initial values are those of Idelbayev's
// implementation, akamaster/pytorch_resnet_cifar10: new channels of a shortcut come half in front
// of the old ones and half behind.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/merge.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/cifar_resnet.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

constexpr int kStages = 3;  // 32 x 32, 16 x 16, 8 x 8
constexpr int kChannels[kStages] = {16, 32, 64};

Initializer he_normal() {
  return kaiming_normal(Fan::kIn);
}

Conv2dLayer conv3x3(int64_t channels, int64_t stride) {
  return {.channels = channels, .kernel = 3, .stride = stride, .padding = 1, .weight = he_normal()};
}

// Option A: every other pixel, and zeros for the channels that are new.
Value shortcut(Scope s, Value x, int64_t channels, int64_t stride) {
  const int64_t added = channels - s.shape(x)[3];
  if (stride > 1) x = average_pool2d(s["subsample"], x, {.window = 1, .stride = stride});
  if (added == 0) return x;
  return channel_pad(s["pad"], x, added / 2, added - added / 2);
}

Value residual(Scope s, Value x, int64_t channels, int64_t stride, const ModelOptions& options) {
  Value y = conv_norm(s["conv1"], s["bn1"], x, conv3x3(channels, stride), options);
  y = relu(s["relu1"], y);
  y = conv_norm(s["conv2"], s["bn2"], y, conv3x3(channels, 1), options);
  return relu(s["relu"], add(s["add"], y, shortcut(s["shortcut"], x, channels, stride)));
}

Value resnet(Scope scope, Value image, int blocks, const ModelOptions& options) {
  const int64_t first = scale_channels(kChannels[0], options.width);
  Value x = conv_norm(scope["conv1"], scope["bn1"], image, conv3x3(first, 1), options);
  x = relu(scope["relu"], x);
  for (int stage = 0; stage < kStages; ++stage) {
    const Scope layer = numbered(scope, "layer", stage + 1);
    const int64_t channels = scale_channels(kChannels[stage], options.width);
    for (int i = 0; i < blocks; ++i) {
      x = residual(layer[i], x, channels, i == 0 && stage > 0 ? 2 : 1, options);
    }
  }
  const int64_t classes = class_count(scope["linear"], options, 10);
  return linear(scope["linear"], average_maps(scope, x),
                {.features = classes, .weight = he_normal()});
}

}  // namespace

ModelOutput resnet20(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, 3, options);
}

ModelOutput resnet32(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, 5, options);
}

ModelOutput resnet44(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, 7, options);
}

ModelOutput resnet56(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, 9, options);
}

ModelOutput resnet110(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, 18, options);
}

}  // namespace voluta
