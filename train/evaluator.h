#pragma once

// Loss and accuracy of a model on a dataset.

#include <voluta/train/batch_runner.h>
#include <voluta/train/metrics.h>

namespace voluta {

// A batch of a test with what the model made of it.
struct TestBatch {
  int64_t first;  // place of its first picture in the data set
  const Batch& batch;
  const Tensor& logits;  // f32 [n,classes]
  const Dataset& data;

  // Picture i of the batch as the model saw it: f32 [H,W,C] of the data's image_shape().
  std::vector<float> picture(std::size_t i) const;
};

class Evaluator {
 public:
  // `step` says model, picture, classes and batch size. The session provides the parameters; it and
  // the dataset must outlive the evaluator. By default each batch replays a CUDA graph where the device can.
  // Throws invalid() for an empty set and for one of more classes than the model has.
  Evaluator(Session& session, const Dataset& data, StepOptions step, const PlanOptions& plan,
            const ExecutorOptions& execution = {.use_graph = true});

  using OnBatch = std::function<void(const TestBatch&)>;
  // Reads every picture once, in order. A `stop` that turns true ends it early. `on_batch` is called
  // after each batch, for which the device is waited for.
  MetricSums run(const std::atomic<bool>* stop = nullptr, const OnBatch& on_batch = {});

  const StepGraph& step() const { return runner_.step(); }
  const Graph& graph() const { return runner_.graph(); }
  const Plan& plan() const { return runner_.plan(); }

 private:
  Session& session_;
  const Dataset& data_;
  BatchRunner runner_;
};

}  // namespace voluta
