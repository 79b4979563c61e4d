#pragma once

// The folder a command writes to, checked before any work and left as it was where the work fails.

#include <filesystem>
#include <string>
#include <vector>

namespace voluta::cli {

class OutputFolder {
 public:
  // Makes the folder and those above it where they are missing and proves that a file can be
  // written there. Throws kFailed, naming the folder.
  explicit OutputFolder(const std::string& path);
  ~OutputFolder();  // removes the folders it made, as far as they are empty
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  std::string path() const { return path_.string(); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;  // outermost first
};

// Throws kFailed unless a file of this path can be written.
void check_writable(const std::string& path);

}  // namespace voluta::cli
