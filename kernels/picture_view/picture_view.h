#pragma once

// Training's look at sets of small pictures, which lie decoded in device memory: a batch is gathered,
// shifted, mirrored and normalised in one pass. What is random is drawn by the caller and comes as a small
// input, so a captured plan sees other pictures each step.

#include <voluta/core/graph/op.h>

namespace voluta {

struct PictureViewOptions {};

// Of four numbers a view {index, down, right, mirrored}:
//   y[n,h,w,c] = values[c, pictures[index_n, h + down_n, w' + right_n, c]],   w' = mirrored ? W - 1 - w : w
// and values[c, 0], black, outside the picture; shifts lie within 2^31. With an index that names no picture all is NaN.
// (pictures u8 [M,H,W,C], values [C,256], views i64 [N,4]) -> y [N,H,W,C] of the values' type, floating.
// Source of the shifts: He et al. 2015, section 4.2.
struct ViewPictures : NotDifferentiable {
  using Options = PictureViewOptions;
  static constexpr std::string_view kName = "view_pictures";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);      // "n2m9h5w7c3 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
