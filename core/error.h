#pragma once

// Errors. Voluta throws; it never prints and never exits. Every message is one line that says what
// is wrong, where, and what to do about it; the kind decides the exit code of the command line.

#include <stdexcept>
#include <string>

namespace voluta {

enum class ErrorKind {
  kFailed,           // a run that could not finish: a bad file, a full disk, a failed kernel
  kInvalidArgument,  // the caller's options or shapes make no sense
  kOutOfMemory,      // the message carries the memory manager's report
  kNoDevice,         // the device asked for is absent or unusable
  kVerification,     // a result differs from its reference
};

// Exit code of the `voluta` binary for an error: 1 failed, 2 usage, 3 no device, 4 verification.
int exit_code(ErrorKind kind);

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

[[noreturn]] void fail(ErrorKind kind, const std::string& message);

// A bad option or shape: the common case at the entry of an op, a layer or a reader.
[[noreturn]] void invalid(const std::string& message);

}  // namespace voluta
