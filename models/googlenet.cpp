// Szegedy et al., "Going deeper with convolutions", 2014, table 1; the auxiliary classifiers and
// the weight of their losses, section 5.
//
// torchvision's, after the TensorFlow implementation: every convolution has batch normalisation
// (epsilon 0.001) and no bias, there is no local response normalisation, dropout is 0.2 for the
// paper's 0.4, and the column "5x5" is made of 3 x 3 windows. An auxiliary classifier averages the
// maps to 4 x 4, which is what the paper's 5 x 5 windows of stride 3 give at 14 x 14.

#include <voluta/layers/activation.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/merge.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/googlenet.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

namespace voluta {
namespace {

constexpr double kAuxiliaryWeight = 0.3;

struct Inception {
  const char* name;
  int c1x1, c3x3_reduce, c3x3, c5x5_reduce, c5x5, pool_projection;
  const char* auxiliary = nullptr;  // the head behind it
  int64_t pool = 0;                 // the window of the max pooling behind it, stride 2
};

constexpr Inception kInceptions[] = {{"3a", 64, 96, 128, 16, 32, 32},  // 28 x 28
                                     {"3b", 128, 128, 192, 32, 96, 64, nullptr, 3},
                                     {"4a", 192, 96, 208, 16, 48, 64, "aux1"},  // 14 x 14
                                     {"4b", 160, 112, 224, 24, 64, 64},
                                     {"4c", 128, 128, 256, 24, 64, 64},
                                     {"4d", 112, 144, 288, 32, 64, 64, "aux2"},
                                     {"4e", 256, 160, 320, 32, 128, 128, nullptr, 2},
                                     {"5a", 256, 160, 320, 32, 128, 128},  // 7 x 7
                                     {"5b", 384, 192, 384, 48, 128, 128}};

Initializer weights() {
  return truncated_normal(0, 0.01, -2, 2);
}

// torchvision's BasicConv2d. Windows of stride 1 or 2 keep the border.
Value conv(Scope s, Value x, int64_t channels, int64_t kernel, const ModelOptions& options,
           int64_t stride = 1) {
  const Conv2dLayer layer{.channels = scale_channels(channels, options.width),
                          .kernel = kernel,
                          .stride = stride,
                          .padding = kernel / 2,
                          .weight = weights()};
  return relu(s["relu"], conv_norm(s["conv"], s["bn"], x, layer, options, 1e-3));
}

// Figure 2 (b): four branches side by side.
Value inception(Scope s, Value x, const Inception& c, const ModelOptions& o) {
  const Value branch1 = conv(s["branch1"], x, c.c1x1, 1, o);
  const Value reduce2 = conv(s["branch2"][0], x, c.c3x3_reduce, 1, o);
  const Value branch2 = conv(s["branch2"][1], reduce2, c.c3x3, 3, o);
  const Value reduce3 = conv(s["branch3"][0], x, c.c5x5_reduce, 1, o);
  const Value branch3 = conv(s["branch3"][1], reduce3, c.c5x5, 3, o);
  const Value pool =
      max_pool2d(s["branch4"][0], x, {.window = 3, .stride = 1, .padding = 1, .ceil_mode = true});
  const Value branch4 = conv(s["branch4"][1], pool, c.pool_projection, 1, o);
  return concat(s["concat"], {branch1, branch2, branch3, branch4});
}

AuxiliaryHead auxiliary(Scope s, Value x, const ModelOptions& o) {
  x = adaptive_average_pool2d(s["avgpool"], x, 4);
  x = flatten(s["flatten"], conv(s["conv"], x, 128, 1, o));
  const LinearLayer hidden{.features = scale_channels(1024, o.width), .weight = weights()};
  x = drop(s["dropout"], relu(s["relu"], linear(s["fc1"], x, hidden)), o, 0.7);
  const int64_t classes = class_count(s["fc2"], o, 1000);
  return {linear(s["fc2"], x, {.features = classes, .weight = weights()}), kAuxiliaryWeight};
}

Value halve(Scope s, Value x, int64_t window) {
  return max_pool2d(s, x, {.window = window, .stride = 2, .ceil_mode = true});
}

Value stem(Scope s, Value image, const ModelOptions& options) {
  Value x = conv(s["conv1"], image, 64, 7, options, 2);              // 112 x 112
  x = conv(s["conv2"], halve(s["maxpool1"], x, 3), 64, 1, options);  //  56 x  56
  x = conv(s["conv3"], x, 192, 3, options);
  return halve(s["maxpool2"], x, 3);  // 28 x 28
}

}  // namespace

ModelOutput googlenet(Scope scope, Value image, const ModelOptions& options) {
  std::vector<AuxiliaryHead> heads;
  int pool = 3;
  Value x = stem(scope, image, options);
  for (const Inception& c : kInceptions) {
    x = inception(scope[std::string("inception") + c.name], x, c, options);
    if (c.auxiliary) heads.push_back(auxiliary(scope[c.auxiliary], x, options));
    if (c.pool) x = halve(numbered(scope, "maxpool", pool++), x, c.pool);
  }
  x = drop(scope["dropout"], average_maps(scope, x), options, 0.2);
  const int64_t classes = class_count(scope["fc"], options, 1000);
  return {linear(scope["fc"], x, {.features = classes, .weight = weights()}), heads};
}

}  // namespace voluta
