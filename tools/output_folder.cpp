#include "output_folder.h"

#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/io/file.h>

#include <fmt/format.h>

#include <ranges>

namespace voluta::cli {
namespace {

void remove_empty(const std::vector<std::filesystem::path>& folders) {
  std::error_code not_empty;
  for (const auto& folder : std::views::reverse(folders)) {
    std::filesystem::remove(folder, not_empty);
  }
}

}  // namespace

OutputFolder::OutputFolder(const std::string& path) : path_(path) {
  std::error_code error;
  std::filesystem::path folder;
  for (const auto& part : path_) {
    folder /= part;
    if (std::filesystem::exists(folder, error)) continue;
    if (!std::filesystem::create_directory(folder, error) || error) {
      remove_empty(made_);
      fail_at(path, "the output folder cannot be made: " + error.message());
    }
    made_.push_back(folder);
  }
  try {
    check_writable(file(".write-test"));
  } catch (...) {
    remove_empty(made_);
    throw;
  }
}

OutputFolder::~OutputFolder() {
  remove_empty(made_);
}

bool is_one_file(const std::string& a, const std::string& b) {
  std::error_code absent;
  if (b.empty() || std::filesystem::is_other(a, absent)) return false;
  return std::filesystem::equivalent(a, b, absent) ||
         std::filesystem::weakly_canonical(a, absent) ==
             std::filesystem::weakly_canonical(b, absent);
}

void check_writable(const std::string& path, const std::vector<Occupied>& others) {
  for (const auto& [name, other] : others) {
    if (is_one_file(path, other)) {
      invalid(fmt::format("{} is the file of {}; give the output another name", path, name));
    }
  }
  AtomicFile probe(path);  // leaves nothing without commit()
}

}  // namespace voluta::cli
