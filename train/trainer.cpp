#include <voluta/core/error.h>
#include <voluta/train/picture_index.h>
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

bool is_set(const std::atomic<bool>* stop) {
  return stop && stop->load();
}

// With the classes that the model gets.
TrainOptions checked(TrainOptions options, const Dataset& train) {
  check_options(options);
  if (options.model.classes == 0) options.model.classes = train.classes();
  check_classes(train, options.model.classes);
  return options;
}

StepOptions step_options(const ModelEntry& model, const Dataset& data,
                         const TrainOptions& options) {
  return {.model = &model,
          .options = options.model,
          .data_type = options.data_type,
          .image = data.image_shape(),
          .source = data.source(),
          .classes = options.model.classes,
          .batch = options.batch_size,
          .seed = options.seed,
          .label_smoothing = options.label_smoothing,
          .optimizer = options.optimizer,
          .augmentation = options.augmentation};
}

StepOptions evaluation_options(const ModelEntry& model, const Dataset& data,
                               const TrainOptions& options) {
  StepOptions step = step_options(model, data, options);
  if (options.average.enabled) step.states = kAverages;
  return step;
}

}  // namespace

Trainer::Trainer(const ModelEntry& model, const Dataset& train, const Dataset& test,
                 const TrainOptions& options)
    : model_(model),
      train_(train),
      options_(checked(options, train)),
      batch_(full_batch(train, options.batch_size, "the training set")),
      steps_per_epoch_((train.count() + images_of_step() - 1) / images_of_step()),
      schedule_(options.schedule, options.epochs, steps_per_epoch_),
      session_(options.plan.device),
      evaluator_(session_, test, evaluation_options(model, test, options_), options.plan,
                 {.use_graph = options.use_graph}) {
  add_runner(batch_);
  if (train.count() % batch_ != 0) add_left_over(train.count() % batch_);
  if (options_.grad_accum_steps > 1) {
    update_runner_ =
        make_runner(update_step(step_options(model_, train_, options_), runners_.front().step));
  }
  if (options_.average.enabled) {
    averages_ = std::make_unique<WeightAverages>(session_, graph(), options_.plan);
    raw_evaluator_.emplace(session_, test, step_options(model, test, options_), options.plan,
                           ExecutorOptions{.use_graph = options.use_graph});
  }
}

Trainer::Runner Trainer::make_runner(StepGraph graph) {
  auto executor = std::make_unique<Executor>(Plan(graph.graph, {}, options_.plan), session_,
                                             ExecutorOptions{.use_graph = options_.use_graph});
  return {std::move(graph), std::move(executor), nullptr};
}

void Trainer::add_runner(int64_t batch) {
  StepOptions step = step_options(model_, train_, options_);
  step.batch = batch;
  runners_.push_back(
      make_runner(options_.grad_accum_steps > 1 ? accumulation_step(step) : training_step(step)));
  Runner& runner = runners_.back();
  const Shape image = train_.image_shape();
  runner.draws = std::make_unique<AugmentationDraws>(options_.augmentation, options_.seed,
                                                     Shape{batch, image[0], image[1], image[2]});
}

void Trainer::add_left_over(int64_t batch) {
  try {
    add_runner(batch);
  } catch (const Error& error) {
    if (batch > 1 || error.kind() != ErrorKind::kInvalidArgument) throw;
    invalid(
        fmt::format("{}: the last batch of an epoch has 1 picture, of which batch norm has no "
                    "variance; take another TrainOptions::batch_size than {}",
                    error.what(), batch_));
  }
}

BatchLoader Trainer::loader_from_here() const {
  return BatchLoader(
      train_, batch_, options_.epochs,
      [this](uint64_t epoch) {
        return shuffled(static_cast<uint32_t>(train_.count()), options_.seed, epoch);
      },
      {position_.epoch - 1, std::min(position_.step * images_of_step(), train_.count())});
}

void Trainer::check_start(const RunPosition& start) const {
  if (start.epoch < 1 || start.step < 0 || start.step > steps_per_epoch_) {
    invalid(fmt::format("step {} of epoch {} is not in a run of {} steps an epoch", start.step,
                        start.epoch, steps_per_epoch_));
  }
  const int64_t steps_before = (start.epoch - 1) * steps_per_epoch_ + start.step;
  const int64_t images = images_of_step();
  if (start.images_per_step > 0 && start.images_per_step != images) {
    invalid(
        fmt::format("the run stopped after {} steps of {} pictures, and they would be of {} now; "
                    "go on with the "
                    "batch size it had",
                    start.total_step, start.images_per_step, images));
  }
  if (start.total_step != steps_before) {
    invalid(fmt::format(
        "the run stopped after {} steps, and step {} of epoch {} comes after {} with the {} "
        "pictures and batches of {} given now; go on with the data and the batch size it had",
        start.total_step, start.step, start.epoch, steps_before, train_.count(), images));
  }
}

TrainResult Trainer::run(const TrainEvents& events, const std::atomic<bool>* stop,
                         const RunPosition& start) {
  check_start(start);
  position_ = start;
  position_.images_per_step = images_of_step();
  within_step_ = false;
  schedule_.restore(start.schedule);
  try {
    return run_epochs(events, stop);
  } catch (const LossNotFinite&) {
    const int64_t step = position_.total_step;
    fail(ErrorKind::kFailed, fmt::format("the loss is no longer finite after step {}{}", step,
                                         find_beginning(events, stop)));
  }
}

TrainResult Trainer::run_epochs(const TrainEvents& events, const std::atomic<bool>* stop) {
  TrainResult result{.steps = position_.total_step};
  if (is_complete(position_)) {
    EpochReport report;
    test(report, events, stop);
    return {report.test, report.raw_test, position_.total_step, is_set(stop)};
  }
  BatchLoader loader = loader_from_here();
  while (!is_complete(position_) && !is_set(stop)) {
    EpochReport report = train_epoch(loader, events, stop);
    // A test that fails costs no epoch. States that are not finite are left to its diagnosis, which needs the
    // checkpoint before them.
    if (is_set(stop) || (options_.evaluate && state_not_finite().empty())) checkpoint(events);
    if (!is_set(stop)) test(report, events, stop);
    if (!is_set(stop)) finish_epoch(report, events);
    result.test = report.test;
    result.raw_test = report.raw_test;
  }
  result.steps = position_.total_step;
  result.interrupted = !is_complete(position_);
  return result;
}

bool Trainer::has_taken_all_steps(const RunPosition& position) const {
  return options_.max_steps > 0 && position.total_step >= options_.max_steps;
}

bool Trainer::is_complete(const RunPosition& position) const {
  const bool reported = position.epoch_report == position.total_step;
  return (has_taken_all_steps(position) && reported) || position.epoch > options_.epochs;
}

void Trainer::test(EpochReport& report, const TrainEvents& events, const std::atomic<bool>* stop) {
  if (!options_.evaluate) return;
  report.test = test(evaluator_, stop, events.on_test_batch);
  if (raw_evaluator_) report.raw_test = test(*raw_evaluator_, stop, {});
}

MetricSums Trainer::test(Evaluator& evaluator, const std::atomic<bool>* stop,
                         const Evaluator::OnBatch& on_batch) {
  const MetricSums sums = evaluator.run(stop, on_batch);
  if (!std::isfinite(sums.loss) && !state_not_finite().empty()) throw LossNotFinite();
  return sums;
}

// The epoch is trained and tested, or as much of it as --max-steps leaves: what follows from that, and
// a checkpoint, of a whole one at the next one's start.
void Trainer::finish_epoch(EpochReport& report, const TrainEvents& events) {
  const bool whole = position_.step == steps_per_epoch_;
  if (options_.evaluate) {
    if (whole) schedule_.observe(report.epoch, report.test.mean_loss());
    const bool is_result = std::isfinite(report.test.loss);
    report.best = is_result && report.test.top1_fraction() > position_.best_top1;
  }
  if (report.best) {
    position_.best_top1 = report.test.top1_fraction();
    position_.best_epoch = report.epoch;
  }
  if (events.on_epoch) events.on_epoch(report);
  position_.epoch_report = position_.total_step;
  if (whole) {
    ++position_.epoch;
    position_.step = 0;
  }
  checkpoint(events);
}

void Trainer::checkpoint(const TrainEvents& events) {
  read_sums();  // a run that has failed leaves the checkpoints as they are
  position_.schedule = schedule_.state();
  if (events.on_checkpoint) events.on_checkpoint(position_);
}

// The epoch, or what is left of it. Where a picture cannot be read, the steps before it are kept.
EpochReport Trainer::train_epoch(BatchLoader& loader, const TrainEvents& events,
                                 const std::atomic<bool>* stop) {
  const MetricSums before = read_sums();
  if (position_.step == 0) position_.epoch_start = position_.reported = before;
  const Clock::time_point began = Clock::now();
  const int64_t first = position_.total_step;
  try {
    run_steps(loader, before.images, events, stop);
  } catch (const BadPicture&) {
    if (!within_step_ && position_.total_step > first) checkpoint(events);
    throw;
  }
  EpochReport report{.epoch = position_.epoch, .epochs = options_.epochs};
  const MetricSums sums = read_sums();
  report.train = sums - position_.epoch_start;
  if (const double images = (sums - before).images; images > 0) {
    report.train_seconds = seconds_since(began);
    report.images_per_second = images / *report.train_seconds;
  }
  report.total_step = position_.total_step;
  report.lr = schedule_.at(position_.total_step - 1);
  return report;
}

// `images` are those of the run that a rate does not count: what a resumed run reports at first was in
// part another process's.
void Trainer::run_steps(BatchLoader& loader, double images, const TrainEvents& events,
                        const std::atomic<bool>* stop) {
  Clock::time_point reported_at = Clock::now();
  const auto ended = [&] { return has_taken_all_steps(position_) || is_set(stop); };
  while (position_.step < steps_per_epoch_ && !ended()) {
    const double lr = schedule_.at(position_.total_step);
    run_step(loader, lr);
    if (events.on_step && report_due(seconds_since(reported_at))) {
      const MetricSums sums = read_sums();
      const double seconds = seconds_since(reported_at);
      events.on_step(step_report(sums, lr, (sums.images - images) / seconds));
      position_.reported = sums;
      images = sums.images;
      reported_at = Clock::now();
    }
    const bool due = options_.checkpoint_steps > 0 && position_.step < steps_per_epoch_ &&
                     position_.total_step % options_.checkpoint_steps == 0;
    if (due && !ended()) checkpoint(events);
  }
}

void Trainer::run_step(BatchLoader& loader, double lr) {
  lr_.data<float>()[0] = static_cast<float>(lr);
  update_.data<int64_t>()[0] = position_.total_step + 1;
  const int64_t before = position_.step * images_of_step();
  const int64_t images = std::min(images_of_step(), train_.count() - before);
  for (int64_t part = 0, seen = 0; seen < images; ++part) {
    const Batch& batch = loader.next();
    seen += batch.count();
    within_step_ = true;
    run_part(batch, part, static_cast<double>(batch.count()) / static_cast<double>(seen));
  }
  if (update_runner_) {
    feed_update(*update_runner_);
    execute(*update_runner_);
  }
  if (averages_) update_averages();
  ++position_.step;
  ++position_.total_step;
  within_step_ = false;
}

AverageSchedule Trainer::average_schedule() const {
  return {images_of_step(), options_.epochs, options_.schedule.warmup_epochs};
}

double Trainer::first_weights_share() const {
  if (!averages_) return 0;
  const int64_t all = options_.epochs * steps_per_epoch_;
  const int64_t steps = options_.max_steps > 0 ? std::min(options_.max_steps, all) : all;
  return voluta::first_weights_share(options_.average, average_schedule(), steps_per_epoch_, steps);
}

void Trainer::update_averages() {
  const double share =
      average_share(options_.average, average_schedule(), position_.epoch - 1, position_.step);
  if (share > 0) averages_->update(share);
}

// Part `part` of a step's pictures, a `share` of those up to and with it.
void Trainer::run_part(const Batch& batch, int64_t part, double share) {
  Runner& runner = batch.count() == batch_ ? runners_.front() : runners_.back();
  if (not_finite_ && not_finite_->empty()) not_finite_ = picture_not_finite(batch, part);
  feed_pictures(*runner.executor, runner.step, batch);
  runner.executor->feed(runner.step.labels, batch.labels);
  const int64_t number = position_.total_step * options_.grad_accum_steps + part;
  runner.draws->draw(number);
  runner.draws->feed(*runner.executor, runner.step.augmentation);
  if (runner.step.step) {
    step_.data<int64_t>()[0] = number;
    runner.executor->feed(runner.step.step, step_);
  }
  if (update_runner_) {
    share_.data<float>()[0] = static_cast<float>(share);
    runner.executor->feed(runner.step.share, share_);
  } else {
    feed_update(runner);
  }
  execute(runner);
}

void Trainer::feed_update(Runner& runner) {
  runner.executor->feed(runner.step.learning_rate, lr_);
  if (runner.step.update) runner.executor->feed(runner.step.update, update_);
}

MetricSums Trainer::read_sums() {
  const MetricSums sums = MetricSums::from(session_.read_state(kTrainSums));
  if (!std::isfinite(sums.loss)) throw LossNotFinite();
  last_finite_ = position_.total_step;
  return sums;
}

}  // namespace voluta
