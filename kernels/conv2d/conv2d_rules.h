#pragma once

// What the declarations of conv2d share with the ops that are a conv2d under another name
// (depthwise_conv2d, conv_transpose2d): shapes, costs and descriptions. `op` is the name that
// errors begin with. Internal.

#include <voluta/core/graph/graph.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/batch_norm/batch_norm_scale_shift.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/common/normalised.h>
#include <voluta/kernels/conv2d/conv2d.h>

#include <memory>
#include <string>
#include <string_view>

namespace voluta {

// The rules of infer() of the three ops. Throw invalid() for shapes that do not fit.
std::vector<TensorType> infer_conv2d(std::string_view op, const Conv2dOptions& options,
                                     std::span<const TensorType> inputs);
std::vector<TensorType> infer_conv2d_input_gradient(std::string_view op,
                                                    const Conv2dInputGradientOptions& options,
                                                    std::span<const TensorType> inputs);
std::vector<TensorType> infer_conv2d_filter_gradient(std::string_view op,
                                                     const Conv2dFilterGradientOptions& options,
                                                     std::span<const TensorType> inputs);

// Of a problem of conv2d or one of its gradients: a multiply-add for every tap of every output,
// those on padding included, as is the custom.
Cost conv2d_cost(const Problem& problem);

// "n2h7w7c4k4r3s3p1u2g2 bias scale_shift residual relu f32". Without the groups where the op implies them.
std::string describe_conv2d(const Problem& problem, bool with_groups = true);

// "p1" or "pt0pb1pl0pr1"; nothing without padding.
std::string describe_padding(const Padding2d& padding);
// Rows' letter, and columns' where they differ; nothing for 1.
std::string describe_pair(const char* rows, const char* columns, std::array<int64_t, 2> pair);

// The gradient of a forward convolution's sums and bias: of its output, where nothing else is fused.
// Sets that of the residual. Throws invalid() where it would read what the fusion does not keep.
Value gradient_before_epilogue(GradientContext& context, std::string_view op,
                               const Conv2dOptions& options);

// Op::accept of a convolution or filter gradient, whose input 0 is x: a BatchNormTraining that defers.
template <class Options>
bool accept_in_prologue(const Problem& reader, int input, const Problem& producer,
                        std::shared_ptr<const void>& accepted) {
  if (input != 0 || producer.op != &op<BatchNormTraining>()) return false;
  auto options = reader.options_as<Options>();
  Prologue* prologue = nullptr;
  if constexpr (requires { options.conv; }) {
    prologue = &options.conv.prologue;
  } else {
    prologue = &options.prologue;
  }
  const ActivationKind f = producer.options_as<BatchNormOptions>().activation;
  if (prologue->normalise || !is_clamp(f)) return false;
  *prologue = {.normalise = true, .activation = f};
  accepted = std::make_shared<const Options>(options);
  return true;
}

// Op::fuse of a forward convolution with the options of an epilogue: absorbs a Bias of one value a
// channel, a BatchNormInference, an Add, an Activation, each behind those before it.
template <class Options>
bool fuse_epilogue(const Problem& producer, const Problem& consumer, int input, Fusion& fusion) {
  Options options = producer.options_as<Options>();
  if (options.activation != ActivationKind::kNone) return false;
  const auto absorb = [&](std::vector<int> inputs, NewNode prelude = {}) {
    fusion = {std::make_shared<const Options>(options), std::move(inputs), std::move(prelude)};
    return true;
  };
  if (consumer.op == &op<Activation>()) {
    const ActivationOptions& activation = consumer.options_as<ActivationOptions>();
    options.activation = activation.kind;
    return fits_epilogue(activation) && absorb({});
  }
  if (options.residual) return false;
  if (consumer.op == &op<Add>()) {
    options.residual = true;
    return absorb({1 - input});
  }
  if (options.scale_shift) return false;
  if (consumer.op == &op<BatchNormInference>()) {
    const auto& norm = consumer.options_as<BatchNormInferenceOptions>();
    if (norm.residual || norm.activation != ActivationKind::kNone) return false;
    options.scale_shift = true;
    return absorb({1, 2, 3, 4}, new_node<BatchNormScaleShift>({norm.epsilon}));
  }
  return producer.inputs.size() == 2 && consumer.op == &op<Bias>() && is_tied(consumer) &&
         absorb({1});
}

}  // namespace voluta
