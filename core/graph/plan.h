#pragma once

// A graph made ready for one device: an engine a node, an offset in one arena a value, and the
// peak known before anything runs.
//
// Note [Lifetimes]
// A computed value lives from the step that writes it to the last step that reads it; a workspace
// lives for its step. An output may take over the memory of an input that dies at that step
// (Alias), and must where the op updates a state in place. Values the caller wants to read after
// the run live to the end. States, inputs and constants have memory of their own outside the arena.
//
// Note [Fixed steps]
// A step is fixed where all that it reads is the same in every run: constants, states that no step of
// the plan updates, and outputs of fixed steps. In evaluation those are the casts of weights to 16 bits
// and the factors of batch norms. (An op computes its outputs from inputs and options alone, one that
// draws random numbers from an input that says which.) Fixed steps come first in the plan, and the
// executor leaves them out as long as the states that they read are what they were. What others read of
// them, and what is wanted, is kept: it lives in the arena to the end of the plan, so that no step that
// runs every time writes there. Memory of what only fixed steps read is free behind them. All of them
// run or none, so that a fixed step may take memory that a later one fills again.

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
  bool fixed = false;                // Note [Fixed steps]
};

struct PlanOptions {
  Device device;
  EnginePolicy engines;
  PassOptions passes;
  bool reuse_memory = true;  // off: every value its own bytes, all can be read; for debugging
  bool keep_fixed = true;    // off: every step runs every time, and less memory is held
};

class Plan {
 public:
  // Copies the graph, runs the passes and plans it. `wanted` are the values to be read after a run.
  // Throws invalid() where one is not of the graph, or where no engine takes a node.
  Plan(Graph graph, std::vector<Value> wanted, const PlanOptions& options);

  const Graph& graph() const { return graph_; }
  Device device() const { return device_; }
  const std::vector<Step>& steps() const { return steps_; }  // the fixed ones first
  std::size_t fixed_steps() const { return fixed_steps_; }   // how many they are
  const Placement& placement(Value value) const { return placements_[value.index()]; }
  const std::vector<Value>& wanted() const { return wanted_; }
  // To the end of a run: the wanted ones, or all without reuse_memory.
  bool keeps(Value value) const;

  std::size_t arena_bytes() const { return arena_bytes_; }              // what the plan allocates
  std::size_t naive_bytes() const { return naive_bytes_; }              // every value its own bytes
  std::size_t lower_bound_bytes() const { return lower_bound_bytes_; }  // most alive at one step
  std::size_t kept_bytes() const { return kept_bytes_; }  // of the arena: outputs of fixed steps
  std::size_t persistent_bytes() const { return persistent_bytes_; }  // inputs, states, constants

 private:
  Graph graph_;
  std::vector<Value> wanted_;
  Device device_;
  bool reuse_memory_;
  std::size_t fixed_steps_ = 0;
  std::vector<Step> steps_;
  std::vector<Placement> placements_;
  std::size_t arena_bytes_ = 0, naive_bytes_ = 0, lower_bound_bytes_ = 0, kept_bytes_ = 0,
              persistent_bytes_ = 0;
};

}  // namespace voluta
