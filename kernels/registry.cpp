#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/augmentation/augmentation.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/batch_norm/batch_norm_scale_shift.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/classification_metrics/classification_metrics.h>
#include <voluta/kernels/color_jitter/color_jitter.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/conv_transpose2d/conv_transpose2d.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>
#include <voluta/kernels/dropout/dropout.h>
#include <voluta/kernels/flatten/flatten.h>
#include <voluta/kernels/gradient_norm/gradient_norm.h>
#include <voluta/kernels/linear/linear.h>
#include <voluta/kernels/local_response_norm/local_response_norm.h>
#include <voluta/kernels/optimizer/optimizer.h>
#include <voluta/kernels/picture_resize/picture_resize.h>
#include <voluta/kernels/picture_view/picture_view.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/kernels/registry.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/softmax/softmax.h>
#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <voluta/kernels/squared_error/squared_error.h>
#include <voluta/kernels/trivial_augment/trivial_augment.h>

#include <algorithm>
#include <array>

namespace voluta {

std::span<const Op* const> all_ops() {
#define VOLUTA_OP(type, room) &op<type>(),
  static const std::array kOps = {
#include <voluta/kernels/ops.def>
  };
#undef VOLUTA_OP
  return kOps;
}

const Op* find_op(std::string_view name) {
  for (const Op* op : all_ops()) {
    if (op->name == name) return op;
  }
  return nullptr;
}

bool is_engine(std::string_view name) {
  return std::ranges::any_of(all_ops(), [&](const Op* op) {
    return std::ranges::any_of(op->engines(), [&](const Engine& e) { return e.name == name; });
  });
}

}  // namespace voluta
