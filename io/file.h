#pragma once

// Files as the readers of io/ see them: opened once, regular, of a known size; and bytes that come
// from one, plain, gzip or xz. Every error is a kFailed that begins with the path.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace voluta {

// An open file descriptor for reading. Folders, pipes and devices are refused: their size says
// nothing about what they hold.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }

  // Reads exactly `count` bytes at `offset`; throws where the file ends before.
  void read_at(uint64_t offset, void* to, std::size_t count) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  uint64_t bytes_ = 0;
};

// A stream of bytes that may be decompressed on the way.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Up to `count` bytes; fewer only at the end of the stream.
  virtual std::size_t read(void* to, std::size_t count) = 0;
  // No stream from this file can be longer: its own size, or what its format can make of it at
  // best.
  virtual uint64_t most_bytes() const = 0;
};

// Plain, gzip or xz, told apart by the first bytes and not by the name.
std::unique_ptr<ByteSource> open_bytes(const std::string& path);

// The path of `name` in a folder, else of name.gz, else of name.xz; empty where there is none.
std::string find_file(const std::string& folder, const std::string& name);

// Text from a file, made fit for a one-line message: quoted, shortened, control bytes as '?'.
std::string quote(std::string_view text);

// fail(kFailed, "path: what")
[[noreturn]] void fail_at(const std::string& path, const std::string& what);

}  // namespace voluta
