#include <voluta/core/error.h>
#include <voluta/kernels/optimizer/optimizer.h>
#include <voluta/train/weight_average.h>

#include <fmt/format.h>

#include <algorithm>

namespace voluta {

void check_weight_average(const WeightAverageOptions& o) {
  if (!(o.decay >= 0 && o.decay < 1)) {
    invalid(fmt::format("WeightAverageOptions::decay must be in [0, 1), not {}", o.decay));
  }
  if (o.steps < 1) invalid("WeightAverageOptions::steps must be at least 1");
}

double average_share(const WeightAverageOptions& options, const AverageSchedule& schedule,
                     int64_t epoch, int64_t step) {
  if (step % options.steps != 0) return 0;
  if (epoch < schedule.warmup_epochs || (epoch == schedule.warmup_epochs && step == 0)) return 1;
  const double adjust = static_cast<double>(schedule.batch) * static_cast<double>(options.steps) /
                        static_cast<double>(schedule.epochs);
  return std::min(1.0, (1.0 - options.decay) * adjust);
}

double first_weights_share(const WeightAverageOptions& options, const AverageSchedule& schedule,
                           int64_t steps_per_epoch, int64_t steps) {
  double left = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t epoch = i / steps_per_epoch, step = i % steps_per_epoch;
    const bool first = epoch == schedule.warmup_epochs && step == 0;
    left = first ? 1 : left * (1 - average_share(options, schedule, epoch, step));
  }
  return left;
}

WeightAverages::WeightAverages(Session& session, const Graph& model, const PlanOptions& plan) {
  Graph graph;
  graph.set_pass("update");
  std::vector<Value> averages, weights;
  for (const ValueInfo& info : model.values()) {
    const bool weight = info.role == StateRole::kParameter || info.role == StateRole::kBuffer;
    if (info.kind != ValueKind::kState || !weight || !is_floating(info.type.dtype)) continue;
    const std::string name = std::string(kAverages) + "." + info.name;
    averages.push_back(graph.state(name, info.type, info.role, info.initialize));
    weights.push_back(graph.state(info.name, info.type, info.role, info.initialize));
  }
  share_input_ = graph.input("share", {DType::f32, {}});
  std::vector<Value> inputs = std::move(averages);
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  inputs.push_back(share_input_);
  graph.add_all<AverageUpdate>({}, std::move(inputs), kAverages);
  executor_ = std::make_unique<Executor>(Plan(std::move(graph), {}, plan), session);
}

void WeightAverages::update(double share) {
  share_.data<float>()[0] = static_cast<float>(share);
  executor_->feed(share_input_, share_);
  executor_->run();
}

}  // namespace voluta
