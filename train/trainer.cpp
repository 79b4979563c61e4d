#include <voluta/core/error.h>
#include <voluta/train/sampler.h>
#include <voluta/train/trainer.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace voluta {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const TrainOptions& checked(const TrainOptions& options) {
  check_options(options);
  return options;
}

StepOptions step_options(const ModelEntry& model, const Dataset& data,
                         const TrainOptions& options) {
  const int64_t classes = options.model.classes > 0 ? options.model.classes : data.classes();
  if (classes < data.classes()) {
    invalid(fmt::format("the data have {} classes, the model {}", data.classes(), classes));
  }
  return {.model = &model,
          .options = options.model,
          .image = data.image_shape(),
          .classes = classes,
          .batch = options.batch_size,
          .seed = options.seed,
          .label_smoothing = options.label_smoothing,
          .optimizer = options.optimizer};
}

}  // namespace

void check_options(const TrainOptions& o) {
  if (o.batch_size < 1) invalid("--batch-size must be at least 1");
  if (o.epochs < 1) invalid("--epochs must be at least 1");
  if (o.max_steps < 0) invalid("--max-steps must not be negative");
  if (o.print_freq < 0) invalid("--print-freq must not be negative");
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1)) {
    invalid("--label-smoothing must be in [0, 1]");
  }
  check_optimizer(o.optimizer);
  Schedule(o.schedule, o.epochs, 1);
  if (o.schedule.kind == ScheduleKind::kPlateau && !o.evaluate) {
    invalid("plateau goes by the test loss: --test-limit must not be 0");
  }
}

// Where a run stands.
struct Trainer::Progress {
  int64_t epoch = 0;       // from 1
  int64_t step = 0;        // done, within the epoch
  int64_t total_step = 0;  // done, over the run
  bool ended = false;      // max_steps or a stop
  MetricSums reported;     // sums at the last report
  Clock::time_point reported_at = Clock::now();
};

Trainer::Trainer(const ModelEntry& model, const Dataset& train, const Dataset& test,
                 const TrainOptions& options)
    : model_(model),
      train_(train),
      options_(checked(options)),
      batch_(std::min(options.batch_size, train.count())),
      steps_per_epoch_((train.count() + batch_ - 1) / batch_),
      schedule_(options.schedule, options.epochs, steps_per_epoch_),
      session_(options.plan.device),
      evaluator_(session_, test, step_options(model, test, options), options.plan) {
  add_runner(batch_);
  if (train.count() % batch_ != 0) add_runner(train.count() % batch_);
}

void Trainer::add_runner(int64_t batch) {
  StepOptions step = step_options(model_, train_, options_);
  step.batch = batch;
  StepGraph graph = training_step(step);
  auto executor = std::make_unique<Executor>(Plan(graph.graph, {}, options_.plan), session_,
                                             ExecutorOptions{.use_graph = options_.use_graph});
  runners_.push_back({std::move(graph), std::move(executor)});
}

TrainResult Trainer::run(const TrainEvents& events, const std::atomic<bool>* stop) {
  BatchLoader loader(train_, batch_, options_.epochs, [this](uint64_t epoch) {
    return shuffled(static_cast<uint32_t>(train_.count()), options_.seed, epoch);
  });
  Progress progress;
  TrainResult result;
  while (progress.epoch < options_.epochs && !progress.ended) {
    ++progress.epoch;
    progress.step = 0;
    const MetricSums before = read_sums(progress.total_step);
    const Clock::time_point start = Clock::now();
    train_epoch(progress, loader, events, stop);

    EpochReport report{.epoch = progress.epoch, .epochs = options_.epochs};
    report.train = read_sums(progress.total_step) - before;
    report.train_seconds = seconds_since(start);
    report.images_per_second = report.train.images / report.train_seconds;
    report.total_step = result.steps = progress.total_step;
    report.lr = schedule_.at(progress.total_step - 1);
    result.interrupted = stop && stop->load();
    if (result.interrupted) break;
    if (options_.evaluate) result.test = report.test = evaluator_.run(stop);
    result.interrupted = stop && stop->load();
    if (result.interrupted) break;
    if (options_.evaluate) schedule_.observe(report.test.mean_loss());
    if (events.on_epoch) events.on_epoch(report);
  }
  return result;
}

void Trainer::train_epoch(Progress& progress, BatchLoader& loader, const TrainEvents& events,
                          const std::atomic<bool>* stop) {
  progress.reported = read_sums(progress.total_step);
  progress.reported_at = Clock::now();
  while (progress.step < steps_per_epoch_ && !progress.ended) {
    const double lr = schedule_.at(progress.total_step);
    run_step(loader.next(), lr, progress.total_step);
    ++progress.step;
    ++progress.total_step;
    progress.ended = progress.total_step == options_.max_steps || (stop && stop->load());

    constexpr double kReportSeconds = 0.5;
    const double seconds = seconds_since(progress.reported_at);
    const bool due = options_.print_freq > 0 ? progress.step % options_.print_freq == 0
                                             : seconds >= kReportSeconds;
    if (!due || !events.on_step) continue;
    const MetricSums sums = read_sums(progress.total_step);
    StepReport report{.epoch = progress.epoch,
                      .epochs = options_.epochs,
                      .step = progress.step,
                      .steps_per_epoch = steps_per_epoch_,
                      .total_step = progress.total_step,
                      .images_left = images_left(progress),
                      .sums = sums - progress.reported,
                      .lr = lr};
    report.images_per_second = report.sums.images / seconds_since(progress.reported_at);
    events.on_step(report);
    progress.reported = sums;
    progress.reported_at = Clock::now();
  }
}

int64_t Trainer::images_left(const Progress& progress) const {
  const int64_t run = options_.epochs * train_.count();
  const int64_t limit = options_.max_steps > 0 ? std::min(run, options_.max_steps * batch_) : run;
  const int64_t done =
      (progress.epoch - 1) * train_.count() + std::min(progress.step * batch_, train_.count());
  return std::max<int64_t>(limit - done, 0);
}

void Trainer::run_step(const Batch& batch, double lr, int64_t step) {
  Runner& runner = batch.count() == batch_ ? runners_.front() : runners_.back();
  lr_.data<float>()[0] = static_cast<float>(lr);
  step_.data<int64_t>()[0] = step;
  update_.data<int64_t>()[0] = step + 1;
  runner.executor->feed(runner.step.images, batch.images);
  runner.executor->feed(runner.step.labels, batch.labels);
  runner.executor->feed(runner.step.learning_rate, lr_);
  if (runner.step.step) runner.executor->feed(runner.step.step, step_);
  if (runner.step.update) runner.executor->feed(runner.step.update, update_);
  runner.executor->run();
}

MetricSums Trainer::read_sums(int64_t step) {
  const MetricSums sums = MetricSums::from(session_.read_state(kTrainSums));
  if (!std::isfinite(sums.loss)) {
    fail(
        ErrorKind::kFailed,
        fmt::format("the loss is no longer finite after step {}; train with a smaller --lr", step));
  }
  return sums;
}

}  // namespace voluta
