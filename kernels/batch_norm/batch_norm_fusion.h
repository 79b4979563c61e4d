#pragma once

// How the ops of the room take in their neighbours, forward and backward, and what gradients they
// append. Internal to the room.

#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/batch_norm/batch_norm.h>

namespace voluta::batch_norm {

// Op::fuse of training and inference: absorbs an Add, whose other summand becomes the residual, and
// behind it an Activation. The residual goes in front of moments, which come last: those are to be
// connected later.
template <class Options>
bool fuse_behind(const Problem& producer, const Problem& consumer, int input, Fusion& fusion) {
  Options options = producer.options_as<Options>();
  if (options.activation != ActivationKind::kNone) return false;
  if constexpr (requires { options.moments; }) {
    if (options.moments && consumer.op == &op<Add>()) return false;
  }
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
// has to know of the activation; the residual, if there is one, is input `residual`.
template <class Gradient, class Options>
void append_gradient(GradientContext& context, const Options& forward, std::size_t residual,
                     typename Gradient::Options options, Value mean, Value spread) {
  const bool to_residual = forward.residual && context.wants(residual);
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
  if (to_residual) context.set(residual, options.du ? gradients[3] : context.output_gradient(0));
}

// The node whose first output activation_gradient's `kept` comes from, through an activation of the
// same kind or at once; nullptr where something else stands between.
inline const Node* normalisation_before(const Graph& graph, Value kept,
                                        const ActivationOptions& activation) {
  const Node* node = graph.producer(kept);
  if (node != nullptr && !gradient_reads_input(activation)) {
    if (node->problem.op != &op<Activation>()) return nullptr;
    if (node->problem.options_as<ActivationOptions>().kind != activation.kind) return nullptr;
    kept = node->inputs[0];
    node = graph.producer(kept);
  }
  return node != nullptr && node->outputs[0] == kept ? node : nullptr;
}

// The b of the forward node whose gradient is `gradient`, where its y is f's argument; names
// nothing where `node` is not that node.
template <class Forward>
Value bias_of(const Node* node, const Node& gradient) {
  if (node == nullptr || node->problem.op != &op<Forward>()) return {};
  const auto& options = node->problem.template options_as<typename Forward::Options>();
  if (options.residual || options.activation != ActivationKind::kNone) return {};
  constexpr bool kTraining = std::is_same_v<Forward, BatchNormTraining>;
  const Value mean = kTraining ? node->outputs[1] : node->inputs[3];
  const Value spread = kTraining ? node->outputs[2] : node->inputs[4];
  const bool same = gradient.inputs[0] == node->inputs[0] &&
                    gradient.inputs[2] == node->inputs[1] && gradient.inputs[3] == mean &&
                    gradient.inputs[4] == spread;
  return same ? node->inputs[2] : Value{};
}

// Op::absorb of either gradient: the ActivationGradient that computes dy. Where it would have to read what
// is kept, whoever computes that node's dy had better gate it as it stores it, and du is then nobody's
// output but that one's.
template <class Forward, class Gradient>
bool absorb_activation(const Graph& graph, const Node& gradient, int input,
                       Absorption& absorption) {
  auto options = gradient.problem.options_as<typename Gradient::Options>();
  if (input != 1 || options.activation != ActivationKind::kNone) return false;
  if constexpr (requires { options.dy_offset; }) {
    if (options.dy_offset) return false;  // that activation's gradient is of other channels too
  }
  const Node* const producer = graph.producer(gradient.inputs[1]);
  if (producer->problem.op != &op<ActivationGradient>()) return false;
  const auto& activation = producer->problem.options_as<ActivationOptions>();
  if (!fits_epilogue(activation)) return false;
  const Value kept = producer->inputs[0];
  const Value bias = bias_of<Forward>(normalisation_before(graph, kept, activation), gradient);
  if (!bias && !absorption.fused) return false;
  options.activation = activation.kind;
  options.kept = !bias;
  options.du = absorption.shared;
  absorption.options = std::make_shared<const typename Gradient::Options>(options);
  absorption.inputs = gradient.inputs;
  absorption.inputs[1] = producer->inputs[1];
  absorption.inputs.push_back(bias ? bias : kept);
  return true;
}

}  // namespace voluta::batch_norm
