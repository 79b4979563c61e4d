#pragma once

// How the ops of the room take in their neighbours, forward and backward, and what gradients they
// append. Internal to the room.

#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/batch_norm/batch_norm.h>

namespace voluta::batch_norm {

// Op::fuse of training and inference: absorbs an Add, whose other summand becomes the residual, and
// behind it an Activation.
template <class Options>
bool fuse_behind(const Problem& producer, const Problem& consumer, int input, Fusion& fusion) {
  Options options = producer.options_as<Options>();
  if (options.activation != ActivationKind::kNone) return false;
  std::vector<int> appended;
  if (consumer.op == &op<Add>() && !options.residual) {
    options.residual = true;
    appended = {1 - input};
  } else if (consumer.op == &op<Activation>() &&
             fits_epilogue(consumer.options_as<ActivationOptions>())) {
    options.activation = consumer.options_as<ActivationOptions>().kind;
  } else {
    return false;
  }
  fusion = {.options = std::make_shared<const Options>(options), .consumer_inputs = appended};
  return true;
}

// Op::gradient of training and inference, through y. `options` are the gradient's but for what it
// has to know of the activation; the residual, if there is one, is the last input.
template <class Gradient, class Options>
void append_gradient(GradientContext& context, const Options& forward,
                     typename Gradient::Options options, Value mean, Value spread) {
  const std::size_t last = context.input_count() - 1;
  const bool to_residual = forward.residual && context.wants(last);
  std::vector<Value> inputs = {context.input(0), context.output_gradient(0), context.input(1), mean,
                               spread};
  options.activation = forward.activation;
  if (forward.activation != ActivationKind::kNone) {
    if (forward.residual && gradient_reads_input({.kind = forward.activation})) {
      invalid("take gradients before a residual and " + std::string(name_of(forward.activation)) +
              " are fused into it; they read what the fusion does not keep");
    }
    options.kept = forward.residual;
    options.du = to_residual;
    inputs.push_back(options.kept ? context.output(0) : context.input(2));
  }
  const std::vector<Value> gradients =
      context.graph().add_all<Gradient>(options, std::move(inputs), context.path());
  for (std::size_t i = 0; i < 3; ++i) {
    if (context.wants(i)) context.set(i, gradients[i]);
  }
  if (to_residual) context.set(last, options.du ? gradients[3] : context.output_gradient(0));
}

}  // namespace voluta::batch_norm
