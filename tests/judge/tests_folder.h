#pragma once

#include <string>
#include <string_view>

namespace voluta::judge {

// A file or folder under tests/: $VOLUTA_TESTS, else where the sources were when this was built,
// else ./tests.
std::string tests_path(std::string_view relative);

}  // namespace voluta::judge
