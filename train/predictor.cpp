#include <voluta/train/finite_check.h>
#include <voluta/train/predictor.h>

#include <algorithm>
#include <cmath>

namespace voluta {

Predictor::Predictor(Session& session, const Dataset& data, StepOptions step,
                     const PlanOptions& plan, const ExecutorOptions& execution)
    : session_(session),
      runner_(
          session, data, std::move(step),
          [](const StepOptions& options) { return inference_step(options); }, plan, execution) {}

void Predictor::run(const Sink& sink, const std::atomic<bool>* stop) {
  runner_.run(
      [&](const BatchRunner::Done& done) {
        const Tensor logits = done.executor.read(done.step.logits);  // [n,classes]
        check_outputs_finite(logits, done.step.graph, session_);
        const auto classes = static_cast<std::size_t>(logits.shape()[1]);
        const std::span<const float> all = logits.data<float>();
        for (int64_t i = 0; i < done.batch.count(); ++i) {
          const auto at = static_cast<std::size_t>(i);
          sink(done.first + i, done.batch.labels.data<int64_t>()[at],
               all.subspan(at * classes, classes));
        }
      },
      stop);
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
