#pragma once

// The update half of a training step: which optimiser, with which settings, for which parameters.

#include <voluta/core/graph/graph.h>

#include <optional>
#include <string_view>
#include <vector>

namespace voluta {

enum class OptimizerKind : uint8_t { kSgd, kRmsprop, kRmspropTensorflow, kAdam, kAdamW, kLars };

// "sgd", "rmsprop", "rmsprop_tf", "adam", "adamw", "lars".
std::string_view name_of(OptimizerKind kind);
OptimizerKind parse_optimizer(std::string_view name);  // throws invalid() and lists the names

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kSgd;
  double momentum = 0.9;  // of sgd, rmsprop and lars
  bool nesterov = false;  // of sgd and lars
  double weight_decay = 0;
  // Of batch norm's weights and biases, and of all biases, batch norm's too; as the rest where empty. As in
  // torchvision's set_weight_decay the second goes first.
  std::optional<double> norm_weight_decay, bias_weight_decay;
  double beta1 = 0.9, beta2 = 0.999;  // of adam and adamw
  double alpha = 0.9;                 // of rmsprop
  std::optional<double> epsilon;      // empty: PyTorch's, 1e-8
  double trust = 0.001;               // of lars
  double clip_grad_norm = 0;          // largest norm of all gradients; 0: as it comes
};

// Throws invalid() for settings out of range, naming the option.
void check_optimizer(const OptimizerOptions& options);

// What the updates add to a step besides their nodes.
struct OptimizerInputs {
  Value learning_rate;  // input "lr", f32 scalar
  // Input "update", i64 scalar: the number of this update, from 1. Of adam without a loss scale, with which the
  // device counts the updates that it takes.
  Value update;
};

// Appends the update of every parameter by its gradient, a few nodes for all of them. `model` is the
// graph whose layers own the parameters, by their names: `graph` itself, or another. With
// `loss_scale`, f32 scalar state, gradients are of the loss times it: the updates undo that, leave
// out a step whose gradients are not finite, and adapt the scale (kernels/gradient_norm).
OptimizerInputs add_updates(Graph& graph, const Graph& model, const std::vector<Value>& parameters,
                            const std::vector<Value>& gradients, const OptimizerOptions& options,
                            Value loss_scale = {});

// Appends nodes that keep the mean of the gradients of several batches in states, one a parameter:
// each gradient enters with the `share`, f32 scalar, that its batch has in the mean so far, the
// first with 1.
void add_accumulation(Graph& graph, const std::vector<Value>& parameters,
                      const std::vector<Value>& gradients, Value share);

// The state in which add_accumulation() keeps the mean gradient of a parameter.
Value accumulated_gradient(Graph& graph, Value parameter);

// What the names of these states begin with.
inline constexpr const char* kAccumulated = "gradient.";

}  // namespace voluta
