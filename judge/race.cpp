#include <voluta/core/error.h>
#include <voluta/judge/race.h>
#include <voluta/judge/trace.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace voluta::judge {
namespace {

// Larger than the last cache: 50 to 60 MB on an H100 or H200, as many on a large CPU.
constexpr std::size_t kBeyondCacheBytes = std::size_t{256} << 20;
constexpr std::size_t kBeyondHostCacheBytes = std::size_t{64} << 20;
constexpr std::size_t kMostCopiesBytes = std::size_t{1} << 30;
constexpr std::size_t kMostCopies = 4;
constexpr std::size_t kFewestSamples = 3;

// Device memory for as long as the object lives.
class Memory {
 public:
  Memory(Stream& stream, std::size_t bytes) : stream_(&stream) {
    pointer_ = stream.runtime().allocate(stream.device().index, std::max<std::size_t>(bytes, 256));
    if (pointer_ == nullptr) {
      fail(ErrorKind::kOutOfMemory,
           "no device memory for " + std::to_string(bytes) + " bytes of a measurement");
    }
  }
  ~Memory() {
    if (pointer_ != nullptr) stream_->runtime().deallocate(stream_->device().index, pointer_);
  }
  Memory(Memory&& other) noexcept
      : stream_(other.stream_), pointer_(std::exchange(other.pointer_, nullptr)) {}
  Memory& operator=(Memory&&) = delete;
  void* get() const { return pointer_; }

 private:
  Stream* stream_;
  void* pointer_;
};

// One copy of everything a run touches. An output that must update an input lies on it.
struct Buffers {
  std::vector<Memory> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;

  Buffers(Stream& stream, const Problem& problem, const Tensors& values) {
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
      if (!alias.must) continue;
      outputs[static_cast<std::size_t>(alias.output)] =
          memory[static_cast<std::size_t>(alias.input)].get();
    }
  }
};

class Track {
 public:
  Track(const Problem& problem, const Tensors& inputs, Device device)
      : stream_(device),
        start_(device),
        stop_(device),
        flush_bytes_(device.type == DeviceType::kCpu ? kBeyondHostCacheBytes : kBeyondCacheBytes),
        flush_(stream_, flush_bytes_) {
    const auto bytes = std::max<std::size_t>(static_cast<std::size_t>(bytes_touched(problem)), 1);
    const std::size_t copies = std::clamp<std::size_t>(kMostCopiesBytes / bytes, 1, kMostCopies);
    for (std::size_t i = 0; i < copies; ++i) buffers_.emplace_back(stream_, problem, inputs);
  }

  Stream& stream() { return stream_; }

  double run(const Execution& execution, void* workspace, bool flushed) {
    const Buffers& buffers = buffers_[next_++ % buffers_.size()];
    if (flushed) stream_.fill(flush_.get(), static_cast<int>(next_ & 1), flush_bytes_);
    start_.record(stream_);
    execution.run({buffers.inputs, buffers.outputs, workspace}, stream_);
    stop_.record(stream_);
    stop_.synchronize();
    return stop_.elapsed_ms_since(start_);
  }

 private:
  Stream stream_;
  Event start_, stop_;
  std::size_t flush_bytes_;
  Memory flush_;
  std::vector<Buffers> buffers_;
  std::size_t next_ = 0;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A plan with its scratch memory.
class Car {
 public:
  Car(Execution execution, Track& track)
      : execution_(std::move(execution)), workspace_(track.stream(), execution_.workspace_bytes) {}

  double run(Track& track, bool flushed) const {
    return track.run(execution_, workspace_.get(), flushed);
  }
  std::size_t workspace_bytes() const { return execution_.workspace_bytes; }

 private:
  Execution execution_;
  Memory workspace_;
};

// The quickest plan so far.
struct Best {
  std::size_t plan = 0;
  double ms = std::numeric_limits<double>::infinity();

  bool found() const { return std::isfinite(ms); }
  void enter(std::size_t which, double time) {
    if (time < ms) plan = which, ms = time;
  }
};

// An engine on the track.
class Runner {
 public:
  Runner(const Engine& engine, const Problem& problem, Track& track) : track_(track) {
    trace_run(engine, problem);
    attempt([&] {
      const Clock::time_point begin = Clock::now();
      if (engine.alternatives == nullptr) {
        car_ = std::make_unique<Car>(engine.prepare(problem), track_);
        car_->run(track_, false);
      } else {
        choose(engine.alternatives(problem));
      }
      lap_.workspace_bytes = car_->workspace_bytes();
      lap_.plan_ms = seconds_since(begin) * 1e3;
    });
  }

  bool wants_more(const RaceOptions& options) const {
    if (!lap_.failure.empty() || lap_.ms.size() >= static_cast<std::size_t>(options.samples)) {
      return false;
    }
    return lap_.ms.size() < kFewestSamples || seconds_ < options.seconds;
  }

  void sample() {
    attempt([&] {
      const Clock::time_point begin = Clock::now();
      lap_.ms.push_back(car_->run(track_, true));
      if (loose_car_) lap_.loose_ms.push_back(loose_car_->run(track_, true));
      seconds_ += seconds_since(begin);
    });
  }

  Lap finish() {
    if (!lap_.failure.empty()) lap_.ms.clear(), lap_.loose_ms.clear();
    std::ranges::sort(lap_.ms);
    std::ranges::sort(lap_.loose_ms);
    if (!lap_.loose_ms.empty() && lap_.loose_median() >= lap_.median()) lap_.loose_ms.clear();
    return std::move(lap_);
  }

 private:
  // A plan that cannot run, for want of memory or otherwise, is passed over; where none can, the last
  // one's words are the failure.
  void choose(std::vector<Execution> plans) {
    Best strict, loose;
    std::string failure = "no plan";
    for (std::size_t i = 0; i < plans.size(); ++i) {
      try {
        try_out(plans[i], i, plans[i].deterministic ? strict : loose);
      } catch (const Error& error) {
        failure = error.what();
      }
    }
    if (!strict.found() && loose.found()) {
      failure =
          "no deterministic plan; the quickest of all took " + std::to_string(loose.ms) + " ms";
    }
    if (!strict.found()) fail(ErrorKind::kFailed, failure);
    lap_.plans = plans.size();
    if (loose.ms < strict.ms) {
      loose_car_ = std::make_unique<Car>(std::move(plans[loose.plan]), track_);
    }
    car_ = std::make_unique<Car>(std::move(plans[strict.plan]), track_);
  }

  // Three runs, or one where that is far from the best: heuristics name plans that take a hundred times
  // as long as their first.
  void try_out(const Execution& plan, std::size_t which, Best& best) {
    constexpr double kFar = 3;
    const Car car(plan, track_);
    car.run(track_, false);
    const double first = car.run(track_, true);
    const bool far = first > kFar * best.ms;
    best.enter(which, first);
    for (int run = 1; run < 3 && !far; ++run) best.enter(which, car.run(track_, true));
  }

  template <class F>
  void attempt(F&& f) {
    try {
      f();
    } catch (const Error& error) {
      lap_.failure = error.what();
    }
  }

  Track& track_;
  std::unique_ptr<Car> car_, loose_car_;
  Lap lap_;
  double seconds_ = 0;
};

}  // namespace

double Lap::spread() const {
  if (ms.size() < kFewestSamples) return 0;
  return (ms[ms.size() * 3 / 4] - ms[ms.size() / 4]) / 2 / median();
}

std::vector<Lap> race(std::span<const Engine* const> engines, const Problem& problem,
                      const Tensors& inputs, Device device, const RaceOptions& options) {
  Track track(problem, inputs, device);
  std::vector<Runner> runners;
  for (const Engine* engine : engines) runners.emplace_back(*engine, problem, track);
  for (bool running = true; running && !options.stop();) {
    running = false;
    for (Runner& runner : runners) {
      if (!runner.wants_more(options)) continue;
      runner.sample();
      running = true;
    }
  }
  std::vector<Lap> laps;
  for (Runner& runner : runners) laps.push_back(runner.finish());
  return laps;
}

double measured_copy_bandwidth(Device device) {
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  constexpr int kRuns = 12;
  Stream stream(device);
  Event start(device), stop(device);
  const Memory from(stream, kBytes), to(stream, kBytes);
  stream.fill(from.get(), 1, kBytes);
  double best_ms = 0;
  for (int i = 0; i < kRuns; ++i) {
    start.record(stream);
    stream.copy(to.get(), from.get(), kBytes, CopyKind::kDeviceToDevice);
    stop.record(stream);
    stop.synchronize();
    const double ms = stop.elapsed_ms_since(start);
    if (i == 1 || (i > 1 && ms < best_ms)) best_ms = ms;  // the first run warms up
  }
  return 2.0 * static_cast<double>(kBytes) / (best_ms * 1e-3);
}

}  // namespace voluta::judge
