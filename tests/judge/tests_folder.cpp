#include "tests_folder.h"

#include <voluta/core/error.h>

#include <cstdlib>
#include <filesystem>

namespace voluta::judge {

std::string tests_path(std::string_view relative) {
  namespace fs = std::filesystem;
  const char* chosen = std::getenv("VOLUTA_TESTS");
  for (const fs::path& folder :
       {fs::path(chosen ? chosen : ""), fs::path(VOLUTA_TESTS_FOLDER), fs::path("tests")}) {
    if (!folder.empty() && fs::is_directory(folder)) return (folder / relative).string();
  }
  fail(ErrorKind::kFailed, "the folder tests/ was not found; name it in VOLUTA_TESTS");
}

}  // namespace voluta::judge
