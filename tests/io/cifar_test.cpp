// The CIFAR reader: records in their place, and every way in which a file can be wrong.

#include <gtest/gtest.h>
#include <voluta/io/cifar.h>

#include "io/compress.h"
#include "io/temporary_folder.h"

namespace voluta {
namespace {

constexpr std::size_t kPlane = 32 * 32;

uint8_t pixel(std::size_t record, std::size_t c, std::size_t i) {
  return static_cast<uint8_t>(record * 31 + c * 101 + i * 7 + i / 32);
}

// Records with these label bytes each.
std::string records(const std::vector<std::string>& labels) {
  std::string bytes;
  for (std::size_t n = 0; n < labels.size(); ++n) {
    bytes += labels[n];
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t i = 0; i < kPlane; ++i) bytes += static_cast<char>(pixel(n, c, i));
    }
  }
  return bytes;
}

class Cifar : public ::testing::Test {
 protected:
  void expect_refused(const std::string& test_batch, std::initializer_list<std::string> parts) {
    write_bytes(folder_ / "test_batch.bin", test_batch);
    expect_error(ErrorKind::kFailed, parts, [&] { read_cifar10(folder_.path(), Split::kTest); });
  }
  TemporaryFolder folder_;
};

TEST_F(Cifar, PutsRecordsInTheirPlace) {
  const std::string bytes = records({"\x03", {"\0", 1}, "\x09"});
  for (const auto& [suffix, stored] :
       std::map<std::string, std::string>{{"", bytes}, {".gz", gzip(bytes)}, {".xz", xz(bytes)}}) {
    const TemporaryFolder folder;
    write_bytes(folder / ("test_batch.bin" + suffix), stored);
    EXPECT_TRUE(has_cifar10(folder.path()));
    const LabelledImages data = read_cifar10(folder.path(), Split::kTest);
    ASSERT_EQ(data.images.shape(), (Shape{3, 32, 32, 3}));
    EXPECT_EQ(data.classes, 10);
    const auto labels = data.labels.data<int64_t>();
    EXPECT_EQ(std::vector<int64_t>(labels.begin(), labels.end()), (std::vector<int64_t>{3, 0, 9}));
    const auto pixels = data.images.data<uint8_t>();
    for (std::size_t n = 0; n < 3; ++n) {
      for (std::size_t i = 0; i < kPlane; ++i) {
        for (std::size_t c = 0; c < 3; ++c) {
          ASSERT_EQ(pixels[(n * kPlane + i) * 3 + c], pixel(n, c, i));
        }
      }
    }
  }
}

TEST_F(Cifar, JoinsTheFiveBatchesInOrder) {
  for (int i = 1; i <= 5; ++i) {
    const std::string label(1, static_cast<char>(i));
    write_bytes(folder_ / ("data_batch_" + std::to_string(i) + ".bin"), records({label, label}));
  }
  const LabelledImages data = read_cifar10(folder_.path(), Split::kTrain);
  const auto labels = data.labels.data<int64_t>();
  EXPECT_EQ(std::vector<int64_t>(labels.begin(), labels.end()),
            (std::vector<int64_t>{1, 1, 2, 2, 3, 3, 4, 4, 5, 5}));
  std::filesystem::remove(folder_ / "data_batch_4.bin");
  expect_error(ErrorKind::kFailed, {folder_.path(), "neither data_batch_4.bin nor"},
               [&] { read_cifar10(folder_.path(), Split::kTrain); });
}

TEST_F(Cifar, TakesTheWholeTestBatchBeforeItsPart) {
  write_bytes(folder_ / "test_batch_first1017.bin", records({"\x01"}));
  EXPECT_EQ(read_cifar10(folder_.path(), Split::kTest).count(), 1);
  write_bytes(folder_ / "test_batch.bin.gz", gzip(records({"\x01", "\x02"})));
  EXPECT_EQ(read_cifar10(folder_.path(), Split::kTest).count(), 2);
}

TEST_F(Cifar, ReadsTheFineLabelsOfCifar100) {
  write_bytes(folder_ / "train.bin", records({"\x13\x63", "\x01\x2a"}));
  EXPECT_TRUE(has_cifar100(folder_.path()));
  EXPECT_FALSE(has_cifar10(folder_.path()));
  const LabelledImages data = read_cifar100(folder_.path(), Split::kTrain);
  EXPECT_EQ(data.classes, 100);
  EXPECT_EQ(data.labels.data<int64_t>()[0], 99);
  EXPECT_EQ(data.labels.data<int64_t>()[1], 42);
  EXPECT_EQ(data.images.data<uint8_t>()[0], pixel(0, 0, 0));

  const std::string path = folder_ / "test.bin";
  const auto refused = [&](const std::string& bytes, std::initializer_list<std::string> parts) {
    write_bytes(path, bytes);
    expect_error(ErrorKind::kFailed, parts, [&] { read_cifar100(folder_.path(), Split::kTest); });
  };
  refused(records({"\x13\x63", "\x14\x01"}), {path, "record 1 at byte 3074", "label 20", "0..19"});
  refused(records({"\x01\x64"}), {path, "record 0 at byte 1", "label 100", "0..99"});
}

TEST_F(Cifar, RefusesBadFiles) {
  const std::string path = folder_ / "test_batch.bin", good = records({"\x01", "\x02"});
  expect_refused("", {path, "is empty"});
  expect_refused(good.substr(0, good.size() - 1),
                 {path, "record 1 at byte 3073", "3072 of 3073 bytes", "truncated"});
  expect_refused(good + "x", {path, "record 2 at byte 6146", "1 of 3073 bytes"});
  expect_refused(records({"\x01", "\x0a"}), {path, "record 1 at byte 3073", "label 10", "0..9"});
  expect_refused(records({"\xff"}), {path, "record 0", "label 255"});
  expect_refused(records({"\x01\x02"}), {path, "no CIFAR-10 file"});  // of CIFAR-100
  expect_refused(xz(good).substr(0, 100), {path, "the xz stream is truncated"});
}

TEST_F(Cifar, RefusesAFileThatIsTooLong) {
  write_bytes(folder_ / "test_batch.bin", "");
  std::filesystem::resize_file(folder_ / "test_batch.bin", std::size_t{3073} << 20);  // a hole
  expect_error(ErrorKind::kFailed, {"test_batch.bin", "holds more than 268435456 bytes"},
               [&] { read_cifar10(folder_.path(), Split::kTest); });
}

TEST_F(Cifar, NamesWhatIsMissing) {
  expect_error(ErrorKind::kFailed, {folder_.path(), "neither test_batch.bin nor"},
               [&] { read_cifar10(folder_.path(), Split::kTest); });
  expect_error(ErrorKind::kFailed, {"absent", "is not a folder"},
               [&] { read_cifar10(folder_ / "absent", Split::kTrain); });
  std::filesystem::create_directory(folder_ / "test_batch.bin");
  expect_error(ErrorKind::kFailed, {"test_batch.bin", "not a regular file"},
               [&] { read_cifar10(folder_.path(), Split::kTest); });
}

}  // namespace
}  // namespace voluta
