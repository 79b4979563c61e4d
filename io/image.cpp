#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/io/image_formats.h>

#include <fmt/format.h>

#include <algorithm>

namespace voluta {
namespace {

constexpr uint8_t kJpegStart[] = {0xff, 0xd8, 0xff};
constexpr uint8_t kPngStart[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

bool starts_with(std::span<const uint8_t> file, std::span<const uint8_t> start) {
  return file.size() >= start.size() && std::ranges::equal(file.first(start.size()), start);
}

ImageFormat format_of(std::span<const uint8_t> file, const std::string& path) {
  if (starts_with(file, kJpegStart)) return ImageFormat::kJpeg;
  if (starts_with(file, kPngStart)) return ImageFormat::kPng;
  fail_at(path, file.empty() ? "is empty" : "is neither JPEG nor PNG");
}

}  // namespace

std::vector<uint8_t> read_image_file(const std::string& path) {
  const InputFile file(path);
  if (file.bytes() == 0) fail_at(path, "is empty");
  if (file.bytes() > static_cast<uint64_t>(kMostImageFileBytes)) {
    fail_at(path, fmt::format("has {} bytes, more than the {} that a picture may have",
                              file.bytes(), kMostImageFileBytes));
  }
  std::vector<uint8_t> bytes(static_cast<std::size_t>(file.bytes()));
  file.read_at(0, bytes.data(), bytes.size());
  return bytes;
}

ImageHeader read_image_header(std::span<const uint8_t> file, const std::string& path) {
  return format_of(file, path) == ImageFormat::kJpeg ? read_jpeg_header(file, path)
                                                     : read_png_header(file, path);
}

void decode_image(std::span<const uint8_t> file, const std::string& path, int eighths,
                  Image& image) {
  if (eighths < 1 || eighths > 8) invalid("pictures are decoded at 1/8 to 8/8 of their size");
  if (format_of(file, path) == ImageFormat::kJpeg) return decode_jpeg(file, path, eighths, image);
  if (eighths != 8) invalid(path + ": a PNG file is decoded at its own size alone");
  decode_png(file, path, image);
}

Image decode_image(std::span<const uint8_t> file, const std::string& path, int eighths) {
  Image image;
  decode_image(file, path, eighths, image);
  return image;
}

Image read_image(const std::string& path) {
  return decode_image(read_image_file(path), path);
}

void check_image_size(int64_t height, int64_t width, std::size_t file_bytes,
                      int64_t most_pixels_per_byte, const std::string& path) {
  if (height < 1 || width < 1) {
    fail_at(path, fmt::format("claims {} x {} pixels", height, width));
  }
  if (height > kMostImagePixels / width) {
    fail_at(path, fmt::format("claims {} x {} pixels, more than the {} that a picture may have",
                              height, width, kMostImagePixels));
  }
  if (height * width / most_pixels_per_byte > static_cast<int64_t>(file_bytes)) {
    fail_at(path, fmt::format("claims {} x {} pixels, which its {} bytes cannot hold: the file is "
                              "truncated or damaged",
                              height, width, file_bytes));
  }
}

}  // namespace voluta
