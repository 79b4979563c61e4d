#include <voluta/core/error.h>

namespace voluta {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return 2;
    case ErrorKind::kNoDevice:
      return 3;
    case ErrorKind::kVerification:
      return 4;
    case ErrorKind::kFailed:
    case ErrorKind::kOutOfMemory:
      return 1;
  }
  return 1;
}

void fail(ErrorKind kind, const std::string& message) {
  throw Error(kind, message);
}

void invalid(const std::string& message) {
  fail(ErrorKind::kInvalidArgument, message);
}

}  // namespace voluta
