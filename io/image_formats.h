#pragma once

// The formats behind io/image.h, a file each, and what they share.

#include <voluta/io/image.h>

namespace voluta {

ImageHeader read_jpeg_header(std::span<const uint8_t> file, const std::string& path);
ImageHeader read_png_header(std::span<const uint8_t> file, const std::string& path);

void decode_jpeg(std::span<const uint8_t> file, const std::string& path, int eighths, Image& image);
void decode_png(std::span<const uint8_t> file, const std::string& path, Image& image);

// Throws where a header claims no pixels, more than kMostImagePixels, or more than
// `most_pixels_per_byte` for each byte of the file: the format's best compression.
void check_image_size(int64_t height, int64_t width, std::size_t file_bytes,
                      int64_t most_pixels_per_byte, const std::string& path);

// EXIF's orientation, 1 to 8; 1 where there is none or it makes no sense. `tiff` begins with "II" or
// "MM". Source: CIPA DC-008, section 4.6.
int exif_orientation(std::span<const uint8_t> tiff);

// Turns the picture into what is shown.
void orient(Image& image, int orientation);

}  // namespace voluta
