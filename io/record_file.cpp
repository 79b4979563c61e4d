#include <voluta/io/checksum.h>
#include <voluta/io/file.h>
#include <voluta/io/record_file.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace voluta {
namespace {

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

std::string masked_checksum(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes.data(), bytes.size());
  return little_endian((crc >> 15 | crc << 17) + 0xa282ead8);
}

}  // namespace

RecordFile::RecordFile(std::string path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbxe")) {
  if (!file_) fail_to_write();
}

void RecordFile::append(std::string_view record) {
  std::string frame = little_endian(uint64_t{record.size()});
  frame += masked_checksum(frame);
  frame += record;
  frame += masked_checksum(record);
  if (std::fwrite(frame.data(), 1, frame.size(), file_.get()) != frame.size() ||
      std::fflush(file_.get()) != 0) {
    fail_to_write();
  }
}

void RecordFile::fail_to_write() const {
  fail_at(path_, std::string("cannot be written: ") + std::strerror(errno));
}

}  // namespace voluta
