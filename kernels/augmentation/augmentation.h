#pragma once

// Training pictures made harder, a batch at once: boxes erased, pictures and labels mixed. What is
// random is drawn by the caller and comes as small inputs, so a captured plan draws anew each step.
//
// A box is i64 {top, left, height, width} in pixels; what of it lies outside the picture, or has no
// height or width, holds nothing. The partner of picture n is n - 1, of the first the last
// (torchvision's roll by one). Shares are f32, f64 with f64 pictures, in [0, 1].

#include <voluta/core/graph/op.h>

namespace voluta {

struct AugmentationOptions {};

// y[n,h,w,c] = (h,w) in box_n ? 0 : x[n,h,w,c]
// (x [N,H,W,C], boxes i64 [N,4]) -> y like x, which may take x's memory.
// Source: Zhong et al. 2017, "Random erasing data augmentation", with the mean of normalised pictures.
struct ErasePictures : NotDifferentiable {
  using Options = AugmentationOptions;
  static constexpr std::string_view kName = "erase_pictures";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);      // "n2h5w7c3 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// With p the partner of n:
//   y[n,h,w,c] = (h,w) in box ? x[p,h,w,c] : share x[n,h,w,c] + (1 - share) x[p,h,w,c]
// A share of 1 leaves x as it is, and of pictures in the box nothing of x[n] remains, not even a NaN.
// (x [N,H,W,C], share [], box i64 [4]) -> y like x.
// Source: Zhang et al. 2018, "mixup: beyond empirical risk minimization" (no box); Yun et al. 2019,
// "CutMix" (a share of 1).
struct MixPictures : NotDifferentiable {
  using Options = AugmentationOptions;
  static constexpr std::string_view kName = "mix_pictures";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 2: a difference, two products, a sum
  static std::string describe(const Problem& problem);      // "n2h5w7c3 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

struct MixLabelsOptions {
  int64_t classes = 1;  // K
};

// With p the partner of n:
//   targets[n,k] = share [k = label_n] + (1 - share) [k = label_p]
//   heavier[n]   = share >= 1/2 ? label_n : label_p
// (labels i64 [N], share []) -> targets [N,K] of the share's type, heavier i64 [N]. Where either label
// is no class, the row of the targets is NaN, and so becomes the loss.
struct MixLabels : NotDifferentiable {
  using Options = MixLabelsOptions;
  static constexpr std::string_view kName = "mix_labels";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 2
  static std::string describe(const Problem& problem);      // "n4k10 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
