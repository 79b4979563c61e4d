// Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision
// applications", 2017, table 1.
//
// Names, initial values and relu6 (the paper says relu) are those of timm's mobilenetv1_100, and
// so is the rounding to multiples of 8. No dropout by default. The table's second "s2" at 7 x 7 is
// a stride of 1.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/models/mobilenet_v1.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

#include <cmath>

namespace voluta {
namespace {

struct Stage {
  int channels, repeats, stride;
};

constexpr Stage kStages[] = {{64, 1, 1},     // 112 x 112
                             {128, 2, 2},    //  56 x  56
                             {256, 2, 2},    //  28 x  28
                             {512, 6, 2},    //  14 x  14
                             {1024, 2, 2}};  //   7 x   7

// timm's: the fan-out is that of one group.
Initializer he_normal(int64_t window, int64_t channels, int64_t groups) {
  return normal(0, std::sqrt(2.0 / static_cast<double>(window * window * channels / groups)));
}

Value conv3x3(Scope conv, Scope bn, Value x, int64_t channels, int64_t stride, int64_t groups,
              const ModelOptions& options) {
  const Conv2dLayer layer{.channels = channels,
                          .kernel = 3,
                          .stride = stride,
                          .padding = 1,
                          .groups = groups,
                          .weight = he_normal(3, channels, groups)};
  return relu6(bn["act"], conv_norm(conv, bn, x, layer, options));
}

// Figure 3, right: 3x3 depthwise -> 1x1, each followed by batch norm and relu6.
Value separable(Scope s, Value x, int64_t channels, int64_t stride, const ModelOptions& options) {
  const int64_t in = s.shape(x)[3];
  x = conv3x3(s["conv_dw"], s["bn1"], x, in, stride, in, options);
  const Conv2dLayer pointwise{
      .channels = channels, .kernel = 1, .weight = he_normal(1, channels, 1)};
  return relu6(s["bn2"]["act"], conv_norm(s["conv_pw"], s["bn2"], x, pointwise, options));
}

Value classify(Scope scope, Value x, const ModelOptions& options) {
  x = drop(scope["drop"], average_maps(scope, x), options, 0);
  const int64_t classes = class_count(scope["classifier"], options, 1000);
  const double bound = 1 / std::sqrt(static_cast<double>(classes));
  return linear(
      scope["classifier"], x,
      {.features = classes, .weight = uniform(-bound, bound), .bias_value = fill_with(0)});
}

}  // namespace

ModelOutput mobilenet_v1(Scope scope, Value image, const ModelOptions& options) {
  const int64_t stem = scale_channels_by_eight(32, options.width);
  Value x = conv3x3(scope["conv_stem"], scope["bn1"], image, stem, 2, 1, options);
  int index = 0;
  for (const Stage& stage : kStages) {
    const Scope blocks = scope["blocks"][index++];
    const int64_t channels = scale_channels_by_eight(stage.channels, options.width);
    for (int i = 0; i < stage.repeats; ++i) {
      x = separable(blocks[i], x, channels, i == 0 ? stage.stride : 1, options);
    }
  }
  return classify(scope, x, options);
}

}  // namespace voluta
