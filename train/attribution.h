#pragma once

// What in a picture speaks for a class: gradients of one logit, before softmax.

#include <voluta/core/graph/executor.h>
#include <voluta/train/step.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace voluta {

// The last value [N,H,W,C] that the layer of this path computes, or the layers below it
// ("features.18" ends with "features.18.2"), as far as the logits depend on it. Throws invalid() where
// there is none, naming some that are.
Value layer_map(const StepGraph& step, const std::string& path);

// The last such value on the way to the logits with more than one cell. Throws invalid() where there
// is none.
Value last_feature_map(const StepGraph& step);

// A class's logit and its gradient at some value of the graph.
class ScoreGradient {
 public:
  // `step` is of batch 1; `choose` names the value (the images, a feature map). The session provides
  // the parameters and must outlive this.
  ScoreGradient(Session& session, const StepOptions& step, const PlanOptions& plan,
                const std::function<Value(const StepGraph&)>& choose);

  struct Result {
    int64_t label = 0;       // of the class
    Tensor logits;           // f32 [1,classes]
    Tensor value, gradient;  // f32, the chosen value and d(logit)/d(value)
  };
  // `picture` is f32 [1,H,W,C]. Without a label of the class with the highest logit. Throws invalid()
  // for a label that is none, kFailed for logits that are not finite.
  Result of(const Tensor& picture, std::optional<int64_t> label = {});

  const StepGraph& step() const { return step_; }
  const Graph& graph() const { return step_.graph; }
  const Plan& plan() const { return executor_->plan(); }
  const std::string& layer() const { return step_.graph.info(value_).name; }

 private:
  Session& session_;
  StepGraph step_;
  Value seed_, value_, gradient_;  // seed: input f32 [1,classes], one for the class
  std::unique_ptr<Executor> executor_;
};

// Grad-CAM: maps A[1,H,W,C] and gradient d(y)/d(A) -> f32 [H,W],
//   alpha[c] = 1/(HW) sum_{h,w} d(y)/d(A[h,w,c])     relu(sum_c alpha[c] A[h,w,c])
// Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via
// gradient-based localization", equations 1 and 2.
Tensor grad_cam(const Tensor& maps, const Tensor& gradient);

// The gradient at the images, [1,H,W,C] -> f32 [H,W]: max_c |d(y)/d(x[h,w,c])|.
// Source: Simonyan et al. 2013, "Deep inside convolutional networks", section 3.1.
Tensor saliency(const Tensor& gradient);

// f32 [H,W] at another size, bilinear between the centres of the cells, as PyTorch's
// interpolate(mode="bilinear", align_corners=False).
Tensor resized_map(const Tensor& map, int64_t height, int64_t width);

}  // namespace voluta
