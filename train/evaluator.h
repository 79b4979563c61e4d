#pragma once

// Loss and accuracy of a model on a dataset. Plans are made once and used for every evaluation.

#include <voluta/core/graph/executor.h>
#include <voluta/train/batch_loader.h>
#include <voluta/train/metrics.h>
#include <voluta/train/step.h>

#include <atomic>
#include <memory>

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

  const Graph& graph() const { return runners_.front().step.graph; }
  const Plan& plan() const { return runners_.front().executor->plan(); }

 private:
  struct Runner {
    StepGraph step;
    std::unique_ptr<Executor> executor;
    int64_t batch;
  };

  Session& session_;
  const Dataset& data_;
  int64_t batch_;
  std::vector<Runner> runners_;  // full batches, then the last one where it is smaller
};

}  // namespace voluta
