// PNG by libpng. See Note [Errors by longjmp] in io/jpeg.cpp.

#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/io/file.h>
#include <voluta/io/image_formats.h>

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

namespace voluta {
namespace {

// Deflate makes 1032 bytes of one at best, and a pixel may have a single bit.
constexpr int64_t kMostPixelsPerByte = 1032 * 8;
// Of a text or profile chunk, decompressed: none of them is looked at.
constexpr png_alloc_size_t kMostChunkBytes = png_alloc_size_t{16} << 20;

// What libpng's callbacks see.
struct Source {
  std::span<const uint8_t> left;
  bool ended_early;
  char message[128];
};

[[noreturn]] void give_up(png_structp png, png_const_charp message) {
  auto* source = static_cast<Source*>(png_get_error_ptr(png));
  std::snprintf(source->message, sizeof source->message, "%s", message);
  png_longjmp(png, 1);
}

void ignore(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (count > source->left.size()) {
    source->ended_early = true;
    png_error(png, "the file ends early");
  }
  std::memcpy(to, source->left.data(), count);
  source->left = source->left.subspan(count);
}

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

class PngReader {
 public:
  PngReader(std::span<const uint8_t> file, const std::string& path)
      : file_bytes_(file.size()), path_(path), source_{file, false, {}} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source_, give_up, ignore);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) fail_at(path_, "libpng does not start");
    guarded([&] {
      png_set_read_fn(png_, &source_, read_bytes);
      png_set_chunk_malloc_max(png_, kMostChunkBytes);
      png_read_info(png_, info_);
    });
    check_image_size(header().height, header().width, file_bytes_, kMostPixelsPerByte, path_);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  ImageHeader header() const {
    return {ImageFormat::kPng, png_get_image_height(png_, info_), png_get_image_width(png_, info_),
            1};
  }

  void decode(Image& image) {
    guarded([&] {
      png_set_palette_to_rgb(png_);
      png_set_expand_gray_1_2_4_to_8(png_);
      png_set_gray_to_rgb(png_);
      png_set_scale_16(png_);
      png_set_strip_alpha(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    const std::size_t row = png_get_rowbytes(png_, info_);
    image.height = header().height;
    image.width = header().width;
    if (row != static_cast<std::size_t>(image.width) * 3) {
      fail_at(path_, "is no PNG file of a known form");
    }
    image.rgb.resize(row * static_cast<std::size_t>(image.height));
    std::vector<png_bytep> rows(static_cast<std::size_t>(image.height));
    for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = image.rgb.data() + y * row;
    guarded([&] { png_read_image(png_, rows.data()); });
    // All rows are there: a file may end behind them, without a whole IEND, as Pillow takes it.
    if (!succeeds([&] { png_read_end(png_, nullptr); }) && !source_.ended_early) refuse();
  }

 private:
  template <class Calls>
  bool succeeds(Calls&& calls) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    calls();
    return true;
  }

  template <class Calls>
  void guarded(Calls&& calls) {
    if (!succeeds(calls)) refuse();
  }

  [[noreturn]] void refuse() const {
    fail_at(path_, std::string("is no sound PNG file: ") + source_.message);
  }

  std::size_t file_bytes_;
  const std::string& path_;
  Source source_;
  Reader reader_;
  png_structp& png_ = reader_.png;
  png_infop& info_ = reader_.info;
};

}  // namespace

ImageHeader read_png_header(std::span<const uint8_t> file, const std::string& path) {
  return PngReader(file, path).header();
}

void decode_png(std::span<const uint8_t> file, const std::string& path, Image& image) {
  PngReader(file, path).decode(image);
}

// By libpng's simplified interface, which has no longjmp to guard against.
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
