#pragma once

// Losses, and the training step's shared wiring: gradients of every parameter.

#include <voluta/layers/scope.h>

namespace voluta {

// Mean over the batch of -sum_k t[n,k] log softmax(logits)[n,k]: logits [N,K], and as targets
// labels [N] i64 or probabilities [N,K] f32, which get no gradient -> scalar f32.
Value softmax_cross_entropy(Scope scope, Value logits, Value targets, double label_smoothing = 0.0);

// Mean over all elements of (prediction - target)^2, as torch.nn.MSELoss: two tensors of one shape
// -> scalar f32. Gradients flow into both.
Value squared_error(Scope scope, Value prediction, Value target);

// factor * x, of any shape: the weight of an auxiliary loss.
Value scale(Scope scope, Value x, double factor);

// The graph's trainable parameters, in the order of their declaration.
std::vector<Value> parameters(const Graph& graph);

// Appends the backward pass of `loss`; the gradients stand in the order of `wrt`.
std::vector<Value> backward(Graph& graph, Value loss, std::span<const Value> wrt);
// The same for any value with a given gradient of its type.
std::vector<Value> backward(Graph& graph, Value value, Value gradient, std::span<const Value> wrt);

}  // namespace voluta
