#pragma once

// One run a folder: two that wrote the same files would leave neither whole.

#include <string>

namespace voluta::cli {

// Holds "<folder>/.lock", which ends with the process however that ends. On a file system without locks
// it holds nothing.
class RunLock {
 public:
  // Throws kFailed where another process holds it, naming that process.
  explicit RunLock(const std::string& folder);
  ~RunLock();  // removes the file
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  void open();
  bool is_there() const;

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace voluta::cli
