#pragma once

// TFRecord, the frames that TensorBoard's event files are made of:
//   u64 bytes of the record, u32 masked CRC-32C of these eight; the record, u32 its masked CRC-32C
// little-endian; a CRC is masked by ((c >> 15) | (c << 17)) + 0xa282ead8. Source: "TFRecord and
// tf.train.Example", tensorflow.org/tutorials/load_data/tfrecord. A record that a crash left
// unfinished at the end is what readers of the format wait for, so it needs no file set aside.

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace voluta {

class RecordFile {
 public:
  // Throws kFailed where the file is there already or cannot be made.
  explicit RecordFile(std::string path);

  // Readers see the record when this returns. Throws kFailed where the disk is full.
  void append(std::string_view record);

  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void fail_to_write() const;

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace voluta
