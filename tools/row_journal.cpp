#include "row_journal.h"

#include <voluta/io/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace voluta::cli {
namespace {

[[noreturn]] void fail_to_write(const std::string& path, int error) {
  fail_at(path, "cannot be written: " + std::error_code(error, std::generic_category()).message());
}

}  // namespace

std::string RowJournal::path_for(const std::string& path) {
  return path.empty() ? "" : path + ".partial";
}

RowJournal::RowJournal(const std::string& path) : path_(path_for(path)) {
  if (path_.empty()) return;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_to_write(path_, errno);
}

RowJournal::~RowJournal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RowJournal::append(std::span<const CompareRow> rows) {
  for (const CompareRow& row : rows) write(row_json(row));
}

void RowJournal::append_incomplete(const std::string& why) {
  write(incomplete_json(why));
}

void RowJournal::write(const std::string& line) {
  if (descriptor_ < 0) return;
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t put = ::write(descriptor_, text.data() + done, text.size() - done);
    if (put < 0 && errno != EINTR) fail_to_write(path_, errno);
    if (put > 0) done += static_cast<std::size_t>(put);
  }
}

void RowJournal::remove() {
  if (descriptor_ >= 0) ::unlink(path_.c_str());
}

}  // namespace voluta::cli
