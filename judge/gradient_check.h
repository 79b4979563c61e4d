#pragma once

// Tier 5: the gradient graph of an op, evaluated by the f64 references, against central differences
// of its forward reference.

#include <voluta/core/graph/graph.h>
#include <voluta/judge/rules.h>

#include <map>

namespace voluta::judge {

// The values of a graph, computed node by node by the references in f64. `given` holds the inputs;
// constants come from the graph.
std::map<Value, Tensor> evaluate_f64(const Graph& graph, std::map<Value, Tensor> given);

// sum_i weight_i y_i with fixed random weights: makes a scalar loss of any value.
Value probe_loss(Graph& graph, Value y);

// Whether op.gradient builds anything, for the op's own kind of problem.
bool is_differentiable(const Op& op);

// How the gradients of a problem's references agree with central differences.
struct GradientAgreement {
  std::vector<std::string> failures;  // one line for each input whose gradient is wrong
  double error = 0;                   // |gradient - difference| / |difference| over all tried
};
GradientAgreement compare_with_differences(const Problem& problem, uint64_t seed);

// The failures for a line.
std::vector<std::string> check_gradients(const std::string& line, uint64_t seed);

// The nodes that gradient() appended for a problem, with the values that they meet there, in the
// types of the problem: what engines are given to compute the same gradient.
struct GradientNode {
  Problem problem;
  Tensors inputs;
};
std::vector<GradientNode> gradient_nodes(const Problem& problem, uint64_t seed);

}  // namespace voluta::judge
