#pragma once

// Tier 5: the gradient graph of an op, evaluated by the f64 references, against central differences
// of its forward reference.

#include "rules.h"

#include <voluta/core/graph/graph.h>

#include <map>

namespace voluta::judge {

// The values of a graph, computed node by node by the references in f64. `given` holds the inputs;
// constants come from the graph.
std::map<Value, Tensor> evaluate_f64(const Graph& graph, std::map<Value, Tensor> given);

// sum_i weight_i y_i with fixed random weights: makes a scalar loss of any value.
Value probe_loss(Graph& graph, Value y);

// Whether op.gradient builds anything, for the op's own kind of problem.
bool is_differentiable(const Op& op);

// One line for each input whose gradient is wrong.
std::vector<std::string> check_gradients(const std::string& line, uint64_t seed);

}  // namespace voluta::judge
