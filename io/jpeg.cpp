// JPEG by libjpeg-turbo.
//
// Note [Errors by longjmp]
// libjpeg and libpng are C and leave a failing call by longjmp, which skips destructors. So every
// call into them stands in a function object that guarded() runs and that owns nothing: memory is
// taken outside, errors are thrown after the jump has landed.

#include <voluta/io/file.h>
#include <voluta/io/image_formats.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>
// jpeglib.h first: jerror.h needs its types.
#include <jerror.h>

namespace voluta {
namespace {

// A block of 8 x 8 pixels of one component takes two bits at least; a progressive file may spend one
// bit on it. Arithmetic coding can do with less, and only the limit on pixels holds there.
constexpr int64_t kMostPixelsPerByte = 512;
// Each scan of a progressive file goes over the whole picture. Encoders make about ten.
constexpr int kMostScans = 500;

struct Failure {
  jpeg_error_mgr manager;  // first: libjpeg's pointer to it is one to the whole
  jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  info->err->format_message(info, failure->message);
  std::longjmp(failure->jump, 1);
}

// Whether a warning is of what changes no pixel: decoders read on, and know better than the file. Some cameras
// write a scan of a sequential file with the parameters of a progressive one (JWRN_NOT_SEQUENTIAL).
bool is_harmless(int warning) {
  switch (warning) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_JFIF_MAJOR:
      return true;
    default:
      return false;
  }
}

// Everything else that libjpeg warns of and goes on is damage.
void take_message(j_common_ptr info, int level) {
  if (level < 0 && !is_harmless(info->err->msg_code)) give_up(info);
}

void count_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMostScans) return;
  auto* failure = reinterpret_cast<Failure*>(info->err);
  std::snprintf(failure->message, sizeof failure->message, "more than %d scans", kMostScans);
  std::longjmp(failure->jump, 1);
}

struct Decompressor {
  jpeg_decompress_struct info{};
  ~Decompressor() { jpeg_destroy_decompress(&info); }
};

class JpegReader {
 public:
  JpegReader(std::span<const uint8_t> file, const std::string& path) : file_(file), path_(path) {
    info_.err = jpeg_std_error(&failure_.manager);
    failure_.manager.error_exit = give_up;
    failure_.manager.emit_message = take_message;
    progress_.progress_monitor = count_scans;
    guarded([&] {
      jpeg_create_decompress(&info_);
      info_.progress = &progress_;
      jpeg_mem_src(&info_, file_.data(), file_.size());
      jpeg_save_markers(&info_, kExifMarker, 0xffff);
      jpeg_read_header(&info_, TRUE);
    });
    check_image_size(info_.image_height, info_.image_width,
                     info_.arith_code ? static_cast<std::size_t>(kMostImagePixels) : file_.size(),
                     kMostPixelsPerByte, path_);
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  ImageHeader header() const {
    ImageHeader header{ImageFormat::kJpeg, info_.image_height, info_.image_width, orientation()};
    if (header.orientation >= 5) std::swap(header.height, header.width);
    return header;
  }

  void decode(int eighths, Image& image) {
    const bool inks = info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
    guarded([&] {
      info_.scale_num = static_cast<unsigned>(eighths);
      info_.scale_denom = 8;
      info_.out_color_space = inks ? JCS_CMYK : JCS_RGB;
      jpeg_start_decompress(&info_);
    });
    image.height = info_.output_height;
    image.width = info_.output_width;
    const std::size_t row = std::size_t{info_.output_width} * 3;
    image.rgb.resize(row * info_.output_height);
    std::vector<uint8_t> ink_row(inks ? std::size_t{info_.output_width} * 4 : 0);
    guarded([&] {
      while (info_.output_scanline < info_.output_height) {
        uint8_t* to = image.rgb.data() + info_.output_scanline * row;
        JSAMPROW target = inks ? ink_row.data() : to;
        jpeg_read_scanlines(&info_, &target, 1);
        if (inks) to_rgb(ink_row.data(), to);
      }
      jpeg_finish_decompress(&info_);
    });
  }

 private:
  static constexpr int kExifMarker = JPEG_APP0 + 1;

  // Note [Errors by longjmp].
  template <class Calls>
  void guarded(Calls&& calls) {
    if (setjmp(failure_.jump) == 0) {
      calls();
      return;
    }
    fail_at(path_, std::string("is no sound JPEG file: ") + failure_.message);
  }

  int orientation() const {
    constexpr std::size_t kPrefix = 6;
    for (const jpeg_marker_struct* m = info_.marker_list; m != nullptr; m = m->next) {
      if (m->marker != kExifMarker || m->data_length < kPrefix) continue;
      if (std::memcmp(m->data, "Exif\0\0", kPrefix) != 0) continue;
      return exif_orientation({m->data + kPrefix, m->data_length - kPrefix});
    }
    return 1;
  }

  // Without a profile, as Pillow: what the inks leave of the paper. Adobe's files hold the paper that
  // shows instead of the ink.
  void to_rgb(const uint8_t* cmyk, uint8_t* rgb) const {
    const unsigned flip = info_.saw_Adobe_marker ? 0 : 255;
    for (JDIMENSION x = 0; x < info_.output_width; ++x, cmyk += 4, rgb += 3) {
      const unsigned paper = cmyk[3] ^ flip;
      for (int c = 0; c < 3; ++c) {
        rgb[c] = static_cast<uint8_t>(((cmyk[c] ^ flip) * paper + 127) / 255);
      }
    }
  }

  std::span<const uint8_t> file_;
  const std::string& path_;
  Failure failure_{};
  jpeg_progress_mgr progress_{};
  Decompressor decompressor_;
  jpeg_decompress_struct& info_ = decompressor_.info;
};

}  // namespace

ImageHeader read_jpeg_header(std::span<const uint8_t> file, const std::string& path) {
  return JpegReader(file, path).header();
}

void decode_jpeg(std::span<const uint8_t> file, const std::string& path, int eighths,
                 Image& image) {
  JpegReader reader(file, path);
  const int orientation = reader.header().orientation;  // libjpeg forgets it with the last row
  reader.decode(eighths, image);
  orient(image, orientation);
}

}  // namespace voluta
