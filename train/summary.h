#pragma once

// What a model is made of, layer by layer, and what it needs to run.

#include <voluta/core/graph/plan.h>
#include <voluta/train/step.h>

#include <string>
#include <vector>

namespace voluta {

// Nodes of one path, as the model's file names it. Figures are for one image; work and activations
// are those of evaluation.
struct LayerSummary {
  std::string name, op;  // op of the layer's first node that is no cast, if any
  TensorType output;     // [N,P,Q,K] or [N,M]
  int64_t parameters = 0;
  double macs = 0;              // multiply-adds of convolutions and matrix products
  double flops = 0;             // of all its nodes; a multiply-add counts two
  int64_t activations = 0;      // elements that convolutions, pooling and matrix products put out
  int64_t receptive_field = 0;  // pixels a side of the input that one output sees, padding included
  bool training_only = false;   // the logits do not depend on it: an auxiliary classifier
};

// Of a graph that leads from images to logits (inference_step). Nothing is run or initialised.
std::vector<LayerSummary> summarize_layers(const Graph& graph, Value images, Value logits);

// Sums over the layers. Activations count the input's own elements too, as the tables in the
// literature do.
struct ModelTotals {
  int64_t parameters = 0, activations = 0;
  double macs = 0, flops = 0;
};
ModelTotals total(const std::vector<LayerSummary>& layers, const Shape& input);

struct MemorySummary {
  std::size_t peak_bytes = 0;         // the plan's arena
  std::size_t naive_bytes = 0;        // every value with memory of its own
  std::size_t lower_bound_bytes = 0;  // most that is alive at one step
  std::size_t kept_bytes = 0;         // of the peak: what fixed steps compute once
  std::size_t persistent_bytes = 0;   // inputs, parameters, optimiser state
};

MemorySummary summarize_memory(const Plan& plan);

}  // namespace voluta
