#include <voluta/core/error.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>
#include <voluta/layers/conv2d.h>

namespace voluta {
namespace {

void check(const Scope& scope, const Shape& image, const Conv2dLayer& layer) {
  const std::string where = scope.path() + ": ";
  if (image.rank() != 4) {
    invalid(where + "a convolution takes [N,H,W,C], not " + to_string(image));
  }
  if (layer.channels < 1 || layer.kernel.rows < 1 || layer.kernel.columns < 1 || layer.groups < 1) {
    invalid(where + "channels, kernel and groups of a convolution must be at least 1");
  }
  if (image[3] % layer.groups != 0 || layer.channels % layer.groups != 0) {
    invalid(where + std::to_string(image[3]) + " input and " + std::to_string(layer.channels) +
            " output channels are not divisible by " + std::to_string(layer.groups) + " groups");
  }
}

// Groups of one input channel each are an op of their own.
Value convolve(const Scope& scope, Value image, Value weight, const Conv2dLayer& layer,
               int64_t group_channels) {
  if (layer.groups > 1 && group_channels == 1) {
    return scope.add<DepthwiseConv2d>({.stride = layer.stride.array(),
                                       .dilation = layer.dilation.array(),
                                       .padding = layer.padding},
                                      {image, weight});
  }
  return scope.add<Conv2d>({.stride = layer.stride.array(),
                            .dilation = layer.dilation.array(),
                            .padding = layer.padding,
                            .groups = layer.groups},
                           {image, weight});
}

}  // namespace

Value conv2d(Scope scope, Value image, const Conv2dLayer& layer) {
  const Shape in = scope.shape(image);
  check(scope, in, layer);
  const int64_t group_channels = in[3] / layer.groups;
  const auto [rows, columns] = layer.kernel;
  const Initializer by_fan = uniform_fan_in(group_channels * rows * columns);
  const DType type = scope.type(image).dtype;
  const Value weight =
      scope.parameter_as(type, "weight", {layer.channels, rows, columns, group_channels},
                         layer.weight ? layer.weight : by_fan);
  const Value y = convolve(scope, image, weight, layer, group_channels);
  if (!layer.bias) return y;
  const Shape cells = scope.shape(y);
  const Shape bias = layer.untied_bias ? Shape{cells[1], cells[2], cells[3]} : Shape{cells[3]};
  return scope.add<Bias>({}, {y, scope.parameter_as(type, "bias", bias,
                                                    layer.bias_value ? layer.bias_value : by_fan)});
}

}  // namespace voluta
