#pragma once

// The work of voluta compare, problem after problem, and what happens where one of them fails.

#include <string>
#include <vector>

#include "compare_modes.h"
#include "row_journal.h"

namespace voluta::cli {

// A problem in a precision: a step of the work.
struct CompareStep {
  judge::WorkItem item;
  std::optional<Precision> precision;
  double weight;  // of the estimate of the time that is left
};

struct CompareSelection {
  std::vector<std::string> items;
  std::vector<std::string> ops;  // keep only these; empty: all
  std::optional<int64_t> batch;
  std::vector<Precision> precisions;  // empty: the line's own
};

// Throws invalid() for what names no work, and where nothing is left.
std::vector<CompareStep> compare_steps(const CompareSelection& selection, CompareMode mode);

// Appends the rows of every step to `rows` and to the journal, step by step. A problem or an engine
// that throws is a row that says so, and the rest goes on; it ends early where settings.stop says so
// and where the device answers no more (judge/device_health.h). What it answers is empty, or why the
// rows are not all: "interrupted after 12 of 69 problems".
struct CompareEnd {
  std::string incomplete;
  bool device_lost = false;
};
CompareEnd run_steps(const std::vector<CompareStep>& steps, const CompareSettings& settings,
                     RowJournal& journal, std::vector<CompareRow>& rows);

}  // namespace voluta::cli
