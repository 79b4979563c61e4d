#pragma once

// The training loop: plans made once, batches prepared ahead, one executor run a step. The host
// waits for the device only where a metric is reported.

#include <voluta/train/checkpoint.h>
#include <voluta/train/evaluator.h>
#include <voluta/train/schedule.h>
#include <voluta/train/weight_average.h>

#include <functional>

namespace voluta {

struct TrainOptions {
  PlanOptions plan;              // device, engines, passes
  ModelOptions model;            // classes 0: those of the training data
  DType data_type = DType::f32;  // of StepOptions
  int64_t batch_size = 64;
  // Batches behind an update: gradients are their mean over all their pictures, so that a model
  // without batch norm trains as with a batch so many times as large. An epoch's last update takes
  // what is left. A step is an update everywhere: in schedules, limits, reports and checkpoints.
  int64_t grad_accum_steps = 1;
  int64_t epochs = 6;
  int64_t max_steps = 0;  // ends the run early; 0: no limit
  OptimizerOptions optimizer;
  BatchAugmentation augmentation;
  ScheduleOptions schedule;
  // Where enabled, evaluation is of the averages, and of the weights beside them.
  WeightAverageOptions average;
  double label_smoothing = 0;
  uint64_t seed = 0;       // initial values and shuffling
  int64_t print_freq = 0;  // steps between reports; 0: twice a second
  bool use_graph = true;   // replay steps and test batches as CUDA graphs where the device can
  bool evaluate = true;    // after each epoch
  int64_t checkpoint_steps = 0;  // steps between checkpoints within an epoch; 0: none
};

// Throws invalid() for options that make no sense. The trainer checks them too; this is for callers
// who want to know before they read data.
void check_options(const TrainOptions& options);

struct TrainEvents {
  std::function<void(const StepReport&)> on_step;
  std::function<void(const EpochReport&)> on_epoch;
  // Where a checkpoint is due: after each epoch, before its test and behind it, every checkpoint_steps, where
  // the run is stopped, and behind the last step before a picture that cannot be read.
  std::function<void(const RunPosition&)> on_checkpoint;
  // Of each test, of averages where there are some.
  std::function<void(const TestBatch&)> on_test_batch;
  // Gives the session the states of an earlier place in the run, the later the better, and tells
  // which. Where the loss is no longer finite, the steps from there on are repeated to find out why.
  std::function<RunPosition(Session&)> rewind;
};

struct TrainResult {
  MetricSums test;                     // after the last epoch
  std::optional<MetricSums> raw_test;  // as EpochReport has it
  int64_t steps = 0;
  bool interrupted = false;
};

// A step of the plan, not a fixed one, with the time it took.
struct StepTime {
  std::string path, pass;
  std::string_view op, engine;
  double ms = 0;
};

class Trainer {
 public:
  // Throws invalid() for options that make no sense, for an empty set, and for pictures or classes that do
  // not fit the model. The datasets must outlive the trainer.
  Trainer(const ModelEntry& model, const Dataset& train, const Dataset& test,
          const TrainOptions& options);

  // Runs all epochs, or those that are left behind `start`, for which the session must hold what it
  // held there (restore() of checkpoint.h): the rest of the run then gives the same bits as if it had
  // never stopped. When `stop` turns true the step at hand is finished and the run ends without
  // another evaluation. A run that is_complete() is tested. Throws kFailed where the loss of training is no
  // longer finite, or that of a test and a state, naming the layer where that began (Note [Where it began]); a
  // test loss that is not finite though all states are is reported as it is. Throws invalid() where
  // check_start() does.
  TrainResult run(const TrainEvents& events, const std::atomic<bool>* stop = nullptr,
                  const RunPosition& start = {});

  // Throws invalid() for a start outside the run or of a run with other data or batches.
  void check_start(const RunPosition& start) const;

  // Whether a run that stands there has done its epochs, or its steps, and reported the last of them.
  bool is_complete(const RunPosition& position) const;

  // Each step of a training step by itself: the median of some runs, without the gaps between them,
  // which a replayed graph shortens. The states are as before when it returns. Empty under SIMT,
  // whose times say nothing, and before has_stepped().
  std::vector<StepTime> time_steps();
  // Whether this trainer has taken a step of a whole batch, on whose pictures steps are timed: one that
  // goes on at the end of an epoch has not.
  bool has_stepped() const;

  Session& session() { return session_; }
  const Plan& plan() const { return runners_.front().executor->plan(); }  // of a full batch
  const StepGraph& step() const { return runners_.front().step; }
  const Graph& graph() const { return step().graph; }
  int64_t batch_size() const { return batch_; }
  bool averages_weights() const { return averages_ != nullptr; }
  int64_t classes() const { return graph().shape(runners_.front().step.logits)[1]; }
  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  // first_weights_share() at the end of the run; 0 of one without averages.
  double first_weights_share() const;

 private:
  struct LossNotFinite {};
  struct Runner {
    StepGraph step;
    std::unique_ptr<Executor> executor;
    std::unique_ptr<AugmentationDraws> draws;  // of runs on images
  };
  Runner make_runner(StepGraph graph);
  void add_runner(int64_t batch);
  void add_left_over(int64_t batch);  // of pictures that are no full batch
  BatchLoader loader_from_here() const;
  TrainResult run_epochs(const TrainEvents& events, const std::atomic<bool>* stop);
  std::string find_beginning(const TrainEvents& events, const std::atomic<bool>* stop);
  std::string repeat_until_not_finite(int64_t last_step, const std::atomic<bool>* stop);
  std::string state_not_finite();
  std::string picture_not_finite(const Batch& batch, int64_t part) const;
  EpochReport train_epoch(BatchLoader& loader, const TrainEvents& events,
                          const std::atomic<bool>* stop);
  void run_steps(BatchLoader& loader, double images, const TrainEvents& events,
                 const std::atomic<bool>* stop);
  void test(EpochReport& report, const TrainEvents& events, const std::atomic<bool>* stop);
  MetricSums test(Evaluator& evaluator, const std::atomic<bool>* stop,
                  const Evaluator::OnBatch& on_batch);
  void finish_epoch(EpochReport& report, const TrainEvents& events);
  bool report_due(double seconds) const;
  StepReport step_report(const MetricSums& sums, double lr, double images_per_second);
  void checkpoint(const TrainEvents& events);
  bool has_taken_all_steps(const RunPosition& position) const;
  int64_t images_left() const;
  int64_t images_of_step() const { return batch_ * options_.grad_accum_steps; }
  void run_step(BatchLoader& loader, double lr);
  void execute(Runner& runner);
  AverageSchedule average_schedule() const;
  void update_averages();
  void run_part(const Batch& batch, int64_t part, double share);
  void feed_update(Runner& runner);
  MetricSums read_sums();

  const ModelEntry& model_;
  const Dataset& train_;
  TrainOptions options_;
  int64_t batch_, steps_per_epoch_;
  Schedule schedule_;
  Session session_;
  std::vector<Runner> runners_;          // full batches, then the last one where it is smaller
  std::optional<Runner> update_runner_;  // where batches are accumulated
  Evaluator evaluator_;
  std::optional<Evaluator> raw_evaluator_;  // where the other has averages
  std::unique_ptr<WeightAverages> averages_;
  RunPosition position_;
  bool within_step_ = false;  // a part of a step's batches has run
  int64_t last_finite_ = 0;   // total_step at which the loss was last known to be finite
  std::optional<std::string> not_finite_;  // has a value while a step is looked at: what was found
  Tensor lr_{DType::f32, {}}, share_{DType::f32, {}};
  Tensor step_{DType::i64, {}}, update_{DType::i64, {}};
};

}  // namespace voluta
