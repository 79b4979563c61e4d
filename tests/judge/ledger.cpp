#include "judge.h"

#include <cstdio>

namespace voluta::judge {

Ledger::Row& Ledger::row(const Problem& problem, const Engine& engine) {
  const std::string key = std::string(problem.op->name) + " " + std::string(engine.name);
  for (auto& [name, row] : rows_) {
    if (name == key) return row;
  }
  return rows_.emplace_back(key, Row{}).second;
}

void Ledger::enter(const Problem& problem, const Engine& engine, Outcome outcome,
                   const std::string& reason) {
  Row& entry = row(problem, engine);
  switch (outcome) {
    case Outcome::kPassed:
      ++entry.passed;
      break;
    case Outcome::kFailed:
      ++entry.failed;
      break;
    case Outcome::kSkipped:
      ++entry.skipped, ++entry.reasons[reason];
      break;
  }
}

void Ledger::enter_used(const Problem& problem, const Engine& engine, double used) {
  Row& entry = row(problem, engine);
  if (used <= entry.used) return;
  entry.used = used;
  entry.used_at = describe(problem);
}

std::string Ledger::summary() const {
  std::string text;
  for (const auto& [name, row] : rows_) {
    char line[160];
    std::snprintf(line, sizeof line, "%-42s %6d problems  %6d passed  %4d failed  %5d skipped",
                  name.c_str(), row.passed + row.failed + row.skipped, row.passed, row.failed,
                  row.skipped);
    text += line;
    if (row.used > 0) {
      std::snprintf(line, sizeof line, "  at most %.2f of the bound (", row.used);
      text += line + row.used_at + ")";
    }
    for (const auto& [reason, count] : row.reasons) {
      text += "\n    skipped " + std::to_string(count) + ": " + reason;
    }
    text += "\n";
  }
  return text;
}

}  // namespace voluta::judge
