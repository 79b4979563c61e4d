#include <voluta/core/error.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/dropout.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/normalization.h>
#include <voluta/layers/pooling.h>
#include <voluta/models/parts.h>
#include <voluta/models/width.h>

namespace voluta {

Scope numbered(const Scope& scope, std::string name, int number) {
  return scope[name += std::to_string(number)];
}

int64_t class_count(const Scope& layer, const ModelOptions& options, int64_t published) {
  if (options.classes < 0) {
    invalid(layer.path() + ": the number of classes must be at least 1, or 0 for the published " +
            std::to_string(published) + ", not " + std::to_string(options.classes));
  }
  return options.classes ? options.classes : published;
}

Value norm(Scope scope, Value x, const ModelOptions& options, double epsilon) {
  return batch_norm(
      scope, x,
      {.epsilon = options.epsilon.value_or(epsilon), .momentum = options.momentum.value_or(0.1)});
}

Value drop(Scope scope, Value x, const ModelOptions& options, double published) {
  return dropout(scope, x, options.dropout.value_or(published));
}

Value conv_norm(Scope conv, Scope bn, Value x, Conv2dLayer layer, const ModelOptions& options,
                double epsilon) {
  layer.bias = false;
  return norm(bn, conv2d(conv, x, layer), options, epsilon);
}

Value average_maps(Scope scope, Value x) {
  return flatten(scope["flatten"], global_average_pool2d(scope["avgpool"], x));
}

Value classify_6x6(Scope scope, Value x, const ModelOptions& options, float hidden_bias) {
  const Initializer weight = normal(0, 0.01);
  const LinearLayer hidden{.features = scale_channels(4096, options.width),
                           .weight = weight,
                           .bias_value = fill_with(hidden_bias)};
  x = flatten(scope["flatten"], adaptive_average_pool2d(scope["avgpool"], x, 6));
  x = relu(scope["relu6"], linear(scope["fc6"], x, hidden));
  x = drop(scope["drop6"], x, options, 0.5);
  x = relu(scope["relu7"], linear(scope["fc7"], x, hidden));
  x = drop(scope["drop7"], x, options, 0.5);
  return linear(scope["fc8"], x,
                {.features = class_count(scope["fc8"], options, 1000),
                 .weight = weight,
                 .bias_value = fill_with(0)});
}

}  // namespace voluta
