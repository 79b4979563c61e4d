#include <voluta/train/evaluator.h>

namespace voluta {

Evaluator::Evaluator(Session& session, const Dataset& data, StepOptions step,
                     const PlanOptions& plan, const ExecutorOptions& execution)
    : session_(session),
      data_(data),
      runner_(
          session, data, std::move(step),
          [&data](StepOptions options) {
            options.label_smoothing = 0;  // a measure of the model, not of its training
            StepGraph graph = evaluation_step(options);
            check_classes(data, graph.graph.shape(graph.logits)[1]);
            return graph;
          },
          plan, execution, "the test set") {}

std::vector<float> TestBatch::picture(std::size_t i) const {
  std::vector<float> values(static_cast<std::size_t>(data.image_shape().elements()));
  data.load(static_cast<uint32_t>(first) + static_cast<uint32_t>(i), 0, values.data());
  return values;
}

MetricSums Evaluator::run(const std::atomic<bool>* stop, const OnBatch& on_batch) {
  session_.write_state(kTestSums, Tensor(DType::f64, {4}));
  runner_.run(
      [&](const BatchRunner::Done& done) {
        if (!on_batch) return;
        on_batch({done.first, done.batch, done.executor.read(done.step.logits), data_});
      },
      stop);
  return MetricSums::from(session_.read_state(kTestSums));
}

}  // namespace voluta
