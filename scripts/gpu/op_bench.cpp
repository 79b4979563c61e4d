// Times every engine of the device on a list of problems and prints one JSON document:
//   voluta_op_bench [--device cuda] [--samples 15] [problems.txt]
//
// A sample is as many back-to-back runs as take a millisecond, between two events; the first sample
// is thrown away. Inputs are random (zeros run faster than real data on some chips) and rotate
// through copies that together exceed any cache, as activations of a real step would. Correctness
// is the business of kernel_tests.

#include <voluta/core/device/stream.h>
#include <voluta/core/error.h>
#include <voluta/tests/judge/rules.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

namespace voluta {
namespace {

using nlohmann::json;

constexpr std::size_t kBeyondCacheBytes = std::size_t{160} << 20;  // H200: 60 MB of L2
constexpr int kMostCopies = 32;
constexpr double kSampleMs = 1.0;

struct Options {
  std::string device = "cuda", problems;
  int samples = 15;
};

// Device memory for as long as the object lives.
class Memory {
 public:
  Memory(Stream& stream, std::size_t bytes) : stream_(stream) {
    pointer_ = stream.runtime().allocate(stream.device().index, std::max<std::size_t>(bytes, 256));
    if (pointer_ == nullptr) fail(ErrorKind::kOutOfMemory, "not enough memory for the benchmark");
  }
  ~Memory() { stream_.runtime().deallocate(stream_.device().index, pointer_); }
  Memory(Memory&& other) noexcept
      : stream_(other.stream_), pointer_(std::exchange(other.pointer_, nullptr)) {}
  void* get() const { return pointer_; }

 private:
  Stream& stream_;
  void* pointer_;
};

// One copy of everything a run touches. An output that must update an input lies on it.
struct Buffers {
  std::vector<Memory> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;

  Buffers(Stream& stream, const Problem& problem, const std::vector<Tensor>& values) {
    memory.reserve(problem.inputs.size() + problem.outputs.size());
    for (const Tensor& value : values) {
      memory.emplace_back(stream, value.bytes());
      stream.copy(memory.back().get(), value.raw(), value.bytes(), CopyKind::kHostToDevice);
      inputs.push_back(memory.back().get());
    }
    stream.synchronize();
    for (const TensorType& type : problem.outputs) {
      memory.emplace_back(stream, type.bytes());
      outputs.push_back(memory.back().get());
    }
    for (const Alias& alias : problem.op->aliases(problem)) {
      if (alias.must) {
        outputs[static_cast<std::size_t>(alias.output)] =
            memory[static_cast<std::size_t>(alias.input)].get();
      }
    }
  }
};

class Timer {
 public:
  Timer(const Engine& engine, const Problem& problem, const std::vector<Tensor>& values,
        Device device)
      : stream_(device),
        start_(device),
        stop_(device),
        execution_(engine.prepare(problem)),
        workspace_(stream_, execution_.workspace_bytes) {
    std::size_t bytes = 0;
    for (const TensorType& type : problem.inputs) bytes += type.bytes();
    for (const TensorType& type : problem.outputs) bytes += type.bytes();
    const std::size_t copies = kBeyondCacheBytes / std::max<std::size_t>(bytes, 1) + 1;
    for (std::size_t i = 0; i < std::min<std::size_t>(copies, kMostCopies); ++i) {
      buffers_.emplace_back(stream_, problem, values);
    }
  }

  std::size_t workspace_bytes() const { return execution_.workspace_bytes; }

  // Milliseconds of one run, one figure a sample, ascending.
  std::vector<double> samples(int count) {
    run(1);  // modules load and primitives settle at the first launch
    const double once = run(1);
    const int runs = static_cast<int>(std::clamp(kSampleMs / std::max(once, 1e-4), 1.0, 1000.0));
    run(runs);
    std::vector<double> times;
    for (int i = 0; i < count; ++i) times.push_back(run(runs) / runs);
    std::sort(times.begin(), times.end());
    return times;
  }

 private:
  double run(int runs) {
    start_.record(stream_);
    for (int i = 0; i < runs; ++i) {
      const Buffers& buffers = buffers_[next_++ % buffers_.size()];
      execution_.run({buffers.inputs, buffers.outputs, workspace_.get()}, stream_);
    }
    stop_.record(stream_);
    stop_.synchronize();
    return stop_.elapsed_ms_since(start_);
  }

  Stream stream_;
  Event start_, stop_;
  Execution execution_;
  Memory workspace_;
  std::vector<Buffers> buffers_;
  std::size_t next_ = 0;
};

json measure_engine(const Engine& engine, const Problem& problem, const std::vector<Tensor>& values,
                    Device device, int samples) {
  json row = {{"op", problem.op->name}, {"problem", describe(problem)}, {"engine", engine.name}};
  if (const Support support = engine.supports(problem); !support.ok) {
    row["unsupported"] = support.reason;
    return row;
  }
  try {
    Timer timer(engine, problem, values, device);
    const std::vector<double> ms = timer.samples(samples);
    const double median = ms[ms.size() / 2];
    const Cost cost = problem.op->cost(problem);
    row["ms"] = {{"median", median}, {"min", ms.front()}, {"max", ms.back()}};
    row["tflops"] = cost.flops / median * 1e-9;
    row["gbps"] = cost.bytes / median * 1e-6;
    row["workspace_bytes"] = timer.workspace_bytes();
  } catch (const Error& error) {
    row["failed"] = error.what();
  }
  return row;
}

json measure_problem(const std::string& line, Device device, int samples) {
  const Problem problem = judge::parse_problem(line);
  Random random(/*seed=*/1);
  const auto make = judge::rules_of(problem.op->name).inputs;
  const std::vector<Tensor> values =
      (make ? make : judge::default_inputs)(problem, judge::InputKind::kReals, random);
  json rows = json::array();
  for (const Engine& engine : problem.op->engines()) {
    if (engine.device != device.type || engine.role == EngineRole::kReference) continue;
    rows.push_back(measure_engine(engine, problem, values, device, samples));
    std::cerr << rows.back().dump() << '\n';
  }
  return rows;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--device" && has_value) {
      options.device = argv[++i];
    } else if (word == "--samples" && has_value) {
      options.samples = std::max(1, std::atoi(argv[++i]));
    } else if (options.problems.empty() && !word.starts_with("-")) {
      options.problems = word;
    } else {
      invalid(fmt::format("'{}': want [--device D] [--samples N] problems.txt", word));
    }
  }
  if (options.problems.empty()) invalid("no file of problems was named");
  return options;
}

int run(const Options& options) {
  const Device device = parse_device(options.device);
  std::ifstream file(options.problems);
  if (!file) fail(ErrorKind::kFailed, fmt::format("{} cannot be read", options.problems));
  json results = json::array();
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    for (json& row : measure_problem(line, device, options.samples)) results.push_back(row);
  }
  const DeviceProperties found = properties(device);
  std::cout << json{{"device", found.name}, {"driver", found.driver}, {"results", results}}.dump(1)
            << '\n';
  return 0;
}

}  // namespace
}  // namespace voluta

int main(int argc, char** argv) {
  try {
    return voluta::run(voluta::parse(argc, argv));
  } catch (const voluta::Error& error) {
    std::cerr << "voluta_op_bench: " << error.what() << '\n';
    return voluta::exit_code(error.kind());
  }
}
