#include <voluta/train/batch_runner.h>
#include <voluta/train/sampler.h>

namespace voluta {

BatchRunner::BatchRunner(Session& session, const Dataset& data, StepOptions options,
                         const std::function<StepGraph(const StepOptions&)>& make,
                         const PlanOptions& plan, const ExecutorOptions& execution,
                         std::string_view set)
    : data_(data), batch_(full_batch(data, options.batch, set)) {
  options.source = data.source();
  for (const int64_t batch : {batch_, data.count() % batch_}) {
    if (batch == 0) continue;
    options.batch = batch;
    StepGraph step = make(options);
    auto executor =
        std::make_unique<Executor>(Plan(step.graph, {step.logits}, plan), session, execution);
    runs_.push_back({std::move(step), std::move(executor)});
  }
}

void BatchRunner::run(const OnBatch& on_batch, const std::atomic<bool>* stop) {
  BatchLoader loader(data_, batch_, 1,
                     [this](uint64_t) { return in_order(static_cast<uint32_t>(data_.count())); });
  for (int64_t first = 0; first < data_.count() && !(stop && stop->load());) {
    const Batch& batch = loader.next();
    Run& run = batch.count() == batch_ ? runs_.front() : runs_.back();
    feed_pictures(*run.executor, run.step, batch);
    if (run.step.labels) run.executor->feed(run.step.labels, batch.labels);
    run.executor->run();
    on_batch({first, batch, run.step, *run.executor});
    first += batch.count();
  }
}

}  // namespace voluta
