#include <voluta/core/error.h>
#include <voluta/io/cifar.h>
#include <voluta/io/file.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <vector>

namespace voluta {
namespace {

constexpr std::size_t kSide = 32, kChannels = 3, kPixels = kSide * kSide;

// What stands before the pixels of a record.
struct Form {
  std::size_t label_bytes;  // the last one is the label
  std::array<int, 2> classes;
  std::size_t record_bytes() const { return label_bytes + kChannels * kPixels; }
};
constexpr Form kCifar10{1, {10, 0}};
constexpr Form kCifar100{2, {20, 100}};

// The file as a whole, checked. It grows with what was read: a compressed file does not say how
// long it will be.
std::vector<uint8_t> read_records(const std::string& path, const Form& form) {
  constexpr std::size_t kPiece = std::size_t{4} << 20;
  const std::unique_ptr<ByteSource> source = open_bytes(path);
  std::vector<uint8_t> bytes;
  for (std::size_t got = kPiece; got == kPiece;) {
    const std::size_t before = bytes.size();
    bytes.resize(before + kPiece);
    got = source->read(bytes.data() + before, kPiece);
    bytes.resize(before + got);
    if (bytes.size() > kMostCifarBytes) {
      fail_at(path, fmt::format("holds more than {} bytes", kMostCifarBytes));
    }
  }
  const std::size_t record = form.record_bytes(), rest = bytes.size() % record;
  if (bytes.empty()) fail_at(path, "is empty; get the file again");
  if (rest != 0) {
    fail_at(path, fmt::format("record {} at byte {} has {} of {} bytes: the file is truncated or "
                              "no CIFAR-{} file",
                              bytes.size() / record, bytes.size() - rest, rest, record,
                              form.classes[form.label_bytes - 1]));
  }
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    for (std::size_t i = 0; i < form.label_bytes; ++i) {
      if (bytes[at + i] < form.classes[i]) continue;
      fail_at(path, fmt::format("record {} at byte {}: label {} is outside 0..{}", at / record,
                                at + i, bytes[at + i], form.classes[i] - 1));
    }
  }
  return bytes;
}

// [C,H,W] -> [H,W,C]
void interleave(const uint8_t* planes, uint8_t* pixels) {
  for (std::size_t i = 0; i < kPixels; ++i) {
    for (std::size_t c = 0; c < kChannels; ++c) *pixels++ = planes[c * kPixels + i];
  }
}

LabelledImages read_files(const std::vector<std::string>& paths, const Form& form) {
  // Decompression is most of the work, and the files know nothing of each other.
  std::vector<std::future<std::vector<uint8_t>>> reading;
  for (const std::string& path : paths) {
    reading.push_back(std::async(std::launch::async, read_records, path, form));
  }
  std::vector<std::vector<uint8_t>> files;
  std::size_t count = 0;
  for (auto& file : reading) {
    files.push_back(file.get());
    count += files.back().size() / form.record_bytes();
  }
  const auto n = static_cast<int64_t>(count);
  constexpr auto kExtent = static_cast<int64_t>(kSide);
  LabelledImages data{Tensor(DType::u8, {n, kExtent, kExtent, int64_t{kChannels}}),
                      Tensor(DType::i64, {n}), form.classes[form.label_bytes - 1]};
  uint8_t* pixels = data.images.data<uint8_t>().data();
  int64_t* label = data.labels.data<int64_t>().data();
  for (std::vector<uint8_t>& file : files) {
    for (std::size_t at = 0; at < file.size(); at += form.record_bytes()) {
      *label++ = file[at + form.label_bytes - 1];
      interleave(file.data() + at + form.label_bytes, pixels);
      pixels += kChannels * kPixels;
    }
    file = {};
  }
  return data;
}

std::string batch_name(int i) {
  return fmt::format("data_batch_{}.bin", i);
}
constexpr const char* kTestBatch = "test_batch.bin";
constexpr const char* kPartOfTestBatch = "test_batch_first1017.bin";

std::string require(const std::string& folder, const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    fail_at(folder, "is not a folder; one that holds CIFAR's .bin files is needed");
  }
  const std::string path = find_file(folder, name);
  if (path.empty()) fail_at(folder, "holds neither " + name + " nor its .gz or .xz");
  return path;
}

bool has_any(const std::string& folder, std::initializer_list<std::string> names) {
  return std::ranges::any_of(names, [&](const auto& n) { return !find_file(folder, n).empty(); });
}

}  // namespace

LabelledImages read_cifar10(const std::string& folder, Split split) {
  std::vector<std::string> paths;
  if (split == Split::kTrain) {
    for (int i = 1; i <= 5; ++i) paths.push_back(require(folder, batch_name(i)));
  } else {
    const std::string part = find_file(folder, kPartOfTestBatch);
    const bool whole = part.empty() || !find_file(folder, kTestBatch).empty();
    paths.push_back(whole ? require(folder, kTestBatch) : part);
  }
  return read_files(paths, kCifar10);
}

LabelledImages read_cifar100(const std::string& folder, Split split) {
  return read_files({require(folder, split == Split::kTrain ? "train.bin" : "test.bin")},
                    kCifar100);
}

bool has_cifar10(const std::string& folder) {
  return has_any(folder, {batch_name(1), kTestBatch, kPartOfTestBatch});
}

bool has_cifar100(const std::string& folder) {
  return has_any(folder, {"train.bin", "test.bin"});
}

}  // namespace voluta
