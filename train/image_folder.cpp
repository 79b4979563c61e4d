#include <voluta/train/image_folder.h>

#include <algorithm>
#include <cmath>

namespace voluta {
namespace {

// What becomes the model's input: a window of a resized picture.
struct Sight {
  int eighths = 8;  // at which the file is decoded
  ResizeAxis vertical, horizontal;
  Interpolation interpolation = Interpolation::kBilinear;
  bool mirrored = false;
};

// Python's round(x / 2): halves go to the even neighbour.
int64_t half_to_even(int64_t x) {
  const int64_t floor = x / 2;
  return x % 2 == 0 ? floor : floor + floor % 2;
}

ResizeAxis middle(int64_t source, int64_t steps, int64_t crop) {
  return {0, static_cast<double>(source), steps, half_to_even(steps - crop), crop};
}

Sight sight(const EvaluationView& view, const ImageHeader& header, const PictureDraws&) {
  const int64_t shorter = std::min(header.height, header.width);
  // As torchvision: the longer side is rounded down.
  const auto steps = [&](int64_t side) {
    return side == shorter ? view.resize : view.resize * side / shorter;
  };
  return {8, middle(header.height, steps(header.height), view.crop),
          middle(header.width, steps(header.width), view.crop), view.interpolation, false};
}

Sight sight(const TrainingView& view, const ImageHeader& header, const PictureDraws& draws) {
  const CropBox box = random_resized_crop(draws, header.height, header.width, view.range);
  const int eighths = header.format == ImageFormat::kJpeg ? fitting_eighths(box, view.crop) : 8;
  const auto axis = [&](int64_t begin, int64_t extent) {
    const double scale = eighths / 8.0;
    return ResizeAxis{static_cast<double>(begin) * scale, static_cast<double>(extent) * scale,
                      view.crop, 0, view.crop};
  };
  return {eighths, axis(box.top, box.height), axis(box.left, box.width), view.interpolation,
          random_flip(draws, view.flip)};
}

void check(const EvaluationView& view) {
  if (view.crop < 1 || view.crop > view.resize) {
    invalid("the crop of " + std::to_string(view.crop) + " pixels does not lie in pictures of " +
            std::to_string(view.resize));
  }
}

void check(const TrainingView& view) {
  const CropRange& r = view.range;
  if (view.crop < 1) invalid("the crop must have at least 1 pixel");
  if (!(r.least_area > 0 && r.least_area <= r.most_area && r.most_area <= 1)) {
    invalid("the share of the area that a crop takes must be in (0, 1], the least first");
  }
  if (!(r.least_ratio > 0 && r.least_ratio <= r.most_ratio && std::isfinite(r.most_ratio))) {
    invalid("the ratio of a crop's sides must be above 0, the least first");
  }
  if (!(view.flip >= 0 && view.flip <= 1)) invalid("a probability is in [0, 1]");
}

uint64_t seed_of(const ImageFolder::View& view) {
  const auto* training = std::get_if<TrainingView>(&view);
  return training ? training->seed : 0;
}

}  // namespace

int fitting_eighths(const CropBox& box, int64_t crop) {
  for (const int eighths : {1, 2, 4}) {
    if (std::min(box.height, box.width) * eighths >= crop * 8) return eighths;
  }
  return 8;
}

ImageFolder::ImageFolder(PictureIndex index, const View& view, const Normalization& normalization,
                         int64_t workers)
    : index_(std::move(index)),
      view_(view),
      channels_(normalization.mean.size() == 1 ? 1 : 3),
      normalizer_(normalization, channels_),
      workers_(std::max<int64_t>(workers, 1)) {
  std::visit([](const auto& v) { check(v); }, view_);
}

int64_t ImageFolder::crop() const {
  return std::visit([](const auto& v) { return v.crop; }, view_);
}

Shape ImageFolder::image_shape() const {
  return {crop(), crop(), channels_};
}

void ImageFolder::convert(const uint8_t* rgb, bool mirrored, float* values) const {
  if (channels_ == 3) return normalizer_.convert(rgb, crop(), mirrored, values);
  thread_local std::vector<uint8_t> grey;
  grey.resize(static_cast<std::size_t>(crop()));
  for (uint8_t& pixel : grey) {
    pixel = static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
    rgb += 3;
  }
  normalizer_.convert(grey.data(), crop(), mirrored, values);
}

int64_t ImageFolder::load(uint32_t index, uint64_t epoch, float* values) const {
  thread_local Resizer resizer;  // both keep their memory
  thread_local Image image;
  const std::string path = index_.path(index);
  const PictureDraws draws{seed_of(view_), static_cast<uint32_t>(epoch), index};
  try {
    const std::vector<uint8_t> file = read_image_file(path);
    const ImageHeader header = read_image_header(file, path);
    const Sight seen =
        std::visit([&](const auto& view) { return sight(view, header, draws); }, view_);
    decode_image(file, path, seen.eighths, image);
    const ResizedImage resized =
        resizer.resize(image, seen.vertical, seen.horizontal, seen.interpolation);
    for (int64_t y = 0; y < crop(); ++y) {
      convert(resized.rgb + static_cast<std::size_t>(y) * resized.line_bytes, seen.mirrored,
              values + y * crop() * channels_);
    }
  } catch (const Error& error) {
    throw BadPicture(error.what());
  }
  return index_.pictures[index].label;
}

}  // namespace voluta
