// How long each node of a training step takes.

#include <voluta/core/device/runtime.h>
#include <voluta/train/trainer.h>

#include <algorithm>
#include <chrono>

namespace voluta {
namespace {

constexpr std::size_t kRuns = 5;
constexpr std::chrono::seconds kMostTime{2};  // beyond it there are fewer runs

// On what was fed last. Without the fixed steps, which a training step does not repeat.
void add_times(Executor& executor, std::vector<StepTime>& times) {
  const Plan& plan = executor.plan();
  std::vector<std::vector<double>> ms(plan.steps().size());
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t run = 0; run <= kRuns; ++run) {
    if (run > 0 && std::chrono::steady_clock::now() - began > kMostTime) break;
    executor.run_observed([&](std::size_t step, double taken) {
      if (run == 1) ms[step].clear();  // the first warms up
      ms[step].push_back(taken);
    });
  }
  for (std::size_t i = 0; i < ms.size(); ++i) {
    const Step& step = plan.steps()[i];
    if (step.fixed) continue;
    const Node& node = plan.graph().nodes()[static_cast<std::size_t>(step.node)];
    const auto median = ms[i].begin() + static_cast<std::ptrdiff_t>(ms[i].size() / 2);
    std::ranges::nth_element(ms[i], median);
    times.push_back({node.path, node.pass, node.problem.op->name, step.engine->name, *median});
  }
}

}  // namespace

bool Trainer::has_stepped() const {
  return runners_.front().executor->has_run() &&
         (!update_runner_ || update_runner_->executor->has_run());
}

std::vector<StepTime> Trainer::time_steps() {
  std::vector<StepTime> times;
  if (session_.stream().runtime().name() == "simt" || !has_stepped()) return times;
  std::map<std::string, Tensor> states;
  for (const std::string& name : session_.state_names()) states[name] = session_.read_state(name);
  add_times(*runners_.front().executor, times);
  if (update_runner_) add_times(*update_runner_->executor, times);
  for (const auto& [name, tensor] : states) session_.write_state(name, tensor);
  return times;
}

}  // namespace voluta
