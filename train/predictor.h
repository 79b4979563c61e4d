#pragma once

// What a model says of pictures: the logits that evaluation counts, a picture at a time.

#include <voluta/train/batch_runner.h>

#include <span>

namespace voluta {

class Predictor {
 public:
  // Of picture `index`: its label, and the logits [classes], valid during the call.
  using Sink = std::function<void(int64_t index, int64_t label, std::span<const float> logits)>;

  // `step` says model, picture, classes and batch size. The session provides the parameters; it and
  // the dataset must outlive the predictor. By default each batch replays a CUDA graph where the device can.
  // Throws invalid() for an empty set.
  Predictor(Session& session, const Dataset& data, StepOptions step, const PlanOptions& plan,
            const ExecutorOptions& execution = {.use_graph = true});

  // Reads every picture once, in order. A `stop` that turns true ends it early. Throws kFailed for logits
  // that are not finite, naming the weights at fault (finite_check.h).
  void run(const Sink& sink, const std::atomic<bool>* stop = nullptr);

  const StepGraph& step() const { return runner_.step(); }
  const Graph& graph() const { return runner_.graph(); }
  const Plan& plan() const { return runner_.plan(); }

 private:
  Session& session_;
  BatchRunner runner_;
};

struct RankedClass {
  int64_t label = 0;
  double probability = 0;  // softmax of the logits; NaN where one of them is
};

// The `count` classes with the highest logits, best first. Ranks are those of
// ClassificationMetrics: of equal logits the lower label first, NaN before all numbers.
std::vector<RankedClass> best_classes(std::span<const float> logits, int64_t count);

}  // namespace voluta
