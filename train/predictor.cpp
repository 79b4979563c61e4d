#include <voluta/train/finite_check.h>
#include <voluta/train/predictor.h>
#include <voluta/train/sampler.h>

#include <algorithm>
#include <cmath>

namespace voluta {

Predictor::Predictor(Session& session, const Dataset& data, StepOptions step,
                     const PlanOptions& plan, const ExecutorOptions& execution)
    : session_(session), data_(data), batch_(full_batch(data, step.batch)) {
  step.source = data.source();
  for (const int64_t batch : {batch_, data.count() % batch_}) {
    if (batch == 0) continue;
    step.batch = batch;
    StepGraph graph = inference_step(step);
    auto executor =
        std::make_unique<Executor>(Plan(graph.graph, {graph.logits}, plan), session, execution);
    runners_.push_back({std::move(graph), std::move(executor)});
  }
}

void Predictor::run(const Sink& sink, const std::atomic<bool>* stop) {
  BatchLoader loader(data_, batch_, 1,
                     [this](uint64_t) { return in_order(static_cast<uint32_t>(data_.count())); });
  for (int64_t index = 0; index < data_.count() && !(stop && stop->load());) {
    const Batch& batch = loader.next();
    Runner& runner = batch.count() == batch_ ? runners_.front() : runners_.back();
    feed_pictures(*runner.executor, runner.step, batch);
    runner.executor->run();
    const Tensor logits = runner.executor->read(runner.step.logits);  // [n,classes]
    check_outputs_finite(logits, runner.step.graph, session_);
    const auto classes = static_cast<std::size_t>(logits.shape()[1]);
    const std::span<const float> all = logits.data<float>();
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch.count()); ++i, ++index) {
      sink(index, batch.labels.data<int64_t>()[i], all.subspan(i * classes, classes));
    }
  }
}

std::vector<RankedClass> best_classes(std::span<const float> logits, int64_t count) {
  const auto before = [&](const RankedClass& a, const RankedClass& b) {
    const float x = logits[static_cast<std::size_t>(a.label)];
    const float y = logits[static_cast<std::size_t>(b.label)];
    if (std::isnan(x) != std::isnan(y)) return std::isnan(x);
    return x > y || (!(x < y) && a.label < b.label);
  };
  std::vector<RankedClass> ranked(logits.size());
  double most = -INFINITY, sum = 0;
  for (const float logit : logits) most = std::max(most, static_cast<double>(logit));
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    ranked[i] = {static_cast<int64_t>(i), std::exp(static_cast<double>(logits[i]) - most) / sum};
  }
  const auto kept = static_cast<std::ptrdiff_t>(
      std::min(static_cast<std::size_t>(std::max<int64_t>(count, 0)), ranked.size()));
  std::partial_sort(ranked.begin(), ranked.begin() + kept, ranked.end(), before);
  ranked.resize(static_cast<std::size_t>(kept));
  return ranked;
}

}  // namespace voluta
