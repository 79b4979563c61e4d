#pragma once

// Flags for the options of the library, which speaks of them in C++'s terms.

#include <string>

namespace voluta::cli {

// A message with the flags of the options that it names: "ScheduleOptions::step_size must be ..." is
// "--lr-step-size must be ...". What names no option stays as it is.
std::string with_flags(const std::string& message);

}  // namespace voluta::cli
