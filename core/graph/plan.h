#pragma once

// A graph made ready for one device: an engine a node, an offset in one arena a value, and the
// peak known before anything runs.
//
// Note [Lifetimes]
// A computed value lives from the step that writes it to the last step that reads it; a workspace
// lives for its step. An output may take over the memory of an input that dies at that step
// (Alias), and must where the op updates a state in place. Values the caller wants to read after
// the run live to the end. States, inputs and constants have memory of their own outside the arena.

#include <voluta/core/graph/graph.h>
#include <voluta/core/graph/passes.h>
#include <voluta/core/graph/tuner.h>

#include <optional>

namespace voluta {

// Where a value's bytes are during a run.
struct Placement {
  enum class Kind { kNone, kArena, kPersistent } kind = Kind::kNone;
  std::size_t offset = 0;  // kArena: byte offset
  Value owner;             // kPersistent: the input, state or constant whose memory it is
};

struct Step {
  int32_t node;  // index into graph().nodes()
  const Engine* engine;
  Execution execution;
  std::string passed_over;           // engines that the limits excluded, and why; empty: none
  std::size_t workspace_offset = 0;  // in the arena
};

struct PlanOptions {
  Device device;
  EnginePolicy engines;
  PassOptions passes;
  bool reuse_memory = true;  // off: every value its own bytes, for debugging
};

class Plan {
 public:
  // Copies the graph, runs the passes and plans it. `wanted` are the values to be read after a run.
  Plan(Graph graph, std::vector<Value> wanted, const PlanOptions& options);

  const Graph& graph() const { return graph_; }
  Device device() const { return device_; }
  const std::vector<Step>& steps() const { return steps_; }
  const Placement& placement(Value value) const {
    return placements_[static_cast<std::size_t>(value.id)];
  }
  const std::vector<Value>& wanted() const { return wanted_; }

  std::size_t arena_bytes() const { return arena_bytes_; }              // what the plan allocates
  std::size_t naive_bytes() const { return naive_bytes_; }              // every value its own bytes
  std::size_t lower_bound_bytes() const { return lower_bound_bytes_; }  // most alive at one step
  std::size_t persistent_bytes() const { return persistent_bytes_; }    // inputs, states, constants

 private:
  Graph graph_;
  std::vector<Value> wanted_;
  Device device_;
  std::vector<Step> steps_;
  std::vector<Placement> placements_;
  std::size_t arena_bytes_ = 0, naive_bytes_ = 0, lower_bound_bytes_ = 0, persistent_bytes_ = 0;
};

}  // namespace voluta
