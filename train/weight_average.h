#pragma once

// Running averages of a model's weights, which often classify better than the weights themselves.
// Source: Polyak and Juditsky 1992; the rule is that of torchvision's training reference
// (references/classification/train.py, --model-ema).
//
// Every `steps` updates of an epoch, from its first on, each floating weight and running statistic x
// moves its average a:
//   a = a + alpha (x - a),   alpha = min(1, (1 - decay) batch steps / epochs)
// where batch is the number of pictures behind an update. So the weight of an epoch depends neither
// on the batch size nor on how often averages are taken; the default suits sets of ImageNet's size,
// smaller ones want a smaller decay. The first update of a run copies (alpha = 1), and so do those
// within the epochs of warm-up and the first one after it.
//
// torchvision computes decay a + (1 - decay) x in f32, whose factors do not add up to one: with the
// default decay that shrinks or stretches averages by up to a thousandth. The form above does not.

#include <voluta/core/graph/executor.h>
#include <voluta/train/step.h>

namespace voluta {

struct WeightAverageOptions {
  bool enabled = false;
  double decay = 0.99998;
  int64_t steps = 32;  // updates between two of the averages
};

// Throws invalid() for settings out of range, naming the option.
void check_weight_average(const WeightAverageOptions& options);

// What alpha depends on besides the options.
struct AverageSchedule {
  int64_t batch = 1;  // pictures of an update
  int64_t epochs = 1, warmup_epochs = 0;
};

// alpha after update `step` (from 0) of epoch `epoch` (from 0); 0: the averages stay as they are.
double average_share(const WeightAverageOptions& options, const AverageSchedule& schedule,
                     int64_t epoch, int64_t step);

// The share that the weights after the first update behind the warm-up still have in the averages after
// `steps` updates of `steps_per_epoch`: near 1, the averages have not followed. 0 within the warm-up.
double first_weights_share(const WeightAverageOptions& options, const AverageSchedule& schedule,
                           int64_t steps_per_epoch, int64_t steps);

// Keeps averages of the parameters and floating buffers of a graph in states "ema.<name>".
class WeightAverages {
 public:
  // The session must outlive it.
  WeightAverages(Session& session, const Graph& model, const PlanOptions& plan);

  void update(double share);  // enqueues one launch for all weights

 private:
  Value share_input_;
  std::unique_ptr<Executor> executor_;
  Tensor share_{DType::f32, {}};
};

}  // namespace voluta
