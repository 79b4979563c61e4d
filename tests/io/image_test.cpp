// What is taken and what is refused; that the pixels are right is goldens/pictures_test.cpp's.

#include <gtest/gtest.h>
#include <voluta/io/image.h>
#include <zlib.h>

#include "io/picture_files.h"
#include "io/temporary_folder.h"

namespace voluta {
namespace {

constexpr ErrorKind kFailed = ErrorKind::kFailed;
constexpr std::size_t kEndChunk = 12;  // bytes of a PNG's IEND

Image decode(const std::string& file, int eighths = 8) {
  return decode_image(bytes_of(file), "p", eighths);
}

void put_u16(std::string& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<char>(value >> 8);
  bytes[at + 1] = static_cast<char>(value & 0xff);
}

// The JPEG with another size in its header.
std::string with_claim(std::string jpeg, unsigned height, unsigned width) {
  const std::size_t frame = jpeg.find("\xff\xc0");
  put_u16(jpeg, frame + 5, height);
  put_u16(jpeg, frame + 7, width);
  return jpeg;
}

TEST(ImageTest, PngOfEveryFormHoldsThePixels) {
  const Image image = test_picture(13, 21);
  for (const int bits : {8, 16}) {
    for (const bool interlaced : {false, true}) {
      const Image read = decode(png_file(image, bits, interlaced));
      EXPECT_EQ(read.height, 13);
      EXPECT_EQ(read.width, 21);
      EXPECT_EQ(read.rgb, image.rgb) << bits << interlaced;
    }
  }
}

TEST(ImageTest, WrittenPngHoldsThePixels) {
  const TemporaryFolder folder;
  const Image image = test_picture(13, 7);
  write_png(folder / "a.png", image);
  const Image read = read_image(folder / "a.png");
  EXPECT_EQ(read.height, 13);
  EXPECT_EQ(read.width, 7);
  EXPECT_EQ(read.rgb, image.rgb);
  EXPECT_THROW(encode_png({2, 2, {1, 2, 3}}), Error);
  EXPECT_THROW(encode_png({0, 0, {}}), Error);
  expect_error(kFailed, {folder / "none/a.png"}, [&] { write_png(folder / "none/a.png", image); });
}

TEST(ImageTest, JpegScalesToEighths) {
  const std::string file = jpeg_file(test_picture(37, 50));
  for (int eighths = 1; eighths <= 8; ++eighths) {
    const Image image = decode(file, eighths);
    EXPECT_EQ(image.height, (37 * eighths + 7) / 8);
    EXPECT_EQ(image.width, (50 * eighths + 7) / 8);
    EXPECT_EQ(image.rgb.size(), static_cast<std::size_t>(image.height * image.width * 3));
  }
}

TEST(ImageTest, TheContentDecidesNotTheName) {
  const TemporaryFolder folder;
  const Image image = test_picture(5, 6);
  write_bytes(folder / "a.jpg", png_file(image));
  EXPECT_EQ(read_image(folder / "a.jpg").rgb, image.rgb);
  write_bytes(folder / "b.jpg", "just text");
  expect_error(kFailed, {folder / "b.jpg", "is neither JPEG nor PNG"},
               [&] { read_image(folder / "b.jpg"); });
}

TEST(ImageTest, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  write_bytes(folder / "empty.jpg", "");
  expect_error(kFailed, {folder / "empty.jpg", "is empty"},
               [&] { read_image(folder / "empty.jpg"); });
  expect_error(kFailed, {folder.path(), "regular file"}, [&] { read_image(folder.path()); });
  expect_error(kFailed, {"none.png", "cannot be read"}, [&] { read_image(folder / "none.png"); });
  // A file with a hole takes no room on the disk.
  write_bytes(folder / "huge.jpg", "\xff\xd8\xff");
  std::filesystem::resize_file(folder / "huge.jpg", (uint64_t{1} << 28) + 1);
  expect_error(kFailed, {"huge.jpg", "268435457 bytes"}, [&] { read_image(folder / "huge.jpg"); });
}

TEST(ImageTest, RefusesEveryTruncation) {
  const Image image = test_picture(9, 10);
  const auto refused = [](const std::string& file, std::size_t end) {
    for (std::size_t kept = 0; kept + end < file.size(); ++kept) {
      SCOPED_TRACE(kept);
      expect_error(kFailed, {"p: "}, [&] { decode(file.substr(0, kept)); });
    }
  };
  refused(jpeg_file(image), 2);
  refused(jpeg_file(image, true), 2);
  refused(png_file(image), kEndChunk);
  refused(png_file(image, 8, true), kEndChunk);
}

TEST(ImageTest, APngMayEndBehindItsRows) {
  const Image image = test_picture(9, 10);
  for (const bool interlaced : {false, true}) {
    const std::string file = png_file(image, 8, interlaced);
    for (std::size_t missing = 1; missing <= kEndChunk; ++missing) {
      SCOPED_TRACE(missing);
      EXPECT_EQ(decode(file.substr(0, file.size() - missing)).rgb, image.rgb);
    }
  }
}

// What some cameras write, and Pillow reads: the scan's last coefficient, and the version of JFIF.
TEST(ImageTest, JpegsThatDecodeToTheSamePixelsAreTaken) {
  const std::string sound = jpeg_file(test_picture(9, 10));
  std::string other_scan = sound, other_version = sound;
  constexpr std::size_t kLastCoefficient = 12;  // from the marker on, in a scan of three components
  const std::size_t scan = sound.find("\xff\xda"), version = sound.find("JFIF") + 5;
  ASSERT_EQ(other_scan[scan + kLastCoefficient], 63);
  other_scan[scan + kLastCoefficient] = 0;
  ASSERT_EQ(other_version[version], 1);
  other_version[version] = 3;
  EXPECT_EQ(decode(other_scan).rgb, decode(sound).rgb);
  EXPECT_EQ(decode(other_version).rgb, decode(sound).rgb);
}

TEST(ImageTest, RefusesDamagedData) {
  std::string png = png_file(test_picture(9, 10));
  png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 1);
  expect_error(kFailed, {"p: is no sound PNG file: "}, [&] { decode(png); });
}

// Before any memory is taken: a picture of 65500 x 65500 would need 12 GB.
TEST(ImageTest, RefusesClaimsThatAreTooLargeOrThatTheFileCannotHold) {
  const std::string jpeg = jpeg_file(test_picture(9, 10));
  expect_error(kFailed, {"claims 65500 x 65500 pixels, more than"},
               [&] { decode(with_claim(jpeg, 65500, 65500)); });
  expect_error(kFailed, {"claims 10000 x 10000 pixels, which its"},
               [&] { decode(with_claim(jpeg, 10000, 10000)); });
  expect_error(kFailed, {"p: "}, [&] { decode(with_claim(jpeg, 0, 10)); });
  // A single colour deflates to a thousandth, which is within the format.
  EXPECT_EQ(decode(png_file({500, 700, std::vector<uint8_t>(500 * 700 * 3)})).width, 700);
}

TEST(ImageTest, HeadersAreReadWithoutThePixels) {
  const std::string file = jpeg_file(test_picture(9, 10));
  const std::string jpeg = file.substr(0, file.find("\xff\xda") + 20);
  expect_error(kFailed, {"p: "}, [&] { decode(jpeg); });
  const ImageHeader header = read_image_header(bytes_of(jpeg), "p");
  EXPECT_EQ(header.format, ImageFormat::kJpeg);
  EXPECT_EQ(header.height, 9);
  EXPECT_EQ(header.width, 10);
}

TEST(ImageTest, OnlyJpegScales) {
  const std::string png = png_file(test_picture(9, 10));
  expect_error(ErrorKind::kInvalidArgument, {"own size"}, [&] { decode(png, 4); });
  expect_error(ErrorKind::kInvalidArgument, {"1/8 to 8/8"}, [&] { decode(png, 9); });
}

// Gives each chunk the checksum of what it holds, as far as there are chunks.
void mend_checksums(std::string& png) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(png.data());
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = static_cast<std::size_t>(bytes[at]) << 24 | bytes[at + 1] << 16 |
                               bytes[at + 2] << 8 | bytes[at + 3];
    if (length > png.size() - at - 12) return;
    const uint64_t sum = ::crc32(0, bytes + at + 4, static_cast<uInt>(length + 4));
    put_u16(png, at + 8 + length, static_cast<unsigned>(sum >> 16));
    put_u16(png, at + 10 + length, static_cast<unsigned>(sum & 0xffff));
    at += length + 12;
  }
}

// Mutants of files: an error of one line that names the file, or a picture of the size it claims.
// Checksums guard a PNG, so half of its mutants get them made good.
TEST(ImageFuzz, Mutants) {
  const Image image = test_picture(11, 17);
  const std::string files[] = {jpeg_file(image), jpeg_file(image, true), png_file(image),
                               png_file(image, 16, true)};
  uint32_t state = 1;
  const auto below = [&](std::size_t bound) {
    state = state * 1664525u + 1013904223u;
    return static_cast<std::size_t>(state >> 8) % bound;
  };
  int accepted = 0, refused = 0;
  for (int i = 0; i < 8000; ++i) {
    std::string mutant = files[i % 4];
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(mutant.size());
      switch (below(5)) {
        case 0:
          mutant[at] = static_cast<char>(below(256));
          break;
        case 1:
          mutant.erase(at, 1 + below(8));
          break;
        case 2:
          mutant.insert(at, mutant.substr(below(mutant.size()), 1 + below(40)));
          break;
        case 3:
          mutant[at] = static_cast<char>(0xff);
          break;
        default:
          mutant.resize(at + 1);
      }
    }
    if (i % 8 >= 6) mend_checksums(mutant);
    try {
      const Image read = decode(mutant, i % 4 < 2 ? 1 + static_cast<int>(below(8)) : 8);
      ASSERT_EQ(read.rgb.size(), static_cast<std::size_t>(read.height * read.width * 3));
      ++accepted;
    } catch (const Error& error) {
      const std::string message = error.what();
      ASSERT_TRUE(message.starts_with("p: ")) << message;
      ASSERT_EQ(message.find('\n'), std::string::npos) << message;
      ++refused;
    }
  }
  EXPECT_GT(accepted, 500) << "a changed coefficient is still a picture";
  EXPECT_GT(refused, 3000);
}

}  // namespace
}  // namespace voluta
