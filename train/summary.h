#pragma once

// What a model is made of, layer by layer, and what it needs to run.

#include <voluta/core/graph/plan.h>
#include <voluta/train/step.h>

#include <string>
#include <vector>

namespace voluta {

// Nodes of one path, as the model's file names it. Figures are for one image.
struct LayerSummary {
  std::string name, op;  // op of the layer's first node
  Shape output;          // [N,P,Q,K] or [N,M]
  int64_t parameters = 0;
  double macs = 0;              // multiply-adds of convolutions and matrix products
  double flops = 0;             // of all its nodes; a multiply-add counts two
  int64_t activations = 0;      // elements of the output
  int64_t receptive_field = 0;  // pixels a side of the input that one output sees
};

std::vector<LayerSummary> summarize_layers(const Graph& graph, Value images);

struct MemorySummary {
  std::size_t peak_bytes = 0;         // the plan's arena
  std::size_t naive_bytes = 0;        // every value with memory of its own
  std::size_t lower_bound_bytes = 0;  // most that is alive at one step
  std::size_t persistent_bytes = 0;   // inputs, parameters, optimiser state
};

MemorySummary summarize_memory(const Plan& plan);

}  // namespace voluta
