#include <voluta/core/error.h>
#include <voluta/io/file.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

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

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(const std::string& path) : file_(path) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) {
      fail(ErrorKind::kOutOfMemory, path + ": no memory to decompress it");
    }
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  std::size_t read(void* to, std::size_t count) override {
    auto* bytes = static_cast<Bytef*>(to);
    std::size_t done = 0;
    while (done < count && !ended_) {
      if (stream_.avail_in == 0) refill();
      const auto wanted = static_cast<uInt>(std::min<std::size_t>(count - done, 1u << 30));
      stream_.next_out = bytes + done;
      stream_.avail_out = wanted;
      step();
      done += wanted - stream_.avail_out;
    }
    return done;
  }
  uint64_t most_bytes() const override { return file_.bytes() * kMostExpansion; }

 private:
  // A deflate code of two bits can stand for 258 bytes (RFC 1951, 3.2.5).
  static constexpr uint64_t kMostExpansion = 1032;

  void refill() {
    const auto count =
        static_cast<std::size_t>(std::min<uint64_t>(buffer_.size(), file_.bytes() - position_));
    if (count == 0) fail_at(file_.path(), "the gzip stream is truncated; get the file again");
    file_.read_at(position_, buffer_.data(), count);
    position_ += count;
    stream_.next_in = buffer_.data();
    stream_.avail_in = static_cast<uInt>(count);
  }

  void step() {
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      if (stream_.avail_in > 0 || position_ < file_.bytes()) {
        fail_at(file_.path(), "there are bytes after the end of the gzip stream");
      }
      ended_ = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail_at(file_.path(), std::string("the gzip stream is corrupt (") +
                                (stream_.msg ? stream_.msg : zError(status)) +
                                "); get the file again");
    }
  }

  InputFile file_;
  z_stream stream_{};
  std::array<Bytef, 65536> buffer_{};
  uint64_t position_ = 0;
  bool ended_ = false;
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
  unsigned char magic[2] = {};
  {
    const InputFile file(path);
    if (file.bytes() >= 2) file.read_at(0, magic, 2);
  }
  if (magic[0] == 0x1f && magic[1] == 0x8b) return std::make_unique<GzipSource>(path);
  return std::make_unique<PlainSource>(path);
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
