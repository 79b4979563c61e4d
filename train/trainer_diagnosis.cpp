// Note [Where it began]
// The loss is looked at where metrics are reported; by then NaN may have gone through every
// parameter. Steps in between are not slowed down by looking. Instead the run is taken back to its
// last checkpoint and repeated, which gives the same bits: up to the last report at full speed, from
// there with a look at the states after each step, and the step that spoils them once more, node by
// node.

#include <voluta/core/error.h>
#include <voluta/train/finite_check.h>
#include <voluta/train/sampler.h>
#include <voluta/train/trainer.h>

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstring>

namespace voluta {
namespace {

using Clock = std::chrono::steady_clock;

// Repeating must not take as long as what it explains.
constexpr std::chrono::minutes kMostTime{10};

std::map<std::string, Tensor> states_of(Session& session) {
  std::map<std::string, Tensor> states;
  for (const std::string& name : session.state_names()) states[name] = session.read_state(name);
  return states;
}

}  // namespace

// What follows "the loss is no longer finite after step 12". Leaves the states anywhere.
std::string Trainer::find_beginning(const TrainEvents& events, const std::atomic<bool>* stop) {
  constexpr const char* kAdvice = "; a smaller ScheduleOptions::lr may help";
  const RunPosition failed = position_;
  try {
    if (!events.rewind) return kAdvice;
    position_ = events.rewind(session_);
    const bool usable =
        position_.epoch == failed.epoch && position_.total_step <= failed.total_step;
    if (!usable) return kAdvice;
    return "; " + repeat_until_not_finite(failed.total_step, stop) + kAdvice;
  } catch (const Error& error) {
    return fmt::format("; where that began could not be found: {}", error.what());
  }
}

std::string Trainer::repeat_until_not_finite(int64_t last_step, const std::atomic<bool>* stop) {
  const Clock::time_point began = Clock::now();
  schedule_.restore(position_.schedule);
  const int64_t from = position_.total_step;
  const std::string before = state_not_finite();
  if (!before.empty()) return fmt::format("{} after step {} already", before, from);

  BatchLoader loader = loader_from_here();
  while (position_.total_step < last_step) {
    if ((stop && stop->load()) || Clock::now() - began > kMostTime) {
      return fmt::format(
          "where that began is not known: steps {} to {} were not repeated in time; "
          "TrainOptions::checkpoint_steps makes them fewer",
          position_.total_step + 1, last_step);
    }
    // The loss was computed before the step's update, which may have spoilt the weights.
    const bool look = position_.total_step + 1 >= last_finite_;
    const RunPosition here = position_;
    const std::map<std::string, Tensor> states =
        look ? states_of(session_) : std::map<std::string, Tensor>{};
    run_step(loader, schedule_.at(position_.total_step));
    if (!look || state_not_finite().empty()) continue;

    for (const auto& [name, tensor] : states) session_.write_state(name, tensor);
    position_ = here;
    BatchLoader again = loader_from_here();
    not_finite_.emplace();
    run_step(again, schedule_.at(position_.total_step));
    return fmt::format("it began in step {}: {}", position_.total_step, *not_finite_);
  }
  return fmt::format(
      "repeating steps {} to {} gave finite numbers, so that a fault of the machine is likely",
      from + 1, last_step);
}

void Trainer::execute(Runner& runner) {
  if (!not_finite_) return runner.executor->run();
  const std::string found = find_not_finite(*runner.executor);
  if (not_finite_->empty()) not_finite_ = found;
}

// The first state that is not finite, in words; empty where all are.
std::string Trainer::state_not_finite() {
  for (const std::string& name : session_.state_names()) {
    if (name.starts_with(kTestSums)) continue;  // follows from the others
    if (count_not_finite(session_.read_state(name)) > 0) {
      return fmt::format("'{}' was not finite", name);
    }
  }
  return "";
}

std::string Trainer::picture_not_finite(const Batch& batch, int64_t part) const {
  if (batch.views.defined()) return "";  // pixels are bytes
  const int64_t values = batch.images.elements() / batch.count();
  const std::span<const float> all = batch.images.data<float>();
  for (int64_t i = 0; i < static_cast<int64_t>(all.size()); ++i) {
    if (std::isfinite(all[static_cast<std::size_t>(i)])) continue;
    const auto order = shuffled(static_cast<uint32_t>(train_.count()), options_.seed,
                                static_cast<uint64_t>(position_.epoch - 1));
    const int64_t place = position_.step * images_of_step() + part * batch_ + i / values;
    return fmt::format("picture {} of the training set has a pixel that is NaN or infinite",
                       order[static_cast<std::size_t>(place)]);
  }
  return "";
}

}  // namespace voluta
