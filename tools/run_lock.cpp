#include "run_lock.h"

#include <voluta/io/file.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace voluta::cli {
namespace {

// "process 123", as the holder has written it.
std::string holder_of(int descriptor) {
  std::array<char, 24> text{};
  const ssize_t got = ::pread(descriptor, text.data(), text.size(), 0);
  const std::string number(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  return number.empty() ? "another process" : "process " + number;
}

}  // namespace

RunLock::RunLock(const std::string& folder) : path_(folder + "/.lock") {
  do {
    if (descriptor_ >= 0) ::close(descriptor_);
    open();
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      const std::string holder = holder_of(descriptor_);
      ::close(descriptor_);
      fail_at(folder, fmt::format("{} is training here; wait for it, or take another --output-dir",
                                  holder));
    }
  } while (!is_there());
  const std::string number = std::to_string(::getpid());
  const bool written = ::ftruncate(descriptor_, 0) == 0 &&
                       ::pwrite(descriptor_, number.data(), number.size(), 0) > 0;
  static_cast<void>(written);  // on a full disk the lock holds, but says not for whom
}

RunLock::~RunLock() {
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

void RunLock::open() {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) return;
  fail_at(path_, "cannot be written: " + std::error_code(errno, std::generic_category()).message());
}

// Whether the file is still the one of its name: whoever held it before may have removed it between our
// opening and locking it.
bool RunLock::is_there() const {
  struct stat ours {
  }, named{};
  return ::fstat(descriptor_, &ours) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

}  // namespace voluta::cli
