#include <voluta/core/error.h>
#include <voluta/io/decompress.h>
#include <voluta/io/file.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace voluta {
namespace {

std::string reason(int error) {
  return std::error_code(error, std::generic_category()).message();
}

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(const std::string& path) : file_(path) {}

  std::size_t read(void* to, std::size_t count) override {
    const auto available =
        static_cast<std::size_t>(std::min<uint64_t>(count, file_.bytes() - position_));
    file_.read_at(position_, to, available);
    position_ += available;
    return available;
  }
  uint64_t most_bytes() const override { return file_.bytes(); }

 private:
  InputFile file_;
  uint64_t position_ = 0;
};

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a pipe nobody writes to must not hang.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail_at(path, "cannot be read: " + reason(errno));
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    fail_at(path, "is not a regular file");
  }
  bytes_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  ::close(descriptor_);
}

void InputFile::read_at(uint64_t offset, void* to, std::size_t count) const {
  auto* bytes = static_cast<char*>(to);
  while (count > 0) {
    const ssize_t got = ::pread(descriptor_, bytes, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_at(path_, "cannot be read: " + reason(errno));
    if (got == 0) fail_at(path_, "ends early; it is truncated or still being written");
    bytes += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
}

std::unique_ptr<ByteSource> open_bytes(const std::string& path) {
  std::array<char, 6> magic{};
  {
    const InputFile file(path);
    file.read_at(0, magic.data(),
                 static_cast<std::size_t>(std::min<uint64_t>(file.bytes(), magic.size())));
  }
  const std::string_view start(magic.data(), magic.size());
  using namespace std::string_view_literals;
  if (start.starts_with("\x1f\x8b"sv)) return open_gzip(path);
  if (start == "\xfd\x37zXZ\0"sv) return open_xz(path);
  return std::make_unique<PlainSource>(path);
}

std::string find_file(const std::string& folder, const std::string& name) {
  for (const char* suffix : {"", ".gz", ".xz"}) {
    const std::string path = (std::filesystem::path(folder) / (name + suffix)).string();
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return {};
}

std::string quote(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string shown(text.substr(0, kMost));
  std::ranges::replace_if(
      shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return "'" + shown + (text.size() > kMost ? "..." : "") + "'";
}

void fail_at(const std::string& path, const std::string& what) {
  fail(ErrorKind::kFailed, path + ": " + what);
}

}  // namespace voluta
