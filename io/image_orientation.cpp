#include <voluta/io/image_formats.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace voluta {
namespace {

// Numbers of a TIFF file, in its order of bytes; 0 beyond its end.
class TiffBytes {
 public:
  explicit TiffBytes(std::span<const uint8_t> bytes)
      : bytes_(bytes), little_(bytes.size() >= 2 && bytes[0] == 'I' && bytes[1] == 'I') {}

  uint32_t u16(std::size_t at) const {
    const uint32_t a = u8(at), b = u8(at + 1);
    return little_ ? b << 8 | a : a << 8 | b;
  }
  uint32_t u32(std::size_t at) const {
    const uint32_t a = u16(at), b = u16(at + 2);
    return little_ ? b << 16 | a : a << 16 | b;
  }

 private:
  uint32_t u8(std::size_t at) const { return at < bytes_.size() ? bytes_[at] : 0; }

  std::span<const uint8_t> bytes_;
  bool little_;
};

}  // namespace

int exif_orientation(std::span<const uint8_t> tiff) {
  constexpr uint32_t kMagic = 42, kOrientation = 0x0112, kShort = 3;
  constexpr std::size_t kEntryBytes = 12;
  const TiffBytes bytes(tiff);
  if (bytes.u16(2) != kMagic) return 1;
  const std::size_t directory = bytes.u32(4), entries = bytes.u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (entry >= tiff.size()) break;
    if (bytes.u16(entry) != kOrientation || bytes.u16(entry + 2) != kShort) continue;
    const uint32_t value = bytes.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void orient(Image& image, int orientation) {
  if (orientation == 1) return;
  const int64_t h = image.height, w = image.width;
  const bool exchanged = orientation >= 5;
  const bool upwards = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool leftwards =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const int64_t row = upwards ? -w : w, column = leftwards ? -1 : 1;  // steps in the file
  const int64_t start = (upwards ? (h - 1) * w : 0) + (leftwards ? w - 1 : 0);
  const int64_t down = exchanged ? column : row, right = exchanged ? row : column;

  Image shown{exchanged ? w : h, exchanged ? h : w, {}};
  shown.rgb.resize(image.rgb.size());
  uint8_t* to = shown.rgb.data();
  for (int64_t y = 0; y < shown.height; ++y) {
    for (int64_t x = 0; x < shown.width; ++x, to += 3) {
      std::copy_n(image.rgb.data() + 3 * (start + y * down + x * right), 3, to);
    }
  }
  image = std::move(shown);
}

}  // namespace voluta
