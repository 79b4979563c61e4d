#pragma once

// VOLUTA_TRACE=1: before an engine runs, a line with its name and the problem on standard error, at
// once: of a run that hangs or takes the process with it, the last line names the culprit.

#include <voluta/core/graph/op.h>

namespace voluta::judge {

void trace_run(const Engine& engine, const Problem& problem);

}  // namespace voluta::judge
