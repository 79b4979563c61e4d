#include <voluta/core/error.h>
#include <voluta/io/labelled_images.h>

#include <fmt/format.h>

namespace voluta {

void check_labelled_images(const LabelledImages& data) {
  if (data.images.dtype() != DType::u8 || data.images.shape().rank() != 4) {
    invalid(fmt::format("the pictures are {}; they must be u8 [N,H,W,C]",
                        to_string(data.images.type())));
  }
  if (data.labels.dtype() != DType::i64 || data.labels.shape().rank() != 1) {
    invalid(fmt::format("the labels are {}; they must be i64 [N]", to_string(data.labels.type())));
  }
  const std::span<const int64_t> labels = data.labels.data<int64_t>();
  if (data.count() != static_cast<int64_t>(labels.size())) {
    invalid(fmt::format("there are {} pictures and {} labels; each picture must have one",
                        data.count(), labels.size()));
  }
  if (data.classes < 1) {
    invalid(fmt::format("the pictures have {} classes; there must be at least 1", data.classes));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < data.classes) continue;
    invalid(fmt::format("label {} of picture {} is outside 0..{}", labels[i], i, data.classes - 1));
  }
}

}  // namespace voluta
