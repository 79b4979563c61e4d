#include <voluta/train/evaluator.h>
#include <voluta/train/sampler.h>

#include <algorithm>

namespace voluta {

Evaluator::Evaluator(Session& session, const Dataset& data, StepOptions step,
                     const PlanOptions& plan, const ExecutorOptions& execution)
    : session_(session), data_(data), batch_(full_batch(data, step.batch, "the test set")) {
  step.source = data.source();
  step.label_smoothing = 0;  // a measure of the model, not of its training
  for (const int64_t batch : {batch_, data.count() % batch_}) {
    if (batch == 0) continue;
    step.batch = batch;
    StepGraph graph = evaluation_step(step);
    check_classes(data, graph.graph.shape(graph.logits)[1]);
    auto executor =
        std::make_unique<Executor>(Plan(graph.graph, {graph.logits}, plan), session, execution);
    runners_.push_back({std::move(graph), std::move(executor), batch});
  }
}

std::vector<float> TestBatch::picture(std::size_t i) const {
  std::vector<float> values(static_cast<std::size_t>(data.image_shape().elements()));
  data.load(static_cast<uint32_t>(first) + static_cast<uint32_t>(i), 0, values.data());
  return values;
}

MetricSums Evaluator::run(const std::atomic<bool>* stop, const OnBatch& on_batch) {
  session_.write_state(kTestSums, Tensor(DType::f64, {4}));
  BatchLoader loader(data_, batch_, 1,
                     [this](uint64_t) { return in_order(static_cast<uint32_t>(data_.count())); });
  for (int64_t left = data_.count(); left > 0 && !(stop && stop->load());) {
    const Batch& batch = loader.next();
    Runner& runner = batch.count() == batch_ ? runners_.front() : runners_.back();
    feed_pictures(*runner.executor, runner.step, batch);
    runner.executor->feed(runner.step.labels, batch.labels);
    runner.executor->run();
    if (on_batch) {
      const Tensor logits = runner.executor->read(runner.step.logits);
      on_batch({data_.count() - left, batch, logits, data_});
    }
    left -= batch.count();
  }
  return MetricSums::from(session_.read_state(kTestSums));
}

}  // namespace voluta
