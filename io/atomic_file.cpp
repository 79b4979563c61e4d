#include <voluta/io/atomic_file.h>
#include <voluta/io/checksum.h>
#include <voluta/io/file.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

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

// Of temporary files of this process.
std::atomic<unsigned> next_number{0};

// What a symbolic link, or a chain of them, points to, whether or not it exists.
std::string behind_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // as in Linux
  std::filesystem::path target = path;
  std::error_code error;
  for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(target, error); ++i) {
    const std::filesystem::path next = std::filesystem::read_symlink(target, error);
    if (error) break;
    target = target.parent_path() / next;  // an absolute one stands for itself
  }
  return target.string();
}

struct Temporary {
  pid_t owner;
  unsigned number;
};

// "a.tmp<process>.<number>"
std::optional<Temporary> parse_temporary(const std::string& name) {
  const std::size_t at = name.rfind(".tmp");
  if (at == std::string::npos) return std::nullopt;
  Temporary found{};
  const char* const last = name.data() + name.size();
  const auto owner = std::from_chars(name.data() + at + 4, last, found.owner);
  if (owner.ec != std::errc{} || found.owner <= 0 || owner.ptr == last || *owner.ptr != '.')
    return std::nullopt;
  const auto number = std::from_chars(owner.ptr + 1, last, found.number);
  if (number.ec != std::errc{} || number.ptr != last) return std::nullopt;
  return found;
}

// A process in a container often has the number of the one before it: what this one has not come to is not its own.
bool is_left_over(const Temporary& temporary) {
  if (temporary.owner == ::getpid()) return temporary.number >= next_number;
  return ::kill(temporary.owner, 0) != 0 && errno != EPERM;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  const bool there = ::stat(path_.c_str(), &status) == 0;
  if (!there || S_ISREG(status.st_mode)) {
    open_aside(there ? std::optional<unsigned>(status.st_mode & 0777) : std::nullopt);
    return;
  }
  if (S_ISDIR(status.st_mode)) fail_to_write(EISDIR);
  const bool takes_bytes = S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode);
  if (!takes_bytes) fail_at(path_, "cannot be written: it is no file, pipe or character device");
  target_ = path_;
  if (::access(path_.c_str(), W_OK) != 0) fail_to_write(errno);
}

// With these permissions from the first byte on, else with those of a new file.
void AtomicFile::open_aside(std::optional<unsigned> permissions) {
  target_ = behind_links(path_);
  const std::string aside = target_ + ".tmp" + std::to_string(::getpid()) + ".";
  do {
    temporary_ = aside + std::to_string(next_number++);
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                         permissions.value_or(0666));
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) fail_to_write(errno);
  if (permissions) ::fchmod(descriptor_, *permissions);  // whatever the umask
}

// Not before there is something to write: opening and closing a pipe would end its reader.
void AtomicFile::open_stream() {
  if (descriptor_ >= 0) return;
  descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) fail_to_write(errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  if (temporary_.empty()) open_stream();
  checksum_ = crc32(checksum_, bytes, count);
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
  if (temporary_.empty()) {
    open_stream();
    if (::close(std::exchange(descriptor_, -1)) != 0) fail_to_write(errno);
    return;
  }
  if (::fsync(descriptor_) != 0) fail_to_write(errno);
  verify();
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail_to_write(errno);
  ::close(descriptor_);
  descriptor_ = -1;
  sync_folder(target_);
}

// What is on the disk must be what was meant. The pages written are dropped first, so that they are
// read from the disk where the system can do that.
void AtomicFile::verify() const {
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
  std::vector<unsigned char> buffer(std::size_t{1} << 20);
  uint32_t checksum = 0;
  off_t at = 0;
  while (true) {
    const ssize_t got = ::pread(descriptor_, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_to_write(errno);
    if (got == 0) break;
    checksum = crc32(checksum, buffer.data(), static_cast<std::size_t>(got));
    at += got;
  }
  if (checksum != checksum_) fail_to_write(EIO);
}

void AtomicFile::fail_to_write(int error) const {
  fail_at(path_,
          "cannot be written: " + reason(error) + "; choose another folder or free the disk");
}

void remove_leftovers(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::optional<Temporary> temporary = parse_temporary(name);
    if (temporary && is_left_over(*temporary)) std::filesystem::remove(entry.path(), error);
  }
}

}  // namespace voluta
