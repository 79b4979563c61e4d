// The IDX reader on good files, and on every kind of bad one: one clear error each.

#include <gtest/gtest.h>
#include <voluta/io/idx.h>

#include <sys/stat.h>

#include "io/compress.h"
#include "io/temporary_folder.h"

namespace voluta {
namespace {

std::string big_endian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string idx(const std::string& magic, std::initializer_list<uint32_t> extents,
                const std::string& body) {
  std::string bytes = magic;
  for (const uint32_t extent : extents) bytes += big_endian(extent);
  return bytes + body;
}

const std::string kImages{"\0\0\x08\x03", 4}, kLabels{"\0\0\x08\x01", 4};

class Idx : public ::testing::Test {
 protected:
  std::string file(const std::string& bytes) {
    write_bytes(path_, bytes);
    return path_;
  }
  void expect_refused(const std::string& bytes, const std::string& why, int rank = 3) {
    SCOPED_TRACE(why);
    const std::string path = file(bytes);
    expect_error(ErrorKind::kFailed, {path, why}, [&] { read_idx(path, rank); });
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "images-idx3-ubyte";
};

TEST_F(Idx, ReadsPlainAndCompressed) {
  const std::string bytes = idx(kImages, {2, 2, 3}, "abcdefghijkl");
  for (const std::string& stored : {bytes, gzip(bytes), xz(bytes)}) {
    const Tensor tensor = read_idx(file(stored), 3);
    EXPECT_EQ(tensor.shape(), (Shape{2, 2, 3}));
    EXPECT_EQ(std::string(tensor.data<uint8_t>().begin(), tensor.data<uint8_t>().end()),
              "abcdefghijkl");
  }
}

TEST_F(Idx, WritesWhatItReads) {
  Tensor tensor(DType::u8, {300, 1, 2});
  for (std::size_t i = 0; i < 600; ++i) tensor.data<uint8_t>()[i] = static_cast<uint8_t>(i * 7);
  write_idx(path_, tensor);
  const Tensor back = read_idx(path_, 3);
  EXPECT_EQ(back.type(), tensor.type());
  EXPECT_TRUE(std::ranges::equal(back.data<uint8_t>(), tensor.data<uint8_t>()));
  EXPECT_EQ(folder_.entries(), 1u) << "a temporary file is left";
}

TEST_F(Idx, RefusesBadHeaders) {
  expect_refused("", "truncated");
  expect_refused(std::string("\0\0\x08", 3), "truncated");
  expect_refused("PNG!" + std::string(20, 'x'), "is not an IDX file");
  expect_refused(idx({"\0\0\x0d\x03", 4}, {1, 1, 1}, "abcd"), "element type is 0x0d");
  expect_refused(idx({"\0\0\x08\x00", 4}, {}, ""), "0 extents");
  expect_refused(idx({"\0\0\x08\xff", 4}, {1, 1, 1}, "a"), "255 extents");
  expect_refused(idx(kLabels, {1}, "a"), "1 extents where 3");
  expect_refused(idx(kImages, {1, 1}, ""), "truncated");
  expect_refused(idx(kImages, {0, 1, 1}, ""), "extent 0 as 0");
  expect_refused(idx(kImages, {1, 1, 0}, ""), "extent 2 as 0");
  expect_refused(idx(kImages, {0xffffffff, 0xffffffff, 0xffffffff}, "a"), "more than");
  expect_refused(idx(kImages, {0x80000000, 2, 1}, "a"), "more than");
}

TEST_F(Idx, RefusesBadBodies) {
  expect_refused(idx(kImages, {2, 2, 3}, "abcdefghijk"), "truncated");
  expect_refused(idx(kImages, {1000000, 28, 28}, "abc"), "truncated");
  expect_refused(idx(kImages, {2, 2, 3}, "abcdefghijklm"), "bytes after the 12 elements");
}

TEST_F(Idx, RefusesBadGzip) {
  const std::string good = gzip(idx(kImages, {2, 2, 3}, "abcdefghijkl"));
  expect_refused(good.substr(0, good.size() - 1), "truncated");
  expect_refused(good + "x", "after the end of the gzip stream");
  std::string wrong_sum = good;
  wrong_sum[good.size() - 8] = static_cast<char>(wrong_sum[good.size() - 8] ^ 1);
  expect_refused(wrong_sum, "corrupt");
  expect_refused("\x1f\x8b and then none", "corrupt");
}

TEST_F(Idx, RefusesBadXz) {
  const std::string good = xz(idx(kImages, {2, 2, 3}, "abcdefghijkl"));
  expect_refused(good.substr(0, good.size() - 1), "truncated");
  expect_refused(good + "x", "after the end of the xz stream");
  std::string wrong_sum = good;
  wrong_sum[good.size() - 20] = static_cast<char>(wrong_sum[good.size() - 20] ^ 1);
  expect_refused(wrong_sum, "corrupt");
  expect_refused(std::string("\xfd\x37zXZ\0 and then none", 20), "corrupt");
}

// A small file that would become a gigabyte: refused by what the header says, or by what follows
// the elements, without unpacking it.
TEST_F(Idx, RefusesBombs) {
  const std::string zeros(64 << 20, '\0');
  expect_refused(gzip(idx(kImages, {1, 2, 3}, zeros)), "bytes after the 6 elements");
  expect_refused(xz(idx(kImages, {1, 2, 3}, zeros)), "bytes after the 6 elements");
  expect_refused(gzip(idx(kImages, {1 << 16, 1 << 7, 1 << 7}, "")), "cannot hold more");
}

TEST_F(Idx, RefusesWhatIsNoFile) {
  expect_error(ErrorKind::kFailed, {folder_.path()}, [&] { read_idx(folder_.path(), 3); });
  expect_error(ErrorKind::kFailed, {"absent"}, [&] { read_idx(folder_ / "absent", 3); });
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_error(ErrorKind::kFailed, {"not a regular file"}, [&] { read_idx(pipe, 3); });
  expect_error(ErrorKind::kFailed, {"not a regular file"}, [&] { read_idx("/dev/zero", 3); });
}

TEST_F(Idx, WritesExtentsThatItsHeaderHolds) {
  const std::string path = folder_ / "written";
  for (const Shape& shape : {Shape{int64_t{1} << 32, 0}, Shape{3, 0}}) {
    expect_error(ErrorKind::kInvalidArgument, {path, to_string(shape), "1 to 4294967295"},
                 [&] { write_idx(path, Tensor(DType::u8, shape)); });
  }
  expect_error(ErrorKind::kInvalidArgument, {path, "u8", "i64"},
               [&] { write_idx(path, Tensor(DType::i64, {3})); });
  EXPECT_FALSE(std::filesystem::exists(path));
}

// Every prefix is refused; a flipped byte is refused or changes one element.
TEST_F(Idx, SurvivesEveryTruncationAndFlip) {
  const std::string plain = idx(kImages, {2, 3, 2}, "abcdefghijkl");
  for (const std::string& good : {plain, gzip(plain), xz(plain)}) {
    for (std::size_t size = 0; size < good.size(); ++size) {
      const std::string path = file(good.substr(0, size));
      EXPECT_THROW(read_idx(path, 3), Error) << "prefix of " << size;
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = good;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
        const std::string path = file(flipped);
        try {
          EXPECT_EQ(read_idx(path, 3).elements(), 12);
        } catch (const Error& error) {
          EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
        }
      }
    }
  }
}

}  // namespace
}  // namespace voluta
