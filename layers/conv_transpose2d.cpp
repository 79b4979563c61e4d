#include <voluta/core/error.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/layers/conv_transpose2d.h>

namespace voluta {
namespace {

void check(const Scope& scope, const Shape& image, const ConvTranspose2dLayer& layer) {
  const std::string where = scope.path() + ": ";
  if (image.rank() != 4) {
    invalid(where + "a transposed convolution takes [N,H,W,C], not " + to_string(image));
  }
  if (layer.channels < 1 || layer.kernel.rows < 1 || layer.kernel.columns < 1 || layer.groups < 1) {
    invalid(where + "channels, kernel and groups of a transposed convolution must be at least 1");
  }
  if (image[3] % layer.groups != 0 || layer.channels % layer.groups != 0) {
    invalid(where + std::to_string(image[3]) + " input and " + std::to_string(layer.channels) +
            " output channels are not divisible by " + std::to_string(layer.groups) + " groups");
  }
}

}  // namespace

Value conv_transpose2d(Scope scope, Value image, const ConvTranspose2dLayer& layer) {
  const Shape in = scope.shape(image);
  check(scope, in, layer);
  const int64_t group_channels = layer.channels / layer.groups;
  const auto [rows, columns] = layer.kernel;
  const Initializer by_fan = uniform_fan_in(group_channels * rows * columns);
  const DType type = scope.type(image).dtype;
  const Value weight = scope.parameter_as(type, "weight", {in[3], rows, columns, group_channels},
                                          layer.weight ? layer.weight : by_fan);
  const Value y = scope.add<ConvTranspose2d>({.stride = layer.stride.array(),
                                              .dilation = layer.dilation.array(),
                                              .padding = layer.padding,
                                              .output_padding = layer.output_padding.array(),
                                              .groups = layer.groups},
                                             {image, weight});
  if (!layer.bias) return y;
  return scope.add<Bias>({}, {y, scope.parameter_as(type, "bias", {layer.channels},
                                                    layer.bias_value ? layer.bias_value : by_fan)});
}

}  // namespace voluta
