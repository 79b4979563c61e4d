#include <voluta/core/error.h>
#include <voluta/io/decompress.h>

#include <lzma.h>

#include <algorithm>
#include <array>

namespace voluta {
namespace {

const char* reason(lzma_ret status) {
  switch (status) {
    case LZMA_MEMLIMIT_ERROR:
      return "its dictionary is larger than 128 MiB";
    case LZMA_OPTIONS_ERROR:
      return "it uses a filter that is unknown here";
    default:
      return "its check fails";
  }
}

class XzSource : public ByteSource {
 public:
  explicit XzSource(const std::string& path) : file_(path) {
    constexpr uint64_t kMostMemory = uint64_t{128} << 20;
    if (lzma_stream_decoder(&stream_, kMostMemory, 0) != LZMA_OK) {
      fail(ErrorKind::kOutOfMemory, path + ": no memory to decompress it");
    }
  }
  ~XzSource() override { lzma_end(&stream_); }

  std::size_t read(void* to, std::size_t count) override {
    stream_.next_out = static_cast<uint8_t*>(to);
    stream_.avail_out = count;
    while (stream_.avail_out > 0 && !ended_) {
      if (stream_.avail_in == 0) refill();
      step();
    }
    return count - stream_.avail_out;
  }
  uint64_t most_bytes() const override { return file_.bytes() * kMostExpansion; }

 private:
  // A match of at most 273 bytes takes 14 binary decisions, each of at least
  // log2(2048 / (2048 - 31)) = 0.022 bits: 7,090 times.
  static constexpr uint64_t kMostExpansion = 8192;

  void refill() {
    const auto count =
        static_cast<std::size_t>(std::min<uint64_t>(buffer_.size(), file_.bytes() - position_));
    if (count == 0) fail_at(file_.path(), "the xz stream is truncated; get the file again");
    file_.read_at(position_, buffer_.data(), count);
    position_ += count;
    stream_.next_in = buffer_.data();
    stream_.avail_in = count;
  }

  void step() {
    const lzma_ret status = lzma_code(&stream_, LZMA_RUN);
    if (status == LZMA_STREAM_END) {
      if (stream_.avail_in > 0 || position_ < file_.bytes()) {
        fail_at(file_.path(), "there are bytes after the end of the xz stream");
      }
      ended_ = true;
    } else if (status == LZMA_MEM_ERROR) {
      fail(ErrorKind::kOutOfMemory, file_.path() + ": no memory to decompress it");
    } else if (status != LZMA_OK && status != LZMA_BUF_ERROR) {
      fail_at(file_.path(),
              std::string("the xz stream is corrupt (") + reason(status) + "); get the file again");
    }
  }

  InputFile file_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  std::array<uint8_t, 65536> buffer_{};
  uint64_t position_ = 0;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_xz(const std::string& path) {
  return std::make_unique<XzSource>(path);
}

}  // namespace voluta
