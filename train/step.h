#pragma once

// The graphs of a training run: one step of training and one of evaluation, each a whole plan.

#include <voluta/models/registry.h>
#include <voluta/train/batch_augmentation.h>
#include <voluta/train/batch_loader.h>
#include <voluta/train/optimizer.h>

#include <string>
#include <vector>

namespace voluta {

struct StepOptions {
  const ModelEntry* model = nullptr;
  ModelOptions options;  // its classes are those below
  // Of the data between layers and of their gradients: f32, bf16 or f16. Parameters, statistics,
  // logits and losses are f32 always.
  DType data_type = DType::f32;
  Shape image;           // [H,W,C]
  PictureSource source;  // in which form pictures come
  int64_t classes = 0;   // 0: the published number
  int64_t batch = 1;     // N
  uint64_t seed = 0;     // of the parameters' initial values
  // Evaluation: below which name the states of the model lie: kAverages for its running averages.
  std::string states = {};
  double label_smoothing = 0;
  OptimizerOptions optimizer;      // training only
  BatchAugmentation augmentation;  // likewise, of its images and labels
};

// A graph and the values through which a run talks to it.
struct StepGraph {
  Graph graph;
  Value images;                              // input "images": those of a Batch, f32 [N,H,W,C], or
                                             // room for its boxes, u8 [B]
  Value views;                               // input "views", those of a Batch
  Value pictures;                            // f32 [N,H,W,C], what is made of them
  Value labels;                              // input "labels", i64 [N]; where there is a loss
  Value counted;                             // labels that metrics count: of mixed ones the heavier
  Value learning_rate;                       // input "lr", f32 scalar; training only
  Value update;                              // input "update", i64 scalar; where it is read
  Value step;                                // input "step", i64 scalar; where a layer reads it
  Value loss_scale;                          // state, f32 scalar; of training in f16
  Value share;                               // input "share", f32 scalar; of accumulation_step
  AugmentationInputs augmentation;           // drawn anew for each run; training only
  Value logits;                              // f32 [N,classes]
  std::vector<AuxiliaryHead> auxiliary;      // in the loss of training, with their weights
  Value loss;                                // f32 scalar
  std::vector<Value> parameters, gradients;  // gradients in the order of the parameters
};

// States that metrics accumulate in.
inline constexpr const char* kTrainSums = "metrics.train";
inline constexpr const char* kTestSums = "metrics.test";
// Data sets that the device holds.
inline constexpr const char* kTrainPictures = "pictures.train";
inline constexpr const char* kTestPictures = "pictures.test";
// The factor of the loss in f16 (kernels/gradient_norm), the steps since it changed, and the updates taken.
inline constexpr const char* kLossScale = "loss_scale";
inline constexpr const char* kLossScaleSteps = "loss_scale.steps";
inline constexpr const char* kLossScaleUpdates = "loss_scale.updates";
// Below which the running averages of a model's states lie (weight_average.h).
inline constexpr const char* kAverages = "ema";

// Whether dropout and batch statistics are on.
enum class StepMode : uint8_t { kEvaluation, kTraining };

// Nothing but the pictures, as evaluation gives them to a model.
StepGraph picture_step(const StepOptions& options);
// Images to logits. As all below it throws invalid() without a model, and for one that has more than 1e11
// parameters or whose logits are not [batch,classes].
StepGraph inference_step(const StepOptions& options, StepMode mode = StepMode::kEvaluation);
// The same, keeping what gradients of the logits read.
StepGraph differentiable_step(const StepOptions& options);
// Inference, loss, and metrics added to kTestSums.
StepGraph evaluation_step(const StepOptions& options);
// Forward, loss and the gradient of every parameter: what a numerical probe reads. A parameter that
// the loss does not depend on (an auxiliary head's in evaluation) has none: parameters lists the
// others.
StepGraph gradient_step(const StepOptions& options, StepMode mode);
// The gradients, the update of every parameter, and metrics added to kTrainSums.
StepGraph training_step(const StepOptions& options);

// The two halves of a training step whose batch comes in parts. accumulation_step() adds metrics to
// kTrainSums and keeps the mean gradients of the parts in states: it is told the share of its part's
// pictures in those seen so far, 1 for the first. update_step() moves the parameters of that graph
// by these means; it has no images.
StepGraph accumulation_step(const StepOptions& options);
StepGraph update_step(const StepOptions& options, const StepGraph& accumulation);

// Gives a batch's pictures to a step's inputs.
void feed_pictures(Executor& executor, const StepGraph& step, const Batch& batch);

// Elements of all parameters.
int64_t parameter_count(const Graph& graph);

}  // namespace voluta
