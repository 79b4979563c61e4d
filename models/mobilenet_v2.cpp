// Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: inverted residuals and linear bottlenecks",
// 2018, table 2.
//
// The width multiplier never narrows the last convolution, section 6.1. Names, initial values and
// the dropout of 0.2 in front of the classifier are torchvision's.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/merge.h>
#include <voluta/models/mobilenet_v2.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

#include <algorithm>

namespace voluta {
namespace {

struct Stage {
  int expand, channels, repeats, stride;
};

// Row by row: output for a 224 x 224 image.
constexpr Stage kStages[] = {{1, 16, 1, 1},   // 112 x 112
                             {6, 24, 2, 2},   //  56 x  56
                             {6, 32, 3, 2},   //  28 x  28
                             {6, 64, 4, 2},   //  14 x  14
                             {6, 96, 3, 1},   //  14 x  14
                             {6, 160, 3, 2},  //   7 x   7
                             {6, 320, 1, 1}};

Conv2dLayer window(int64_t kernel, int64_t channels, int64_t stride = 1, int64_t groups = 1) {
  return {.channels = channels,
          .kernel = kernel,
          .stride = stride,
          .padding = kernel / 2,
          .groups = groups,
          .weight = kaiming_normal(Fan::kOut)};
}

Value conv_norm_relu6(Scope s, Value x, const Conv2dLayer& layer, const ModelOptions& options) {
  return relu6(s[2], conv_norm(s[0], s[1], x, layer, options));
}

// 1x1 expand -> 3x3 depthwise -> 1x1 project; no activation after the projection ("linear
// bottleneck"). Table 1 and figure 4 (d).
Value inverted_residual(Scope s, Value in, int64_t channels, int64_t expand, int64_t stride,
                        const ModelOptions& options) {
  const int64_t channels_in = s.shape(in)[3], hidden = channels_in * expand;
  const Scope conv = s["conv"];
  int index = 0;
  Value x = in;
  if (expand != 1) x = conv_norm_relu6(conv[index++], x, window(1, hidden), options);
  x = conv_norm_relu6(conv[index++], x, window(3, hidden, stride, hidden), options);
  x = conv_norm(conv[index], conv[index + 1], x, window(1, channels), options);
  return stride == 1 && channels == channels_in ? add(s["add"], in, x) : x;
}

Value features(Scope scope, Value image, const ModelOptions& options) {
  const int64_t first = scale_channels_by_eight(32, options.width);
  const int64_t last = scale_channels_by_eight(1280, std::max(1.0, options.width));
  int index = 0;
  Value x = conv_norm_relu6(scope[index++], image, window(3, first, 2), options);
  for (const Stage& stage : kStages) {
    const int64_t channels = scale_channels_by_eight(stage.channels, options.width);
    for (int i = 0; i < stage.repeats; ++i) {
      const int64_t stride = i == 0 ? stage.stride : 1;
      x = inverted_residual(scope[index++], x, channels, stage.expand, stride, options);
    }
  }
  return conv_norm_relu6(scope[index], x, window(1, last), options);
}

}  // namespace

ModelOutput mobilenet_v2(Scope scope, Value image, const ModelOptions& options) {
  const Scope classifier = scope["classifier"];
  Value x = average_maps(scope, features(scope["features"], image, options));
  x = drop(classifier[0], x, options, 0.2);
  return linear(classifier[1], x,
                {.features = class_count(classifier[1], options, 1000),
                 .weight = normal(0, 0.01),
                 .bias_value = fill_with(0)});
}

}  // namespace voluta
