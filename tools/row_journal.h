#pragma once

// The rows of a run on disk as soon as they are measured, so that a kill, a hang or a crash costs
// one problem and not all of them.
//
// "<path>.partial" holds a line of JSON a row, each written whole by one call. A run that ends well
// removes it when the document itself stands under its name; any other leaves it. Where the run
// could still speak, the last line is {"incomplete": "interrupted after 12 of 69 problems"}.

#include <span>
#include <string>

#include "compare_row.h"

namespace voluta::cli {

class RowJournal {
 public:
  // Nothing is kept where `path` is empty. Throws kFailed where the file cannot be made.
  explicit RowJournal(const std::string& path);
  ~RowJournal();
  RowJournal(const RowJournal&) = delete;
  RowJournal& operator=(const RowJournal&) = delete;

  // Where the lines of a document of this path are kept; empty for an empty one.
  static std::string path_for(const std::string& path);

  const std::string& path() const { return path_; }  // of the lines; empty where there are none
  void append(std::span<const CompareRow> rows);
  void append_incomplete(const std::string& why);
  void remove();

 private:
  void write(const std::string& line);

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace voluta::cli
