#pragma once

// Flags that several commands share.

#include <voluta/core/graph/executor.h>

#include "command_line.h"

namespace voluta::cli {

struct DeviceFlags {
  std::string device;  // empty: the GPU where there is one, else the CPU
  std::string engines = "default";
  std::string precision = "f32";
  std::optional<double> workspace_limit;  // MiB
  bool no_fuse = false, tune = false, quiet = false;

  void declare(Flags& flags);

  // Throws kNoDevice, with the reason, where the named device is not there; invalid() for a limit below 0
  // and for an engine that no op has.
  PlanOptions plan_options() const;

  // Says on standard error where --engines names an engine that no step of the plan takes, and where
  // --precision leaves the CPU with loops.
  void note_plan(const Plan& plan) const;

  // Of the data between layers, by --precision. Throws invalid() for an unknown one.
  DType data_type() const;

  // Where the device was not named and there is no GPU, says so on standard error: "no GPU, <doing> on the
  // CPU", with `verbose` also why. Called when the inputs are known to be good: an error is one line alone.
  void note_cpu(const PlanOptions& plan, const char* doing, bool verbose = false) const;
};

// Of commands that run the same steps again and again: whether they are replayed as a CUDA graph.
struct ReplayFlag {
  bool no_cuda_graph = false;

  void declare(Flags& flags);
  ExecutorOptions options() const { return {.use_graph = !no_cuda_graph}; }
};

}  // namespace voluta::cli
