#pragma once

// Chooses an engine for a problem. Without a measurement the first supporting engine of the op's
// list wins: each op lists its engines from the fastest to the plainest, and those that say they do
// not pay for a problem (Engine::pays) come behind the others. With tuning on, the candidates are
// measured once and the choice is kept in a JSON file, keyed by device, driver and problem. An
// engine that needs more scratch memory than the policy allows gives way to the next one.

#include <voluta/core/graph/op.h>

#include <cstdint>
#include <map>

namespace voluta {

// Which engines a plan may choose from.
struct EnginePolicy {
  enum class Set {
    kDefault,    // the product's own; the reference where an op has no other
    kReference,  // the judge: CPU only
    kVendor,     // cuDNN and cuBLASLt first, then the default set
    kAll,        // every engine is a candidate: what tuning and comparison use
  } set = Set::kDefault;
  std::string only;  // an engine's name: nodes that have it use it, others fall to the default set
  bool allow_tf32 = false;  // f32 products may round their operands to tf32 (10 bits of mantissa)
  bool tune = false;
  std::string cache_path;  // empty: measurements are not kept
  // Bytes of scratch memory that a step may take: engines that ask for more are passed over.
  std::size_t workspace_limit = SIZE_MAX;
};

// "default", "reference", "vendor", "all", or the name of an engine.
EnginePolicy parse_engine_policy(std::string_view text);

// Supporting engines in the order of preference. Throws invalid() where there is none, with each
// engine's reason.
std::vector<const Engine*> candidates(const Problem& problem, Device device,
                                      const EnginePolicy& policy);

// An engine that is ready to run, and why those before it in the order of preference are not.
struct Choice {
  const Engine* engine = nullptr;
  Execution execution;
  std::string passed_over;  // "winograd_4x4 needs 1048576 bytes of workspace; ..."; empty: none was
};

bool keeps_to_limits(const Engine& engine, const Problem& problem, const EnginePolicy& policy);

class Tuner {
 public:
  explicit Tuner(const EnginePolicy& policy, Device device);
  ~Tuner();  // writes new measurements to the cache; a cache that cannot be written is no error

  // The first candidate, by preference or measurement, that keeps to the policy's limits. Throws invalid()
  // where none does, with what each needs.
  Choice choose(const Problem& problem);

 private:
  void put_fastest_first(const Problem& problem, std::vector<const Engine*>& engines);
  void load();
  void save() const;

  EnginePolicy policy_;
  Device device_;
  std::string device_key_;
  std::map<std::string, std::map<std::string, double>> milliseconds_;  // problem -> engine -> ms
  bool changed_ = false;
};

// Median milliseconds of one run of an engine on numbers in [-1, 1), after a warm-up.
double measure(const Engine& engine, const Problem& problem, Device device);

}  // namespace voluta
