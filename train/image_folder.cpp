#include <voluta/io/checksum.h>
#include <voluta/io/file.h>
#include <voluta/io/image.h>
#include <voluta/kernels/picture_resize/resizer.h>
#include <voluta/train/image_folder.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace voluta {
namespace {

using namespace picture_resize;

// What becomes the model's input: a window of a resized picture.
struct Sight {
  int eighths = 8;  // at which the file is decoded
  ResizeAxis vertical, horizontal;
  bool mirrored = false;
};

// Python's round(x / 2): halves go to the even neighbour.
int64_t half_to_even(int64_t x) {
  const int64_t floor = x / 2;
  return x % 2 == 0 ? floor : floor + floor % 2;
}

ResizeAxis middle(int64_t source, int64_t steps, int64_t crop) {
  return {0, kEighths * source, steps, half_to_even(steps - crop), crop};
}

Sight sight(const EvaluationView& view, const ImageHeader& header, const PictureDraws&) {
  const int64_t shorter = std::min(header.height, header.width);
  // As torchvision: the longer side is rounded down.
  const auto steps = [&](int64_t side) {
    return side == shorter ? view.resize : view.resize * side / shorter;
  };
  return {8, middle(header.height, steps(header.height), view.crop),
          middle(header.width, steps(header.width), view.crop), false};
}

Sight sight(const TrainingView& view, const ImageHeader& header, const PictureDraws& draws) {
  const CropBox box = random_resized_crop(draws, header.height, header.width, view.range);
  const int eighths = header.format == ImageFormat::kJpeg ? fitting_eighths(box, view.crop) : 8;
  const auto axis = [&](int64_t begin, int64_t extent) {
    return ResizeAxis{begin * eighths, extent * eighths, view.crop, 0, view.crop};
  };
  return {eighths, axis(box.top, box.height), axis(box.left, box.width),
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

// The pixels of an axis that its outputs take: begin and end. The axis then begins there.
std::pair<int64_t, int64_t> keep_needed(ResizeAxis& axis, int64_t pixels,
                                        Interpolation interpolation) {
  const AxisFilter filter(axis, pixels, interpolation);
  const Taps first = filter.taps(0), last = filter.taps(axis.count - 1);
  axis.begin -= int64_t{kEighths} * first.first;
  return {first.first, last.first + last.count};
}

// Lines of `bytes` one after another.
void copy_lines(const uint8_t* from, std::size_t stride, int64_t lines, std::size_t bytes,
                uint8_t* to) {
  for (int64_t line = 0; line < lines; ++line, from += stride, to += bytes) {
    std::memcpy(to, from, bytes);
  }
}

// What a batch holds of a picture that is already as it is seen.
ResizeView whole(int64_t crop, bool mirrored) {
  const ResizeAxis axis{0, kEighths * crop, crop, 0, crop};
  return {0, crop, crop, axis, axis, mirrored};
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
      values_(pixel_values(normalization, normalization.mean.size() == 1 ? 1 : 3)),
      workers_(std::max<int64_t>(workers, 1)) {
  std::visit([](const auto& v) { check(v); }, view_);
}

int64_t ImageFolder::crop() const {
  return std::visit([](const auto& v) { return v.crop; }, view_);
}

Interpolation ImageFolder::interpolation() const {
  return std::visit([](const auto& v) { return v.interpolation; }, view_);
}

uint32_t ImageFolder::checksum() const {
  uint32_t sum = 0;
  for (const PictureIndex::Picture& picture : index_.pictures) {
    sum = crc32(sum, picture.path.c_str(), picture.path.size() + 1);
    sum = crc32(sum, &picture.label, sizeof picture.label);
  }
  return sum;
}

// As many bytes as a float a channel would be: boxes of up to four times the crop's pixels. Beyond half
// the side JPEGs are decoded smaller, so few are larger.
int64_t ImageFolder::capacity() const {
  return 4 * crop() * crop() * 3;
}

Shape ImageFolder::image_shape() const {
  return {crop(), crop(), values_.shape()[0]};
}

PictureSource ImageFolder::source() const {
  return BoxedPictures{capacity(), interpolation(), &values_};
}

int64_t ImageFolder::view(uint32_t index, uint64_t epoch, int64_t* numbers, uint8_t* pixels) const {
  const std::string path = index_.path(index);
  const PictureDraws draws{seed_of(view_), static_cast<uint32_t>(epoch), index};
  try {
    store(path, draws, numbers, pixels);
  } catch (const Error& error) {
    throw BadPicture(error.what());
  }
  return index_.pictures[index].label;
}

// Decodes a file and keeps what is seen of it.
void ImageFolder::store(const std::string& path, const PictureDraws& draws, int64_t* numbers,
                        uint8_t* pixels) const {
  thread_local Image image;  // both keep their memory
  thread_local Resizer resizer;
  const std::vector<uint8_t> file = read_image_file(path);
  const ImageHeader header = read_image_header(file, path);
  const Sight seen =
      std::visit([&](const auto& view) { return sight(view, header, draws); }, view_);
  decode_image(file, path, seen.eighths, image);

  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  const ResizeView all{0, image.height, image.width, seen.vertical, seen.horizontal, false};
  if (!AxisFilter::is_sound(all.vertical, all.rows) ||
      !AxisFilter::is_sound(all.horizontal, all.columns)) {
    fail_at(path, "has " + std::to_string(header.height) + " x " + std::to_string(header.width) +
                      " pixels, too long a side to be resized");
  }
  ResizeView kept = all;
  kept.mirrored = seen.mirrored;
  const auto [top, bottom] = keep_needed(kept.vertical, image.height, interpolation());
  const auto [left, right] = keep_needed(kept.horizontal, image.width, interpolation());
  kept.rows = bottom - top;
  kept.columns = right - left;
  if (kept.is_sound(capacity(), interpolation())) {
    copy_lines(image.rgb.data() + static_cast<std::size_t>(top) * stride +
                   static_cast<std::size_t>(left) * 3,
               stride, kept.rows, static_cast<std::size_t>(kept.columns) * 3, pixels);
    return kept.write(numbers);
  }
  const ResizedPixels resized = resizer.resize(image.rgb.data(), all, interpolation());
  copy_lines(resized.rgb, resized.line_bytes, crop(), static_cast<std::size_t>(crop()) * 3, pixels);
  whole(crop(), seen.mirrored).write(numbers);
}

int64_t ImageFolder::load(uint32_t index, uint64_t epoch, float* values) const {
  thread_local std::vector<uint8_t> pixels;
  thread_local Resizer resizer;
  pixels.resize(static_cast<std::size_t>(capacity()));
  int64_t numbers[kViewNumbers];
  const int64_t label = view(index, epoch, numbers, pixels.data());
  resizer.write_values(pixels.data(), ResizeView(numbers, crop(), crop()), interpolation(),
                       values_.data<float>().data(), values_.shape()[0], values);
  return label;
}

}  // namespace voluta
