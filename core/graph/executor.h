#pragma once

// Runs plans. A Session owns what outlives a run on one device: the stream, the memory pools and
// the states by name; any number of plans (training at one batch size, evaluation at another) share
// them. An Executor binds a plan to a session and walks its steps, or replays them as one CUDA
// graph. A session and its executors are one thread's at a time; sessions do not know each other, so
// that threads with one each run side by side.

#include <voluta/core/graph/plan.h>
#include <voluta/core/memory/caching_pool.h>
#include <voluta/core/memory/pinned_pool.h>

#include <map>
#include <set>

namespace voluta {

class Session {
 public:
  explicit Session(Device device);

  Device device() const { return device_; }
  Stream& stream() { return stream_; }
  CachingPool& pool() { return pool_; }
  PinnedPool& pinned() { return pinned_; }

  // Makes the states that the graph declares and the session does not have yet, initialised as the
  // graph says. Throws invalid() where a name exists with another type.
  void adopt(const Graph& graph);

  bool has_state(const std::string& name) const { return states_.contains(name); }
  std::vector<std::string> state_names() const;  // in their order, without those of kData
  // Of one state by name; these throw invalid() where the session has none of it.
  const TensorType& state_type(const std::string& name) const;
  Tensor read_state(const std::string& name);  // waits for the stream
  void write_state(const std::string& name, const Tensor& tensor);
  // On the device, to read from. Nobody may write there: only write_state() and executors tell the
  // session that a state is another one now.
  const void* state_address(const std::string& name);

 private:
  friend class Executor;
  struct State {
    TensorType type;
    StateRole role;
    Block block;
    uint64_t version = 0;  // grows with each change: Note [When fixed steps are due]
  };
  State& find(const std::string& name);
  const State& find(const std::string& name) const;

  Device device_;
  CachingPool pool_;
  PinnedPool pinned_;
  Stream stream_;
  std::map<std::string, State> states_;
};

// Note [When fixed steps are due]
// An executor runs its plan's fixed steps (Note [Fixed steps], plan.h) before its first run, and
// before each run that finds the version of a state that they read to be another one than when they
// ran. There are two ways to change a state, and both raise its version before the device changes it:
// write_state(), which loading weights and resuming go through, and the run of an executor whose plan
// updates it, such as training steps and weight averages. All of a session's work is on one stream, so
// fixed steps that are enqueued later read what was enqueued before. Where they end in an error, they
// are still due. A captured graph holds the other steps alone.

struct ExecutorOptions {
  // Launch the steps one by one in the first run, capture them in the second, and replay them from then on
  // (devices that can).
  bool use_graph = false;
};

class Executor {
 public:
  // Throws invalid() where plan and session are on different devices, kOutOfMemory where the arena
  // does not fit. The session must outlive the executor.
  Executor(Plan plan, Session& session, ExecutorOptions options = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  const Plan& plan() const { return plan_; }

  // Copies a fed input to the device: the tensor's type must be the input's. The bytes are staged
  // in pinned memory, so the tensor may change as soon as feed() returns.
  void feed(Value input, const Tensor& tensor);

  // Copies `parts` one after another to the beginning of an input; what lies behind them is anything.
  // Throws invalid() where they are longer than the input.
  using Bytes = std::span<const std::byte>;
  void feed_parts(Value input, std::span<const Bytes> parts);
  // Enqueues all steps; fixed ones only where they are due. Throws invalid() where an input that they
  // read was never fed; what was fed once stays for all runs.
  void run();
  // A value that the plan keeps, an input or a state; waits for the stream. Throws invalid() for other
  // values, whose memory may hold something else by now, and where nothing ran yet.
  Tensor read(Value value);
  bool has_run() const { return has_run_; }

  // For looking closely: the steps one by one, each finished before `after` is called with its index
  // in plan().steps() and the milliseconds it took; within `after`, read() of its outputs gives what it
  // wrote. Fixed steps run too, whether they are due or not.
  using Observer = std::function<void(std::size_t step, double ms)>;
  void run_observed(const Observer& after);

 private:
  class Staging;
  // A step with its addresses: what a run needs, found once.
  struct BoundStep {
    const Execution* execution;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    void* workspace;
  };

  // A state that fixed steps read.
  struct Source {
    const uint64_t* version;
    uint64_t seen = 0;  // when they last ran
  };

  void bind();
  void bind_step(const Step& step);
  void watch_states();
  void* address(Value value);
  void check_fed() const;
  void check_readable(Value value) const;
  void count_updates();  // before anything that updates states
  void run_fixed_if_due();
  void note_fixed_done();
  void run_step(const BoundStep& step);
  void run_steps();       // those that are not fixed
  GraphHandle capture();  // records them instead of running them

  Plan plan_;
  Session& session_;
  ExecutorOptions options_;
  Block arena_;
  std::map<Value, Block> persistent_;  // inputs and constants
  std::set<Value> unfed_;              // inputs that steps read, until they are fed
  std::map<Value, std::unique_ptr<Staging>> staging_;
  std::vector<BoundStep> bound_;
  std::vector<Source> fixed_sources_;
  std::vector<uint64_t*> updated_versions_;  // of the states that a run changes
  bool fixed_done_ = false;                  // with the versions seen
  bool has_run_ = false;
  bool observed_ = false;  // in run_observed(): the last step's outputs are still there
  GraphHandle captured_ = nullptr;
};

}  // namespace voluta
