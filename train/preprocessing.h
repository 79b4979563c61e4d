#pragma once

// How pictures become a model's input. Training stores it with the weights, so that evaluation,
// prediction and visualisation show the model what it was trained for.

#include <voluta/core/shape.h>
#include <voluta/kernels/picture_resize/picture_resize.h>
#include <voluta/train/normalization.h>

#include <string>
#include <vector>

namespace voluta {

// torchvision's Resize, CenterCrop, ToTensor and Normalize, and what the outputs mean. Pictures of
// small data sets are taken as they are: their shorter side is `resize` already.
struct Preprocessing {
  Shape image;                  // [H,W,C], the crop; one channel is grey, three are RGB
  Normalization normalization;  // by channel
  int64_t resize = 0;           // the shorter side, before the crop in the middle
  Interpolation interpolation = Interpolation::kBilinear;
  std::vector<std::string> class_names;  // by label; may be fewer than the outputs, or none
};

// A description that some file gives makes sense: extents and numbers fit each other.
bool is_sound(const Preprocessing& preprocessing);

// The name of a class, "class 7" where it has none.
std::string class_name(const Preprocessing& preprocessing, int64_t label);

// Where `now` differs from `then`, one part each: "resize 110 instead of 112".
std::vector<std::string> differences(const Preprocessing& now, const Preprocessing& then);

}  // namespace voluta
