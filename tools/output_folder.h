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

// Whether both are the name of one file, there or not. `b` may be empty; pipes and devices, which lose nothing by
// being written, count as none.
bool is_one_file(const std::string& a, const std::string& b);

// Something that stands in the way of a file to be written: the flag that names it, or words, and its path, which
// may be empty.
struct Occupied {
  std::string name, path;
};

// Throws kFailed unless a file of this path can be written, and invalid() where it is one of the others, by whatever
// name: what a command reads, or writes besides.
void check_writable(const std::string& path, const std::vector<Occupied>& others = {});

}  // namespace voluta::cli
