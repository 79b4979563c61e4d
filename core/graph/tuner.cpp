#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/tuner.h>
#include <voluta/core/random.h>
#include <voluta/core/tensor.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace voluta {
namespace {

// Lower is preferred; -1: not a candidate under this policy.
int preference(const Engine& engine, const EnginePolicy& policy) {
  if (!policy.only.empty() && engine.name == policy.only) return 0;
  if (engine.arithmetic == Arithmetic::kTensorCoreTf32 && !policy.allow_tf32) return -1;
  switch (policy.set) {
    case EnginePolicy::Set::kReference:
      return engine.role == EngineRole::kReference ? 1 : -1;
    case EnginePolicy::Set::kVendor:
    case EnginePolicy::Set::kAll:
      if (engine.role == EngineRole::kVendor) {
        return policy.set == EnginePolicy::Set::kVendor ? 1 : 3;
      }
      [[fallthrough]];
    case EnginePolicy::Set::kDefault:
      if (engine.role == EngineRole::kVendor) return -1;
      return engine.role == EngineRole::kProduct ? 2 : 4;
  }
  return -1;
}

// An engine, by what its place among others follows from.
struct Candidate {
  int rank;    // preference()
  bool loses;  // does not pay
  const Engine* engine;
};

// A buffer of the runtime for a measurement.
class Scratch {
 public:
  Scratch(Stream& stream, std::size_t bytes) : stream_(stream) {
    bytes = std::max<std::size_t>(bytes, 256);
    pointer_ = stream.runtime().allocate(stream.device().index, bytes);
    if (pointer_ == nullptr) {
      fail(ErrorKind::kOutOfMemory,
           fmt::format("measuring an engine needs {} bytes of device memory, which are not free",
                       bytes));
    }
    stream.fill(pointer_, 0, bytes);
  }
  ~Scratch() { stream_.runtime().deallocate(stream_.device().index, pointer_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* get() const { return pointer_; }

 private:
  Stream& stream_;
  void* pointer_;
};

// Numbers in [-1, 1): a chip that multiplies zeros draws less power and clocks higher than it will. The
// same few thousand again and again, which no engine can tell. Whole numbers, e.g. labels, stay 0.
void fill_with_numbers(Stream& stream, void* to, const TensorType& type) {
  if (!is_floating(type.dtype)) return;
  Tensor pattern(type.dtype, {std::min<int64_t>(type.shape.elements(), 8191)});
  dispatch_floating(type.dtype, [&]<class T>() {
    Random random(1);
    for (T& value : pattern.data<T>()) value = from_double<T>(random.next_uniform(-1, 1));
  });
  auto* const bytes = static_cast<std::byte*>(to);
  std::size_t filled = pattern.bytes();
  stream.copy(bytes, pattern.raw(), filled, CopyKind::kHostToDevice);
  while (filled < type.bytes()) {
    const std::size_t more = std::min(filled, type.bytes() - filled);
    stream.copy(bytes + filled, bytes, more, CopyKind::kDeviceToDevice);
    filled += more;
  }
  stream.synchronize();
}

std::vector<std::unique_ptr<Scratch>> scratch_for(Stream& stream,
                                                  const std::vector<TensorType>& types) {
  std::vector<std::unique_ptr<Scratch>> buffers;
  for (const TensorType& type : types) {
    buffers.push_back(std::make_unique<Scratch>(stream, type.bytes()));
    fill_with_numbers(stream, buffers.back()->get(), type);
  }
  return buffers;
}

}  // namespace

EnginePolicy parse_engine_policy(std::string_view text) {
  if (text == "default") return {};
  if (text == "reference") return {.set = EnginePolicy::Set::kReference};
  if (text == "vendor") return {.set = EnginePolicy::Set::kVendor};
  if (text == "all") return {.set = EnginePolicy::Set::kAll};
  return {.only = std::string(text)};
}

std::vector<const Engine*> candidates(const Problem& problem, Device device,
                                      const EnginePolicy& policy) {
  std::vector<const Engine*> found;
  std::string reasons;
  for (const Engine& engine : problem.op->engines()) {
    if (engine.device != device.type || preference(engine, policy) < 0) continue;
    const Support support = support_on(engine, problem, device);
    if (support.ok) {
      found.push_back(&engine);
    } else {
      reasons += fmt::format("; {}: {}", engine.name, support.reason);
    }
  }
  if (found.empty()) {
    invalid(fmt::format("no engine for {} on {}{}", describe(problem),
                        device.type == DeviceType::kCpu ? "the CPU" : runtime(device.type).name(),
                        reasons.empty() ? "; the op has none there" : reasons));
  }
  std::vector<Candidate> order;
  for (const Engine* engine : found) {
    order.push_back(
        {preference(*engine, policy), engine->pays != nullptr && !engine->pays(problem), engine});
  }
  std::ranges::stable_sort(order, {},
                           [](const Candidate& c) { return std::pair(c.rank, c.loses); });
  std::ranges::transform(order, found.begin(), &Candidate::engine);
  return found;
}

Tuner::Tuner(const EnginePolicy& policy, Device device) : policy_(policy), device_(device) {
  if (!policy.tune) return;
  const DeviceProperties described = properties(device);
  device_key_ = described.name + " / " + described.driver;
  load();
}

// A cache that cannot be written is measured again.
Tuner::~Tuner() {
  try {
    save();
  } catch (const std::exception&) {
  }
}

bool keeps_to_limits(const Engine& engine, const Problem& problem, const EnginePolicy& policy) {
  return policy.workspace_limit == SIZE_MAX ||
         engine.prepare(problem).workspace_bytes <= policy.workspace_limit;
}

Choice Tuner::choose(const Problem& problem) {
  runtime(device_.type).make_current(device_.index);
  std::vector<const Engine*> engines = candidates(problem, device_, policy_);
  const bool named = !policy_.only.empty() && engines[0]->name == policy_.only;
  if (policy_.tune && !named && engines.size() > 1) put_fastest_first(problem, engines);
  Choice choice;
  for (const Engine* engine : engines) {
    choice.engine = engine;
    choice.execution = engine->prepare(problem);
    const std::size_t needed = choice.execution.workspace_bytes;
    if (needed <= policy_.workspace_limit) return choice;
    choice.passed_over += fmt::format("{}{} needs {} bytes of workspace",
                                      choice.passed_over.empty() ? "" : "; ", engine->name, needed);
  }
  invalid(fmt::format("no engine for {} keeps to the limit of {} bytes of workspace; raise it: {}",
                      describe(problem), policy_.workspace_limit, choice.passed_over));
}

// Of the engines but the reference, and of those within the limits. One alone is not measured.
void Tuner::put_fastest_first(const Problem& problem, std::vector<const Engine*>& engines) {
  const auto contenders = std::ranges::stable_partition(engines, [&](const Engine* engine) {
    return engine->role != EngineRole::kReference && keeps_to_limits(*engine, problem, policy_);
  });
  const auto end = contenders.begin();
  if (end - engines.begin() < 2) return;
  std::map<std::string, double>& known = milliseconds_[describe(problem)];
  auto time_of = [&](const Engine* engine) {
    auto [entry, is_new] = known.try_emplace(std::string(engine->name), 0.0);
    if (is_new) {
      entry->second = measure(*engine, problem, device_);
      changed_ = true;
    }
    return entry->second;
  };
  const auto best = std::ranges::min_element(engines.begin(), end, {}, time_of);
  std::rotate(engines.begin(), best, best + 1);
}

// An unreadable or foreign cache is as good as none: everything in it can be measured again.
void Tuner::load() {
  std::ifstream file(policy_.cache_path);
  if (policy_.cache_path.empty() || !file) return;
  const nlohmann::json cache = nlohmann::json::parse(file, nullptr, false);
  if (!cache.is_object() || !cache.contains(device_key_)) return;
  for (const auto& [problem, engines] : cache[device_key_].items()) {
    if (!engines.is_object()) continue;
    for (const auto& [engine, ms] : engines.items()) {
      if (ms.is_number()) milliseconds_[problem][engine] = ms.get<double>();
    }
  }
}

void Tuner::save() const {
  if (!changed_ || policy_.cache_path.empty()) return;
  nlohmann::json cache = nlohmann::json::object();
  if (std::ifstream old(policy_.cache_path); old) {
    nlohmann::json read = nlohmann::json::parse(old, nullptr, false);
    if (read.is_object()) cache = std::move(read);
  }
  cache[device_key_] = milliseconds_;
  const std::string aside = fmt::format("{}.{}.tmp", policy_.cache_path, getpid());
  std::ofstream file(aside);
  file << cache.dump(1) << "\n";
  file.close();
  std::error_code ignored;
  if (file) std::filesystem::rename(aside, policy_.cache_path, ignored);
  std::filesystem::remove(aside, ignored);
}

double measure(const Engine& engine, const Problem& problem, Device device) {
  constexpr int kWarmUp = 2, kRepeats = 7;
  Stream stream(device);
  const Execution execution = engine.prepare(problem);
  const auto inputs = scratch_for(stream, problem.inputs);
  const auto outputs = scratch_for(stream, problem.outputs);
  const Scratch workspace(stream, execution.workspace_bytes);

  std::vector<const void*> in;
  std::vector<void*> out;
  for (const auto& buffer : inputs) in.push_back(buffer->get());
  for (const auto& buffer : outputs) out.push_back(buffer->get());
  const Args args{in, out, workspace.get()};

  std::vector<float> times;
  Event start(device), stop(device);
  for (int i = 0; i < kWarmUp + kRepeats; ++i) {
    start.record(stream);
    execution.run(args, stream);
    stop.record(stream);
    stop.synchronize();
    if (i >= kWarmUp) times.push_back(stop.elapsed_ms_since(start));
  }
  std::ranges::nth_element(times, times.begin() + kRepeats / 2);
  return times[kRepeats / 2];
}

}  // namespace voluta
