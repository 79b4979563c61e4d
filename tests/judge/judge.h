#pragma once

// Holds every engine of a problem's op on the devices under test against the f64 reference
// (DESIGN section 5): integers exactly, reals within the bound, fences whole, inputs unchanged, two
// runs equal bit for bit (under simt/ with two orders of threads), in place as apart.

#include <voluta/judge/rules.h>

#include <map>
#include <set>

namespace voluta::judge {

// What happened to each engine of each op, for the summary at the end of a test program.
class Ledger {
 public:
  enum class Outcome { kPassed, kFailed, kSkipped };
  void enter(const Problem& problem, const Engine& engine, Outcome outcome,
             const std::string& reason = {});
  // The largest share of a tier-2 bound that an engine used, and where.
  void enter_used(const Problem& problem, const Engine& engine, double used);

  // One line an op and engine: problems, passed, failed, skipped with the reasons.
  std::string summary() const;

 private:
  struct Row {
    int passed = 0, failed = 0, skipped = 0;
    std::map<std::string, int> reasons;
    double used = 0;
    std::string used_at;
  };
  Row& row(const Problem& problem, const Engine& engine);

  std::vector<std::pair<std::string, Row>> rows_;
};

struct Verdict {
  std::vector<std::string> failures;  // each one line, with what is needed to replay it
  int judged = 0;                     // engines that ran
  std::vector<std::string> skipped;   // "engine: reason"
};

// Device types whose engines this binary judges, out of VOLUTA_DEVICES ("cpu", "cuda" or both). The
// SIMT binary leaves the CPU's engines to the other one, which has the very same.
std::vector<DeviceType> device_types_under_test();

// Of these devices, and one that VOLUTA_ENGINES and VOLUTA_SKIP_ENGINES leave (engine_filter.h).
bool is_under_test(const Engine& engine);

Verdict judge(const std::string& line, uint64_t seed, Ledger& ledger);

// One engine alone: what judge() asks of each, and what the judge's own tests use on planted ones.
std::vector<std::string> judge_engine(const Engine& engine, const Problem& problem, uint64_t seed);

}  // namespace voluta::judge
