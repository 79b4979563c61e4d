#pragma once

// What training does to a batch of pictures besides choosing where to look (augmentation.h): other
// colours, moved pixels, erased boxes, mixed pictures and labels. The host draws, each number a function
// of (seed, batch of the run, place in the batch), and feeds what it drew as small inputs; the ops of
// kernels/trivial_augment, color_jitter and augmentation do the work on the device, first in the graph.
// So a captured graph draws anew each step, and a resumed run as one that never stopped.
//
// In the order of torchvision's training reference: TrivialAugment and colours on values in [0, 1],
// erasing on normalised pictures, mixing last.

#include <voluta/core/graph/executor.h>
#include <voluta/kernels/trivial_augment/trivial_augment.h>
#include <voluta/train/augmentation.h>
#include <voluta/train/normalization.h>

#include <array>

namespace voluta {

struct BatchAugmentation {
  // Each batch is mixed by a share ~ Beta(alpha, alpha): mixup blends, cutmix exchanges a box of
  // (1 - share) of the area. 0: off; where both are on, a fair coin says which.
  double mixup_alpha = 0, cutmix_alpha = 0;
  double random_erase = 0;  // of a picture, the probability
  // By ColorChange: factors in [max(0, 1 - x), 1 + x], and the hue within x <= 1/2 of the circle. 0:
  // off.
  std::array<double, 4> color_jitter = {};
  bool trivial_augment = false;  // each picture one change of TrivialAugment (wide) at random
  Normalization normalization;   // of the pictures, for their colours

  bool mixes() const { return mixup_alpha > 0 || cutmix_alpha > 0; }
  bool jitters() const { return color_jitter != std::array<double, 4>{}; }
};

// Throws invalid() for settings out of range, naming the option.
void check_batch_augmentation(const BatchAugmentation& options);

// A number of Beta(alpha, alpha), alpha > 0: two of Gamma(alpha) by Marsaglia and Tsang 2000, "A simple
// method for generating gamma variables", with logarithms, so that small alphas do not underflow.
double draw_beta(double alpha, Random& random);

// What TrivialAugment does to a picture: an input of kernels/trivial_augment.
struct TrivialDraw {
  PictureChange change = PictureChange::kIdentity;
  double factor = 1;
  std::array<int64_t, 6> affine = {1 << 16, 0, 1 << 15, 0, 1 << 16, 1 << 15};
};
// Number `change` of torchvision's TrivialAugmentWide, in [0, 14): identity, shear x and y, translate x and y,
// rotate, brightness, color, contrast, sharpness, posterize, solarize, autocontrast, equalize; of
// strength `bin` in [0, 31), and with the sign 1 or -1 where it has a direction.
TrivialDraw trivial_change(int64_t change, int64_t bin, int sign, int64_t height, int64_t width);
// Any of them, at any strength, in any direction.
TrivialDraw draw_trivial(const PictureDraws& draws, int64_t height, int64_t width);

// How a batch is mixed.
struct Mix {
  double share = 1, label_share = 1;  // of a picture and its label in what becomes of them
  CropBox box;                        // where the partner replaces the picture
};
// As torchvision's RandomMixup and RandomCutmix.
Mix draw_mix(const BatchAugmentation& options, uint64_t seed, int64_t batch, int64_t height,
             int64_t width);

// Inputs of the graph; those that name nothing are not there.
struct AugmentationInputs {
  Value changes, change_factors, affine;  // i64 [N], f32 [N], i64 [N,6] of trivial_augment
  Value factors, order;                   // f32 [N,4], i64 [N,4] of color_jitter
  Value boxes;                            // i64 [N,4] of erase_pictures
  Value share, label_share, box;          // f32 scalars, i64 [4] of mix_pictures and mix_labels
};

// Appends the ops and their inputs; gives what the model sees in place of `images` [N,H,W,C].
Value augment_pictures(Graph& graph, Value images, const BatchAugmentation& options,
                       AugmentationInputs& inputs);

struct MixedLabels {
  Value targets;  // f32 [N,classes]
  Value heavier;  // i64 [N]: the label of the larger share, for metrics
};
MixedLabels augment_labels(Graph& graph, Value labels, int64_t classes,
                           const AugmentationInputs& inputs);

// What is drawn for batches of one shape.
class AugmentationDraws {
 public:
  AugmentationDraws(const BatchAugmentation& options, uint64_t seed, const Shape& images);

  // Of batch number `batch` of the run.
  void draw(int64_t batch);
  void feed(Executor& executor, const AugmentationInputs& inputs) const;

 private:
  const BatchAugmentation options_;
  uint64_t seed_;
  int64_t height_, width_;
  Tensor changes_, change_factors_;  // [N]
  Tensor affine_;                    // [N,6]
  Tensor factors_, order_, boxes_;   // [N,4]
  Tensor share_{DType::f32, {}}, label_share_{DType::f32, {}}, box_{DType::i64, {4}};
};

}  // namespace voluta
