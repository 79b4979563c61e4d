#include <voluta/core/error.h>
#include <voluta/io/decompress.h>

#include <zlib.h>

#include <algorithm>
#include <array>

namespace voluta {
namespace {

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

std::unique_ptr<ByteSource> open_gzip(const std::string& path) {
  return std::make_unique<GzipSource>(path);
}

}  // namespace voluta
