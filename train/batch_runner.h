#pragma once

// A model over every picture of a data set, once and in order. Plans are made once and used for every run.

#include <voluta/core/graph/executor.h>
#include <voluta/train/batch_loader.h>
#include <voluta/train/step.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace voluta {

class BatchRunner {
 public:
  struct Done {
    int64_t first;  // place of the batch's first picture in the data set
    const Batch& batch;
    const StepGraph& step;
    Executor& executor;  // which has run the step
  };
  using OnBatch = std::function<void(const Done&)>;

  // `make` builds the step of a batch size: `options` says model, picture, classes and the size of full batches.
  // The session provides the parameters; it and the data set must outlive the runner. Throws invalid() for an
  // empty set, which it calls `set`.
  BatchRunner(Session& session, const Dataset& data, StepOptions options,
              const std::function<StepGraph(const StepOptions&)>& make, const PlanOptions& plan,
              const ExecutorOptions& execution, std::string_view set = "the set");

  // A `stop` that turns true ends it early.
  void run(const OnBatch& on_batch, const std::atomic<bool>* stop = nullptr);

  const StepGraph& step() const { return runs_.front().step; }  // of a full batch
  const Graph& graph() const { return step().graph; }
  const Plan& plan() const { return runs_.front().executor->plan(); }

 private:
  struct Run {
    StepGraph step;
    std::unique_ptr<Executor> executor;
  };

  const Dataset& data_;
  int64_t batch_;
  std::vector<Run> runs_;  // full batches, then the last one where it is smaller
};

}  // namespace voluta
