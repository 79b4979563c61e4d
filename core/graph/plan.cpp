#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/fixed.h>
#include <voluta/core/graph/plan.h>
#include <voluta/core/memory/arena_layout.h>

#include <algorithm>

namespace voluta {
namespace {

// Memory that one or several values occupy in turn, each written over the one before.
struct Buffer {
  std::size_t bytes = 0;
  int first_step = 0, last_step = 0;
};

// Gives every value a buffer in the arena or the memory of a persistent value. The first `fixed` nodes
// are the fixed ones. Note [Lifetimes], Note [Fixed steps].
class Assignment {
 public:
  Assignment(const Graph& graph, std::span<const Value> wanted, std::size_t fixed, bool reuse)
      : graph_(graph),
        fixed_(static_cast<int>(fixed)),
        reuse_(reuse),
        buffer_(graph.values().size(), -1),
        owner_(graph.values().size()),
        last_read_(graph.values().size(), -1) {
    const int steps = static_cast<int>(graph.nodes().size());
    for (int step = 0; step < steps; ++step) {
      for (Value input : nodes()[static_cast<std::size_t>(step)].inputs) {
        last_read_[input.index()] = step >= fixed_ && is_fixed(input) ? steps : step;
      }
    }
    for (Value value : wanted) last_read_[value.index()] = steps;
    for (std::size_t i = 0; i < graph.values().size(); ++i) {
      if (graph.values()[i].kind != ValueKind::kComputed) owner_[i] = graph.value(i);
    }
    for (int step = 0; step < steps; ++step) place_outputs(step);
  }

  const std::vector<Buffer>& buffers() const { return buffers_; }
  int buffer(std::size_t value) const { return buffer_[value]; }
  Value owner(std::size_t value) const { return owner_[value]; }

  // Whether the buffer holds an output of a fixed step that outlives the fixed steps.
  bool is_kept(const Buffer& buffer) const {
    return buffer.first_step < fixed_ && buffer.last_step >= fixed_;
  }

 private:
  const std::vector<Node>& nodes() const { return graph_.nodes(); }

  bool is_fixed(Value value) const {
    const int32_t producer = graph_.info(value).producer;
    return producer >= 0 && producer < fixed_;
  }

  void place_outputs(int step) {
    const Node& node = nodes()[static_cast<std::size_t>(step)];
    std::vector<bool> placed(node.outputs.size(), false);
    for (const Alias& alias : node.problem.op->aliases(node.problem)) {
      const auto output = static_cast<std::size_t>(alias.output);
      const Value from = node.inputs[static_cast<std::size_t>(alias.input)];
      if (placed[output]) continue;
      placed[output] = alias.must ? update(node, from, node.outputs[output], step)
                                  : take_over(node, from, node.outputs[output], step);
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!placed[i]) new_buffer(node.outputs[i], step);
    }
  }

  // The output replaces the value in its own memory.
  bool update(const Node& node, Value from, Value to, int step) {
    if (last_read_[from.index()] > step) {
      invalid(fmt::format("{}: '{}' overwrites '{}', which is still read afterwards", node.path,
                          node.problem.op->name, graph_.info(from).name));
    }
    owner_[to.index()] = owner_[from.index()];
    buffer_[to.index()] = buffer_[from.index()];
    if (buffer_[to.index()] >= 0) extend(buffer_[to.index()], to);
    return true;
  }

  bool take_over(const Node& node, Value from, Value to, int step) {
    const int buffer = buffer_[from.index()];
    if (!reuse_ || buffer < 0) return false;
    if (buffers_[static_cast<std::size_t>(buffer)].last_step > step) return false;
    if (graph_.type(from).bytes() != graph_.type(to).bytes()) return false;
    if (std::ranges::count(node.inputs, from) != 1) return false;
    const bool taken = std::ranges::any_of(
        node.outputs, [&](Value v) { return v != to && buffer_[v.index()] == buffer; });
    if (taken) return false;
    buffer_[to.index()] = buffer;
    extend(buffer, to);
    return true;
  }

  void new_buffer(Value value, int step) {
    buffer_[value.index()] = static_cast<int>(buffers_.size());
    buffers_.push_back({graph_.type(value).bytes(), step, step});
    extend(buffer_[value.index()], value);
  }

  void extend(int buffer, Value value) {
    int& last = buffers_[static_cast<std::size_t>(buffer)].last_step;
    last = std::max(last, last_read_[value.index()]);
  }

  const Graph& graph_;
  int fixed_;
  bool reuse_;
  std::vector<int> buffer_;     // by value; -1: not in the arena
  std::vector<Value> owner_;    // by value; persistent values and what overwrites them
  std::vector<int> last_read_;  // by value; -1: never
  std::vector<Buffer> buffers_;
};

std::vector<Step> choose_engines(const Graph& graph, const PlanOptions& options) {
  Tuner tuner(options.engines, options.device);
  std::vector<Step> steps;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    try {
      Choice choice = tuner.choose(node.problem);
      steps.push_back({static_cast<int32_t>(i), choice.engine, std::move(choice.execution),
                       std::move(choice.passed_over)});
    } catch (const Error& error) {
      fail(error.kind(), fmt::format("{}: {}", node.path, error.what()));
    }
  }
  return steps;
}

// The engine that passes may count on; nullptr where there is none but the reference.
const Engine* first_candidate(const Problem& problem, const PlanOptions& options) {
  try {
    const auto engines = candidates(problem, options.device, options.engines);
    const auto found = std::ranges::find_if(engines, [&](const Engine* engine) {
      return keeps_to_limits(*engine, problem, options.engines);
    });
    if (found == engines.end()) return nullptr;
    const Engine* engine = *found;
    return engine->role == EngineRole::kReference ? nullptr : engine;
  } catch (const Error&) {
    return nullptr;
  }
}

std::size_t aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

ArenaLayout layout_in_sequence(std::span<const Lifetime> lifetimes) {
  ArenaLayout layout;
  for (const Lifetime& lifetime : lifetimes) {
    layout.offsets.push_back(layout.bytes);
    layout.bytes += aligned(lifetime.bytes);
  }
  layout.naive_bytes = layout.lower_bound_bytes = layout.bytes;
  return layout;
}

// What a plan without sharing would allocate: every computed value and workspace its own bytes.
std::size_t sum_of_computed_bytes(const Graph& graph, const std::vector<Step>& steps) {
  std::size_t sum = 0;
  for (const Node& node : graph.nodes()) {
    std::vector<bool> updates(node.outputs.size(), false);
    for (const Alias& alias : node.problem.op->aliases(node.problem)) {
      if (alias.must) updates[static_cast<std::size_t>(alias.output)] = true;
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!updates[i]) sum += aligned(node.problem.outputs[i].bytes());
    }
  }
  for (const Step& step : steps) sum += aligned(step.execution.workspace_bytes);
  return sum;
}

}  // namespace

Plan::Plan(Graph graph, std::vector<Value> wanted, const PlanOptions& options)
    : graph_(std::move(graph)),
      wanted_(std::move(wanted)),
      device_(options.device),
      reuse_memory_(options.reuse_memory) {
  for (Value value : wanted_) graph_.info(value);  // throws where it is none of the graph's
  run_passes(graph_, wanted_, options.passes,
             [&](const Problem& problem) { return first_candidate(problem, options); });
  if (options.keep_fixed) fixed_steps_ = move_fixed_to_front(graph_);
  steps_ = choose_engines(graph_, options);
  for (std::size_t i = 0; i < fixed_steps_; ++i) steps_[i].fixed = true;
  const Assignment assignment(graph_, wanted_, fixed_steps_, options.reuse_memory);

  // Buffers first, then the workspaces of the steps that need one.
  std::vector<Lifetime> lifetimes;
  for (const Buffer& buffer : assignment.buffers()) {
    lifetimes.push_back({buffer.bytes, buffer.first_step, buffer.last_step});
    if (assignment.is_kept(buffer)) kept_bytes_ += aligned(buffer.bytes);
  }
  const std::size_t first_workspace = lifetimes.size();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].execution.workspace_bytes == 0) continue;
    const int step = static_cast<int>(i);
    lifetimes.push_back({steps_[i].execution.workspace_bytes, step, step});
  }
  const ArenaLayout layout =
      options.reuse_memory ? plan_arena(lifetimes) : layout_in_sequence(lifetimes);

  std::size_t next = first_workspace;
  for (Step& step : steps_) {
    if (step.execution.workspace_bytes > 0) step.workspace_offset = layout.offsets[next++];
  }
  for (std::size_t i = 0; i < graph_.values().size(); ++i) {
    Placement placement;
    if (assignment.owner(i)) {
      placement = {.kind = Placement::Kind::kPersistent, .owner = assignment.owner(i)};
    } else if (assignment.buffer(i) >= 0) {
      placement = {.kind = Placement::Kind::kArena,
                   .offset = layout.offsets[static_cast<std::size_t>(assignment.buffer(i))]};
    }
    placements_.push_back(placement);
  }
  arena_bytes_ = layout.bytes;
  lower_bound_bytes_ = layout.lower_bound_bytes;
  naive_bytes_ = sum_of_computed_bytes(graph_, steps_);
  for (const ValueInfo& value : graph_.values()) {
    if (value.kind != ValueKind::kComputed) persistent_bytes_ += value.type.bytes();
  }
}

bool Plan::keeps(Value value) const {
  return !reuse_memory_ || std::ranges::count(wanted_, value) > 0;
}

}  // namespace voluta
