#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>

#include <algorithm>
#include <cstring>

namespace voluta {
namespace {

void check_type(const ValueInfo& wanted, const Tensor& given) {
  if (given.defined() && given.type() == wanted.type) return;
  invalid(fmt::format("'{}' is {}; it was given {}", wanted.name, to_string(wanted.type),
                      given.defined() ? to_string(given.type()) : "nothing"));
}

// Waits for the copy: the tensor may be read, or freed, when this returns.
void upload(Stream& stream, void* to, const Tensor& from) {
  stream.copy(to, from.raw(), from.bytes(), CopyKind::kHostToDevice);
  stream.synchronize();
}

Tensor download(Stream& stream, const void* from, const TensorType& type) {
  Tensor tensor(type);
  stream.copy(tensor.raw(), from, tensor.bytes(), CopyKind::kDeviceToHost);
  stream.synchronize();
  return tensor;
}

// A flag that is set for the length of a scope.
class Raised {
 public:
  explicit Raised(bool& flag) : flag_(flag) { flag_ = true; }
  ~Raised() { flag_ = false; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  bool& flag_;
};

}  // namespace

Session::Session(Device device)
    : device_(device), pool_(device), pinned_(device), stream_(device) {}

void Session::adopt(const Graph& graph) {
  for (const ValueInfo& info : graph.values()) {
    if (info.kind != ValueKind::kState) continue;
    if (const auto known = states_.find(info.name); known != states_.end()) {
      if (known->second.type != info.type) {
        invalid(fmt::format("state '{}' is {} in this session; a plan wants {}", info.name,
                            to_string(known->second.type), to_string(info.type)));
      }
      continue;
    }
    Tensor initial(info.type);
    if (info.initialize) info.initialize(initial);
    State state{info.type, info.role, pool_.allocate(info.type.bytes(), stream_, info.name)};
    upload(stream_, state.block.data(), initial);
    states_.emplace(info.name, std::move(state));
  }
}

std::vector<std::string> Session::state_names() const {
  std::vector<std::string> names;
  for (const auto& [name, state] : states_) {
    if (state.role != StateRole::kData) names.push_back(name);
  }
  return names;
}

Tensor Session::read_state(const std::string& name) {
  const State& state = find(name);
  return download(stream_, state.block.data(), state.type);
}

void Session::write_state(const std::string& name, const Tensor& tensor) {
  State& state = find(name);
  check_type({.type = state.type, .name = name}, tensor);
  ++state.version;
  upload(stream_, state.block.data(), tensor);
}

const void* Session::state_address(const std::string& name) {
  return find(name).block.data();
}

const TensorType& Session::state_type(const std::string& name) const {
  return find(name).type;
}

Session::State& Session::find(const std::string& name) {
  return const_cast<State&>(std::as_const(*this).find(name));
}

const Session::State& Session::find(const std::string& name) const {
  const auto state = states_.find(name);
  if (state == states_.end()) invalid(fmt::format("the session has no state '{}'", name));
  return state->second;
}

// Host memory that one fed input passes through. Two slots in turn: the host fills one while the
// copy out of the other may still be running.
class Executor::Staging {
 public:
  Staging(Session& session, std::size_t bytes) {
    for (Slot& slot : slots_) {
      slot.block = session.pinned().allocate(bytes, session.stream(), "input staging");
      slot.copied = std::make_unique<Event>(session.device());
    }
  }

  void send(Stream& stream, void* to, std::span<const Bytes> parts) {
    Slot& slot = slots_[next_];
    next_ = 1 - next_;
    if (slot.used) slot.copied->synchronize();
    auto* end = static_cast<std::byte*>(slot.block.data());
    for (const Bytes part : parts) end = std::ranges::copy(part, end).out;
    const auto bytes = static_cast<std::size_t>(end - static_cast<std::byte*>(slot.block.data()));
    stream.copy(to, slot.block.data(), bytes, CopyKind::kHostToDevice);
    slot.copied->record(stream);
    slot.used = true;
  }

 private:
  struct Slot {
    PinnedBlock block;
    std::unique_ptr<Event> copied;
    bool used = false;
  };
  Slot slots_[2];
  std::size_t next_ = 0;
};

Executor::Executor(Plan plan, Session& session, ExecutorOptions options)
    : plan_(std::move(plan)), session_(session), options_(options) {
  if (plan_.device() != session_.device()) {
    invalid(fmt::format("a plan for {} cannot run in a session on {}", to_string(plan_.device()),
                        to_string(session_.device())));
  }
  session_.adopt(plan_.graph());
  arena_ = session_.pool().allocate(plan_.arena_bytes(), session_.stream(), "plan arena");
  bind();
}

Executor::~Executor() {
  if (captured_ != nullptr) {
    session_.stream().runtime().destroy_graph(session_.device().index, captured_);
  }
}

void Executor::bind() {
  const std::vector<ValueInfo>& values = plan_.graph().values();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ValueInfo& info = values[i];
    if (info.kind != ValueKind::kInput && info.kind != ValueKind::kConstant) continue;
    const Value value = plan_.graph().value(i);
    Block block = session_.pool().allocate(info.type.bytes(), session_.stream(), info.name);
    if (info.kind == ValueKind::kConstant) upload(session_.stream(), block.data(), info.constant);
    persistent_.emplace(value, std::move(block));
  }
  for (const Step& step : plan_.steps()) bind_step(step);
  watch_states();
}

void Executor::bind_step(const Step& step) {
  const Node& node = plan_.graph().nodes()[static_cast<std::size_t>(step.node)];
  BoundStep bound{.execution = &step.execution};
  for (Value input : node.inputs) {
    bound.inputs.push_back(address(input));
    if (plan_.graph().info(input).kind == ValueKind::kInput) unfed_.insert(input);
  }
  for (Value output : node.outputs) bound.outputs.push_back(address(output));
  bound.workspace = static_cast<std::byte*>(arena_.data()) + step.workspace_offset;
  bound_.push_back(std::move(bound));
}

void Executor::watch_states() {
  const Graph& graph = plan_.graph();
  for (const Step& step : plan_.steps()) {
    const Node& node = graph.nodes()[static_cast<std::size_t>(step.node)];
    for (int i : updated_inputs(node)) {
      const Value owner = plan_.placement(node.inputs[static_cast<std::size_t>(i)]).owner;
      if (!owner || graph.info(owner).kind != ValueKind::kState) continue;
      updated_versions_.push_back(&session_.find(graph.info(owner).name).version);
    }
    if (!step.fixed) continue;
    for (Value input : node.inputs) {
      if (graph.info(input).kind != ValueKind::kState) continue;
      fixed_sources_.push_back({&session_.find(graph.info(input).name).version});
    }
  }
}

void* Executor::address(Value value) {
  const Placement& placement = plan_.placement(value);
  switch (placement.kind) {
    case Placement::Kind::kArena:
      return static_cast<std::byte*>(arena_.data()) + placement.offset;
    case Placement::Kind::kPersistent: {
      const ValueInfo& owner = plan_.graph().info(placement.owner);
      return owner.kind == ValueKind::kState ? session_.find(owner.name).block.data()
                                             : persistent_.at(placement.owner).data();
    }
    case Placement::Kind::kNone:
      break;
  }
  invalid(fmt::format("value '{}' is not computed by this plan", plan_.graph().info(value).name));
}

void Executor::feed(Value input, const Tensor& tensor) {
  check_type(plan_.graph().info(input), tensor);
  const Bytes whole(static_cast<const std::byte*>(tensor.raw()), tensor.bytes());
  feed_parts(input, {&whole, 1});
}

void Executor::feed_parts(Value input, std::span<const Bytes> parts) {
  const ValueInfo& info = plan_.graph().info(input);
  if (info.kind != ValueKind::kInput) {
    invalid(fmt::format("'{}' is no input of the graph and cannot be fed", info.name));
  }
  std::size_t bytes = 0;
  for (const Bytes part : parts) bytes += part.size();
  if (bytes > info.type.bytes()) {
    invalid(fmt::format("'{}' has {} bytes and was fed {}", info.name, info.type.bytes(), bytes));
  }
  unfed_.erase(input);
  Stream& stream = session_.stream();
  if (session_.device().type == DeviceType::kCpu) {  // copies run at once: nothing to stage
    auto* to = static_cast<std::byte*>(address(input));
    for (const Bytes part : parts) {
      stream.copy(to, part.data(), part.size(), CopyKind::kHostToDevice);
      to += part.size();
    }
    return;
  }
  auto [staging, is_new] = staging_.try_emplace(input);
  if (is_new) staging->second = std::make_unique<Staging>(session_, info.type.bytes());
  staging->second->send(stream, address(input), parts);
}

void Executor::check_fed() const {
  if (unfed_.empty()) return;
  invalid(fmt::format("input '{}' was not fed before the run",
                      plan_.graph().info(*unfed_.begin()).name));
}

void Executor::run() {
  Stream& stream = session_.stream();
  Runtime& runtime = stream.runtime();
  check_fed();
  // What a first run does once, e.g. load kernels, a capture may refuse.
  const bool is_first = !has_run_;
  has_run_ = true;
  count_updates();
  run_fixed_if_due();
  if (is_first || !options_.use_graph || !runtime.supports_graphs()) return run_steps();
  const int device = session_.device().index;
  if (captured_ == nullptr) {
    captured_ = capture();
  }
  runtime.run_graph(device, captured_, stream.handle());
}

GraphHandle Executor::capture() {
  Stream& stream = session_.stream();
  Runtime& runtime = stream.runtime();
  const int device = session_.device().index;
  runtime.begin_capture(device, stream.handle());
  try {
    run_steps();
  } catch (...) {  // the stream must leave capture mode before the error travels on
    try {
      runtime.destroy_graph(device, runtime.end_capture(device, stream.handle()));
    } catch (const Error&) {
    }
    throw;
  }
  return runtime.end_capture(device, stream.handle());
}

void Executor::count_updates() {
  for (uint64_t* version : updated_versions_) ++*version;
}

void Executor::run_fixed_if_due() {
  const auto is_as_seen = [](const Source& source) { return *source.version == source.seen; };
  if (fixed_done_ && std::ranges::all_of(fixed_sources_, is_as_seen)) return;
  for (std::size_t i = 0; i < plan_.fixed_steps(); ++i) run_step(bound_[i]);
  note_fixed_done();
}

void Executor::note_fixed_done() {
  for (Source& source : fixed_sources_) source.seen = *source.version;
  fixed_done_ = true;
}

void Executor::run_step(const BoundStep& step) {
  step.execution->run({step.inputs, step.outputs, step.workspace}, session_.stream());
}

void Executor::run_steps() {
  for (std::size_t i = plan_.fixed_steps(); i < bound_.size(); ++i) run_step(bound_[i]);
}

void Executor::run_observed(const Observer& after) {
  Stream& stream = session_.stream();
  Event began(session_.device()), ended(session_.device());
  check_fed();
  has_run_ = true;
  const Raised observed(observed_);
  count_updates();
  fixed_done_ = false;
  for (std::size_t i = 0; i < bound_.size(); ++i) {
    began.record(stream);
    run_step(bound_[i]);
    if (i + 1 == plan_.fixed_steps()) note_fixed_done();
    ended.record(stream);
    ended.synchronize();
    after(i, ended.elapsed_ms_since(began));
  }
}

void Executor::check_readable(Value value) const {
  const ValueInfo& info = plan_.graph().info(value);
  if (info.kind != ValueKind::kComputed || observed_) return;
  if (!plan_.keeps(value)) {
    invalid(fmt::format("value '{}' is not wanted of this plan and cannot be read", info.name));
  }
  if (!has_run_) invalid(fmt::format("value '{}' was read before the first run", info.name));
}

Tensor Executor::read(Value value) {
  check_readable(value);
  return download(session_.stream(), address(value), plan_.graph().type(value));
}

}  // namespace voluta
