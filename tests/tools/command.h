#pragma once

// Runs the binary under test (build folder's voluta, or voluta-simt in the SIMT build's tests) and
// keeps what it printed.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "io/temporary_folder.h"

namespace voluta {

// The binary, and the device that its tests of all engines name.
#ifdef VOLUTA_SIMT
inline constexpr const char* kBinaryName = "voluta-simt";
inline constexpr const char* kDevice = " --device simt";
#else
inline constexpr const char* kBinaryName = "voluta";
inline constexpr const char* kDevice = " --device cpu";
#endif

// Test programs stand in build/<preset>/tests, the binaries one folder above.
inline std::string binary() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path().parent_path() / kBinaryName).string();
}

struct Outcome {
  int code = -1;
  std::string out, err;
};

// `arguments` go through the shell.
inline Outcome run_command(const std::string& arguments, const std::string& environment = "") {
  const TemporaryFolder folder;
  const std::string command = environment + " '" + binary() + "' " + arguments + " >'" +
                              (folder / "out") + "' 2>'" + (folder / "err") + "' </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          read_bytes(folder / "out"), read_bytes(folder / "err")};
}

// The command ends with this code, prints nothing on standard output, and says why in one line on
// standard error that holds each of the parts.
inline void expect_refused(const std::string& arguments, int code,
                           std::initializer_list<std::string> parts,
                           const std::string& environment = "") {
  SCOPED_TRACE(arguments);
  const Outcome outcome = run_command(arguments, environment);
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  for (const std::string& part : parts) {
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err << " lacks " << part;
  }
}

}  // namespace voluta
