// PNG files, by libpng's simplified interface, which has no longjmp to guard against.

#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/io/image.h>

#include <png.h>

namespace voluta {

std::vector<uint8_t> encode_png(const Image& image) {
  const auto pixels =
      static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
  if (image.height < 1 || image.width < 1 || image.rgb.size() != pixels * 3) {
    invalid("a PNG file needs pixels, three bytes each");
  }
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.height = static_cast<png_uint_32>(image.height);
  header.width = static_cast<png_uint_32>(image.width);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<uint8_t> file(bytes);
  if (!png_image_write_to_memory(&header, file.data(), &bytes, 0, image.rgb.data(), 0, nullptr)) {
    fail(ErrorKind::kFailed, std::string("libpng does not write a picture: ") + header.message);
  }
  file.resize(bytes);
  return file;
}

void write_png(const std::string& path, const Image& image) {
  const std::vector<uint8_t> bytes = encode_png(image);
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace voluta
