#pragma once

// Pictures in files, as RGB of 8 bits. JPEG (baseline and progressive; gray, YCbCr, RGB, CMYK and
// YCCK) and PNG (gray, palette, RGB, with or without alpha, 1 to 16 bits, interlaced; alpha is dropped,
// gamma and profiles are not applied), told apart by their first bytes and not by the name.
//
// The pixels are those of Pillow's `ImageOps.exif_transpose(image).convert("RGB")`: EXIF's orientation is
// applied to a JPEG, which PyTorch's ImageFolder does not do. Of a gray PNG of 16 bits the levels are scaled to
// 8 bits, where Pillow clips them to 255.
//
// Files are not trusted: what a header claims is held against the limits below and against the size
// of the file before memory is taken for it. A file that ends before its last row or has damaged data is an
// error, not a gray area. Every error is a kFailed of one line that begins with the path.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace voluta {

inline constexpr int64_t kMostImagePixels = int64_t{1} << 27;     // as many as 11585 x 11585
inline constexpr int64_t kMostImageFileBytes = int64_t{1} << 28;  // 256 MiB

struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> rgb;  // [H,W,3]
};

enum class ImageFormat { kJpeg, kPng };

// EXIF's tag 0x0112: the side of the picture that the first row and the first column of the file
// show. 1: top and left, as usual; from 5 on rows and columns are exchanged.
struct ImageHeader {
  ImageFormat format = ImageFormat::kJpeg;
  int64_t height = 0, width = 0;  // as shown: the orientation is applied
  int orientation = 1;            // 1 to 8
};

// The bytes of a file. Throws for one that is empty or has more than kMostImageFileBytes.
std::vector<uint8_t> read_image_file(const std::string& path);

// `path` is for the message of an error alone.
ImageHeader read_image_header(std::span<const uint8_t> file, const std::string& path);

// The picture at eighths/8 of its size, 1 <= eighths <= 8, each extent rounded up: pixel (y,x)
// stands for the square [y, y+1) x [x, x+1) times 8/eighths of the whole one. Only JPEG scales,
// while it decodes and for little time (fastest at 1, 2, 4 and 8); PNG throws invalid(). The memory of
// `image` is used again where it is large enough; after an error its pixels are anything.
void decode_image(std::span<const uint8_t> file, const std::string& path, int eighths,
                  Image& image);
Image decode_image(std::span<const uint8_t> file, const std::string& path, int eighths = 8);

// read_image_file, then decode_image.
Image read_image(const std::string& path);

// The picture as a PNG file, RGB of 8 bits. Throws invalid() where the pixels are not as many as the
// extents say, or none.
std::vector<uint8_t> encode_png(const Image& image);
// The same into a file, atomically.
void write_png(const std::string& path, const Image& image);

}  // namespace voluta
