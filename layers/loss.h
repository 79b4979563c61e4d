#pragma once

// Losses, and the training step's shared wiring: gradients of every parameter.

#include <voluta/layers/scope.h>

namespace voluta {

// Mean over the batch of -log softmax(logits)[label]: logits [N,K], labels [N] i64 -> scalar f32.
Value softmax_cross_entropy(Scope scope, Value logits, Value labels, double label_smoothing = 0.0);

// The graph's trainable parameters, in the order of their declaration.
std::vector<Value> parameters(const Graph& graph);

// Appends the backward pass of `loss`; the gradients stand in the order of `wrt`.
std::vector<Value> backward(Graph& graph, Value loss, std::span<const Value> wrt);

}  // namespace voluta
