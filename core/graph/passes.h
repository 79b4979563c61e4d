#pragma once

// Rewrites of a graph between its construction and its plan. Each can be switched off, and tests
// compare results with and without it.

#include <voluta/core/graph/graph.h>

#include <functional>

namespace voluta {

struct PassOptions {
  bool remove_dead_nodes = true;
  bool join = true;
  bool fuse = true;
  bool absorb = true;
  bool defer = true;
  bool request = true;
  bool hoist_updates = true;
};

// Drops nodes whose outputs nobody needs: neither `wanted`, nor a node that updates a state.
void remove_dead_nodes(Graph& graph, std::span<const Value> wanted);

// Makes one node of those of an op that read nothing but states, where it knows how (Op::join): the weights
// of a network are cast to 16 bits by one launch, at the beginning of a training step. Only of states that
// the graph updates: gradients read most of their casts again, which live from the forward pass on anyway.
void join(Graph& graph);

// The engine that a plan would take for a problem; nullptr for none but the reference.
using EngineOf = std::function<const Engine*(const Problem&)>;

// Lets each op absorb the only reader of its output where it knows how (Op::fuse): convolution,
// bias and activation become one node, as do its input gradient, the sum with the gradient that comes by
// a shortcut, and the gradient of the activation in front. Only where `engine_of`, if there is one, names
// the same engine as before. `wanted` values are kept.
void fuse(Graph& graph, std::span<const Value> wanted, const EngineOf& engine_of = {});

// Lets each op do the work of an input's producer itself where it knows how (Op::absorb): the
// gradient of a batch normalisation reads x and computes that of the activation behind it again.
// Where others read the value too, it becomes the consumer's last output. `fused`: whether fuse() has run.
// An op then takes what it would rather leave to the producer's producer before. `wanted` values are kept.
void absorb(Graph& graph, std::span<const Value> wanted, bool fused = true);

// Lets each op ask the producers of its inputs for one more output where it has use for it
// (Op::request): batch normalisation reads moments that the convolution in front of it wrote along
// with its output. Only where the producer's engine stays the one that it would have been, and where
// what the producer needs of the consumer's inputs exists when it runs: no node moves.
void request(Graph& graph, const EngineOf& engine_of);

// Lets an op leave its first output to the nodes that read it (Op::defer, Op::accept), where all of them
// can compute it as they load what it is computed from: an activation of a network that is normalised
// and then convolved is neither written, nor kept for the filters' gradient. Only where `engine_of`
// names the same engine for each node as before; tuning, which comes later, then chooses among those that
// still support it. `wanted` values are kept.
void defer(Graph& graph, std::span<const Value> wanted, const EngineOf& engine_of);

// Moves each node that updates a state up to where its inputs exist and the old state has no reader
// left, so that a gradient's memory is free as soon as its parameter is updated.
void hoist_updates(Graph& graph);

// Indices of the node's inputs that it overwrites with an output (Alias::must).
std::vector<int> updated_inputs(const Node& node);

// join, absorb, fuse, absorb what is left, defer, request, hoist. Without `engine_of`, nothing is deferred and no
// requests are made.
void run_passes(Graph& graph, std::span<const Value> wanted, const PassOptions& options,
                const EngineOf& engine_of = {});

}  // namespace voluta
