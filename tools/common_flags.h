#pragma once

// Flags that several commands share.

#include <voluta/core/graph/plan.h>

#include "command_line.h"

namespace voluta::cli {

struct DeviceFlags {
  std::string device;  // empty: the GPU where there is one, else the CPU
  std::string engines = "default";
  bool no_fuse = false, allow_tf32 = false, tune = false, quiet = false;

  void declare(Flags& flags);

  // Throws kNoDevice, with the reason, where the named device is not there.
  PlanOptions plan_options() const;

  // Where the device was not named and there is no GPU, says so on standard error: "no GPU: <why>;
  // <doing> on the CPU". Called when the inputs are known to be good: an error is one line alone.
  void note_cpu(const PlanOptions& plan, const char* doing) const;
};

std::string bytes_text(std::size_t bytes);  // "1.9 MiB"

}  // namespace voluta::cli
