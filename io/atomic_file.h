#pragma once

// A file that appears whole or not at all: the bytes go to a temporary file beside it, and commit()
// makes them durable under the name. A crash leaves the old file, never half of the new one, and
// perhaps a temporary file "<path>.tmp<process>.<number>" that remove_leftovers() clears away. A file that is replaced
// hands down its permissions.
//
// A symbolic link stays: what it points to is replaced. A pipe or a character device, which cannot be
// replaced, is opened at the first byte and written straight through.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace voluta {

class AtomicFile {
 public:
  // Throws kFailed where the folder cannot be written, and for what is neither a file nor a pipe nor a
  // character device.
  explicit AtomicFile(std::string path);
  ~AtomicFile();  // without commit(): removes the temporary file
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, std::size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }

  // fsync, read back and compare, rename over the path, fsync of the folder. Of a pipe or a device:
  // the end of what is written.
  void commit();

 private:
  [[noreturn]] void fail_to_write(int error) const;
  void open_aside(std::optional<unsigned> permissions);
  void open_stream();
  void verify() const;

  std::string path_;       // as it was given
  std::string target_;     // behind all symbolic links
  std::string temporary_;  // empty: a pipe or device
  int descriptor_ = -1;
  uint32_t checksum_ = 0;  // CRC-32 of what was written
};

// Removes temporary files of processes that ended before they could commit, of this folder.
void remove_leftovers(const std::string& folder);

}  // namespace voluta
