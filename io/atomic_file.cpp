#include <voluta/io/atomic_file.h>
#include <voluta/io/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace voluta {
namespace {

std::string reason(int error) {
  return std::error_code(error, std::generic_category()).message();
}

void sync_folder(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // the rename is done; a folder that cannot be read can still be used
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)), temporary_(path_ + ".tmp" + std::to_string(::getpid())) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_to_write(errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  const auto* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t put = ::write(descriptor_, next, count);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_to_write(errno);
    next += put;
    count -= static_cast<std::size_t>(put);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail_to_write(errno);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail_to_write(errno);
  ::close(descriptor_);
  descriptor_ = -1;
  sync_folder(path_);
}

void AtomicFile::fail_to_write(int error) const {
  fail_at(path_,
          "cannot be written: " + reason(error) + "; choose another folder or free the disk");
}

}  // namespace voluta
