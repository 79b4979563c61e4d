// Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture for computer
// vision", 2015, table 1 and figures 5 to 7 and 10; the auxiliary classifier, figure 8.
//
// torchvision's, after the TensorFlow implementation: batch normalisation (epsilon 0.001) behind
// every convolution, the average pooling of a branch counts its border, and the weight of the
// auxiliary loss is that of torchvision's training reference. There the standard deviation 0.01
// that AuxLogits.conv1 asks for does not reach its convolution: it starts with 0.1 like the rest.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/merge.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/inception_v3.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

#include <algorithm>
#include <initializer_list>

namespace voluta {
namespace {

constexpr double kAuxiliaryWeight = 0.4;

Initializer weights(double deviation = 0.1) {
  return truncated_normal(0, deviation, -2, 2);
}

// One of the convolutions of a branch. With stride 1 it keeps the map's size, with 2 it has no
// border.
struct Step {
  const char* name;
  int64_t channels;
  Extent2d kernel;
  int64_t stride = 1;
};

// The network's modules over the same options.
struct Inception3 {
  const ModelOptions& options;

  // torchvision's BasicConv2d.
  Value conv(Scope s, Value x, Conv2dLayer layer) const {
    layer.channels = scale_channels(layer.channels, options.width);
    layer.weight = weights();
    return relu(s["relu"], conv_norm(s["conv"], s["bn"], x, layer, options, 1e-3));
  }

  Value branch(Scope s, Value x, std::initializer_list<Step> steps) const {
    for (const Step& step : steps) {
      const auto [rows, columns] = step.kernel;
      const Padding2d same(rows / 2, columns / 2);
      x = conv(s[step.name], x,
               {.channels = step.channels,
                .kernel = step.kernel,
                .stride = step.stride,
                .padding = step.stride == 1 ? same : Padding2d()});
    }
    return x;
  }

  Value pool_branch(Scope s, Value x, int64_t channels) const {
    x = average_pool2d(s["pool"], x, {.window = 3, .stride = 1, .padding = 1});
    return branch(s, x, {{"branch_pool", channels, 1}});
  }

  Value stem(Scope s, Value x) const;
  Value a(Scope s, Value x, int64_t pool_channels) const;
  Value b(Scope s, Value x) const;
  Value c(Scope s, Value x, int64_t channels) const;
  Value d(Scope s, Value x) const;
  Value e(Scope s, Value x) const;
  AuxiliaryHead auxiliary(Scope s, Value x) const;
};

Value Inception3::stem(Scope s, Value x) const {
  x = conv(s["Conv2d_1a_3x3"], x, {.channels = 32, .kernel = 3, .stride = 2});   // 149 x 149
  x = conv(s["Conv2d_2a_3x3"], x, {.channels = 32, .kernel = 3});                // 147 x 147
  x = conv(s["Conv2d_2b_3x3"], x, {.channels = 64, .kernel = 3, .padding = 1});  // 147 x 147
  x = max_pool2d(s["maxpool1"], x, {.window = 3, .stride = 2});                  //  73 x  73
  x = conv(s["Conv2d_3b_1x1"], x, {.channels = 80, .kernel = 1});                //  73 x  73
  x = conv(s["Conv2d_4a_3x3"], x, {.channels = 192, .kernel = 3});               //  71 x  71
  return max_pool2d(s["maxpool2"], x, {.window = 3, .stride = 2});               //  35 x  35
}

// Figure 5, 35 x 35; its second branch is one 5 x 5 convolution.
Value Inception3::a(Scope s, Value x, int64_t pool_channels) const {
  const Value branch1x1 = branch(s, x, {{"branch1x1", 64, 1}});
  const Value branch5x5 = branch(s, x, {{"branch5x5_1", 48, 1}, {"branch5x5_2", 64, 5}});
  const Value branch3x3dbl = branch(
      s, x, {{"branch3x3dbl_1", 64, 1}, {"branch3x3dbl_2", 96, 3}, {"branch3x3dbl_3", 96, 3}});
  return concat(s["concat"],
                {branch1x1, branch5x5, branch3x3dbl, pool_branch(s, x, pool_channels)});
}

// Figure 10, from 35 x 35 to 17 x 17.
Value Inception3::b(Scope s, Value x) const {
  const Value branch3x3 = branch(s, x, {{"branch3x3", 384, 3, 2}});
  const Value branch3x3dbl = branch(
      s, x, {{"branch3x3dbl_1", 64, 1}, {"branch3x3dbl_2", 96, 3}, {"branch3x3dbl_3", 96, 3, 2}});
  const Value pool = max_pool2d(s["pool"], x, {.window = 3, .stride = 2});
  return concat(s["concat"], {branch3x3, branch3x3dbl, pool});
}

// Figure 6 with n = 7, 17 x 17.
Value Inception3::c(Scope s, Value x, int64_t channels) const {
  const Value branch1x1 = branch(s, x, {{"branch1x1", 192, 1}});
  const Value branch7x7 = branch(s, x,
                                 {{"branch7x7_1", channels, 1},
                                  {"branch7x7_2", channels, {1, 7}},
                                  {"branch7x7_3", 192, {7, 1}}});
  const Value branch7x7dbl = branch(s, x,
                                    {{"branch7x7dbl_1", channels, 1},
                                     {"branch7x7dbl_2", channels, {7, 1}},
                                     {"branch7x7dbl_3", channels, {1, 7}},
                                     {"branch7x7dbl_4", channels, {7, 1}},
                                     {"branch7x7dbl_5", 192, {1, 7}}});
  return concat(s["concat"], {branch1x1, branch7x7, branch7x7dbl, pool_branch(s, x, 192)});
}

// From 17 x 17 to 8 x 8.
Value Inception3::d(Scope s, Value x) const {
  const Value branch3x3 = branch(s, x, {{"branch3x3_1", 192, 1}, {"branch3x3_2", 320, 3, 2}});
  const Value branch7x7x3 = branch(s, x,
                                   {{"branch7x7x3_1", 192, 1},
                                    {"branch7x7x3_2", 192, {1, 7}},
                                    {"branch7x7x3_3", 192, {7, 1}},
                                    {"branch7x7x3_4", 192, 3, 2}});
  const Value pool = max_pool2d(s["pool"], x, {.window = 3, .stride = 2});
  return concat(s["concat"], {branch3x3, branch7x7x3, pool});
}

// Figure 7, 8 x 8: the last convolution of two branches forks.
Value Inception3::e(Scope s, Value x) const {
  const Value branch1x1 = branch(s, x, {{"branch1x1", 320, 1}});
  const Value stem3x3 = branch(s, x, {{"branch3x3_1", 384, 1}});
  const Value branch3x3 =
      concat(s["concat3x3"], {branch(s, stem3x3, {{"branch3x3_2a", 384, {1, 3}}}),
                              branch(s, stem3x3, {{"branch3x3_2b", 384, {3, 1}}})});
  const Value stem3x3dbl = branch(s, x, {{"branch3x3dbl_1", 448, 1}, {"branch3x3dbl_2", 384, 3}});
  const Value branch3x3dbl =
      concat(s["concat3x3dbl"], {branch(s, stem3x3dbl, {{"branch3x3dbl_3a", 384, {1, 3}}}),
                                 branch(s, stem3x3dbl, {{"branch3x3dbl_3b", 384, {3, 1}}})});
  return concat(s["concat"], {branch1x1, branch3x3, branch3x3dbl, pool_branch(s, x, 192)});
}

// In evaluation nobody reads the head, but its parameters are part of the state: maps too small for
// it are stretched.
AuxiliaryHead Inception3::auxiliary(Scope s, Value x) const {
  constexpr int64_t kNeeded = 17;
  const Shape in = s.shape(x);
  if (!s.training() && (in[1] < kNeeded || in[2] < kNeeded)) {
    const Extent2d enough(std::max(in[1], kNeeded), std::max(in[2], kNeeded));
    x = adaptive_average_pool2d(s["stretch"], x, enough);
  }
  x = average_pool2d(s["pool"], x, {.window = 5, .stride = 3});              // 5 x 5
  x = conv(s["conv0"], x, {.channels = 128, .kernel = 1});                   // 5 x 5
  x = average_maps(s, conv(s["conv1"], x, {.channels = 768, .kernel = 5}));  // 1 x 1
  const int64_t classes = class_count(s["fc"], options, 1000);
  return {linear(s["fc"], x, {.features = classes, .weight = weights(0.001)}), kAuxiliaryWeight};
}

}  // namespace

ModelOutput inception_v3(Scope scope, Value image, const ModelOptions& options) {
  const Inception3 net{options};
  Value x = net.stem(scope, image);
  x = net.a(scope["Mixed_5b"], x, 32);  // 35 x 35
  x = net.a(scope["Mixed_5c"], x, 64);
  x = net.a(scope["Mixed_5d"], x, 64);
  x = net.b(scope["Mixed_6a"], x);  // 17 x 17
  x = net.c(scope["Mixed_6b"], x, 128);
  x = net.c(scope["Mixed_6c"], x, 160);
  x = net.c(scope["Mixed_6d"], x, 160);
  x = net.c(scope["Mixed_6e"], x, 192);
  const AuxiliaryHead head = net.auxiliary(scope["AuxLogits"], x);
  x = net.d(scope["Mixed_7a"], x);  // 8 x 8
  x = net.e(scope["Mixed_7b"], x);
  x = net.e(scope["Mixed_7c"], x);
  x = drop(scope["dropout"], average_maps(scope, x), options, 0.5);
  const int64_t classes = class_count(scope["fc"], options, 1000);
  return {linear(scope["fc"], x, {.features = classes, .weight = weights()}), {head}};
}

}  // namespace voluta
