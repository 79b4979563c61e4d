#include <voluta/core/error.h>
#include <voluta/io/checksum.h>
#include <voluta/kernels/picture_resize/resize_view.h>
#include <voluta/kernels/picture_view/view.h>
#include <voluta/train/augmentation.h>
#include <voluta/train/dataset.h>

#include <fmt/format.h>

namespace voluta {

int64_t view_numbers(const PictureSource& source) {
  if (std::holds_alternative<ResidentPictures>(source)) return 4;
  return std::holds_alternative<BoxedPictures>(source) ? picture_resize::kViewNumbers : 0;
}

int64_t Dataset::view(uint32_t, uint64_t, int64_t*, uint8_t*) const {
  invalid("pictures that are loaded have no views");
}

void check_classes(const Dataset& data, int64_t classes) {
  if (data.classes() <= classes) return;
  invalid(fmt::format("the data have {} classes, the model {}", data.classes(), classes));
}

namespace {

LabelledImages checked(LabelledImages data) {
  check_labelled_images(data);
  return data;
}

}  // namespace

InMemoryDataset::InMemoryDataset(LabelledImages data, const Normalization& normalization,
                                 const SmallAugmentation& augmentation)
    : data_(checked(std::move(data))),
      values_(pixel_values(normalization, data_.images.shape()[3])),
      augmentation_(augmentation) {}

Shape InMemoryDataset::image_shape() const {
  const Shape& s = data_.images.shape();
  return {s[1], s[2], s[3]};
}

PictureSource InMemoryDataset::source() const {
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  if (data_.images.bytes() > kMostBytes) return LoadedPictures{};
  return ResidentPictures{&data_.images, &values_};
}

int64_t InMemoryDataset::view(uint32_t index, uint64_t epoch, int64_t* four, uint8_t*) const {
  const PictureDraws draws{augmentation_.seed, static_cast<uint32_t>(epoch), index};
  const Shift shift = random_shift(draws, augmentation_.padding);
  four[0] = index;
  four[1] = shift.down;
  four[2] = shift.right;
  four[3] = random_flip(draws, augmentation_.flip) ? 1 : 0;
  return data_.labels.data<int64_t>()[index];
}

uint32_t InMemoryDataset::checksum() const {
  const uint32_t labels = crc32(0, data_.labels.raw(), data_.labels.bytes());
  return crc32(labels, data_.images.raw(), data_.images.bytes());
}

int64_t InMemoryDataset::load(uint32_t index, uint64_t epoch, float* values) const {
  int64_t four[4];
  const int64_t label = view(index, epoch, four, nullptr);
  const picture_view::View look(four);
  const picture_view::Extents e(data_.images.shape());
  const uint8_t* pixels = data_.images.data<uint8_t>().data();
  const float* table = values_.data<float>().data();
  for (int64_t h = 0; h < e.height; ++h) {
    for (int64_t w = 0; w < e.width; ++w) {
      for (int64_t c = 0; c < e.channels; ++c) {
        *values++ = table[c * picture_view::kLevels + look.level(pixels, e, h, w, c)];
      }
    }
  }
  return label;
}

}  // namespace voluta
