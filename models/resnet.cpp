// He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, table 1.
// Xie, Girshick, Dollar, Tu, He, "Aggregated residual transformations for deep neural networks",
//   2016, table 1. Zagoruyko, Komodakis, "Wide residual networks", 2016, table 8.
//
// torchvision's "v1.5": the bottleneck's stride is at its 3 x 3 convolution, the paper's at the
// first 1 x 1. Shortcuts are option B, a projection where the shape changes.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/merge.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/parts.h>
#include <voluta/models/resnet.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

constexpr int kStages = 4;  // 56 x 56, 28 x 28, 14 x 14, 7 x 7
constexpr int kChannels[kStages] = {64, 128, 256, 512};
constexpr int kExpansion = 4;  // of the bottleneck's last convolution

struct Network {
  bool bottleneck;
  int blocks[kStages];
  int groups = 1;
  int group_width = 64;  // channels of a group of the 3 x 3 convolution in the first stage
};

constexpr Network kResnet18 = {false, {2, 2, 2, 2}};
constexpr Network kResnet34 = {false, {3, 4, 6, 3}};
constexpr Network kResnet50 = {true, {3, 4, 6, 3}};
constexpr Network kResnet101 = {true, {3, 4, 23, 3}};
constexpr Network kResnet152 = {true, {3, 8, 36, 3}};
constexpr Network kResnext50 = {true, {3, 4, 6, 3}, 32, 4};
constexpr Network kResnext101 = {true, {3, 4, 23, 3}, 32, 8};
constexpr Network kWideResnet50 = {true, {3, 4, 6, 3}, 1, 128};
constexpr Network kWideResnet101 = {true, {3, 4, 23, 3}, 1, 128};

struct Block {
  int64_t channels;  // that it gives
  int64_t inner;     // of the bottleneck's 3 x 3 convolution
  int64_t groups;    // of the same
  int64_t stride;
};

Block block_of(const Network& net, int stage, bool first, double width) {
  const int64_t channels = kChannels[stage] * (net.bottleneck ? kExpansion : 1);
  const int64_t inner = kChannels[stage] / kChannels[0] * net.group_width * net.groups;
  return {.channels = scale_channels(channels, width),
          .inner = scale_channels(inner, width, net.groups),
          .groups = net.groups,
          .stride = first && stage > 0 ? 2 : 1};
}

// The layers "conv<number>" and "bn<number>"; windows are 1 x 1 or 3 x 3 with a border of 1.
Value conv_bn(Scope s, int number, Value x, Conv2dLayer layer, const ModelOptions& o) {
  layer.padding = layer.kernel.rows / 2;
  layer.weight = kaiming_normal(Fan::kOut);
  return conv_norm(numbered(s, "conv", number), numbered(s, "bn", number), x, layer, o);
}

Value shortcut(Scope s, Value x, const Block& block, const ModelOptions& options) {
  if (block.stride == 1 && s.shape(x)[3] == block.channels) return x;
  const Conv2dLayer projection{.channels = block.channels,
                               .kernel = 1,
                               .stride = block.stride,
                               .weight = kaiming_normal(Fan::kOut)};
  return conv_norm(s["downsample"][0], s["downsample"][1], x, projection, options);
}

// 3x3 -> 3x3, figure 5, left.
Value basic_branch(Scope s, Value x, const Block& b, const ModelOptions& o) {
  x = conv_bn(s, 1, x, {.channels = b.channels, .kernel = 3, .stride = b.stride}, o);
  return conv_bn(s, 2, relu(s["relu1"], x), {.channels = b.channels, .kernel = 3}, o);
}

// 1x1 -> 3x3 -> 1x1, figure 5, right.
Value bottleneck_branch(Scope s, Value x, const Block& b, const ModelOptions& o) {
  const Conv2dLayer middle{
      .channels = b.inner, .kernel = 3, .stride = b.stride, .groups = b.groups};
  x = relu(s["relu1"], conv_bn(s, 1, x, {.channels = b.inner, .kernel = 1}, o));
  x = relu(s["relu2"], conv_bn(s, 2, x, middle, o));
  return conv_bn(s, 3, x, {.channels = b.channels, .kernel = 1}, o);
}

Value residual(Scope s, Value x, const Block& block, bool bottleneck, const ModelOptions& options) {
  const Value branch =
      bottleneck ? bottleneck_branch(s, x, block, options) : basic_branch(s, x, block, options);
  return relu(s["relu"], add(s["add"], branch, shortcut(s, x, block, options)));
}

Value stem(Scope s, Value x, const ModelOptions& o) {
  const Conv2dLayer layer{.channels = scale_channels(64, o.width), .kernel = 7, .stride = 2};
  x = relu(s["relu"], conv_bn(s, 1, x, layer, o));
  return max_pool2d(s["maxpool"], x, {.window = 3, .stride = 2, .padding = 1});
}

Value resnet(Scope scope, Value image, const Network& net, const ModelOptions& options) {
  Value x = stem(scope, image, options);
  for (int stage = 0; stage < kStages; ++stage) {
    const Scope layer = numbered(scope, "layer", stage + 1);
    for (int i = 0; i < net.blocks[stage]; ++i) {
      const Block block = block_of(net, stage, i == 0, options.width);
      x = residual(layer[i], x, block, net.bottleneck, options);
    }
  }
  return linear(scope["fc"], average_maps(scope, x),
                {.features = class_count(scope["fc"], options, 1000)});
}

}  // namespace

ModelOutput resnet18(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kResnet18, options);
}

ModelOutput resnet34(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kResnet34, options);
}

ModelOutput resnet50(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kResnet50, options);
}

ModelOutput resnet101(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kResnet101, options);
}

ModelOutput resnet152(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kResnet152, options);
}

ModelOutput resnext50_32x4d(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kResnext50, options);
}

ModelOutput resnext101_32x8d(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kResnext101, options);
}

ModelOutput wide_resnet50_2(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kWideResnet50, options);
}

ModelOutput wide_resnet101_2(Scope scope, Value image, const ModelOptions& options) {
  return resnet(scope, image, kWideResnet101, options);
}

}  // namespace voluta
