#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/simt/environment.h>
#include <voluta/simt/simt.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace voluta::simt {
namespace {

// Each CUDA thread that waits has a stack and a guard page, and Linux grants a process some 65,000
// mappings: 16 blocks of 1024 threads in flight are safe.
constexpr uint64_t kMaxThreads = 16;

struct InForce {
  std::mutex mutex;
  Settings settings{.seed = environment_number("VOLUTA_SIMT_SEED", 0, 0, UINT64_MAX),
                    .threads = static_cast<int>(environment_number(
                        "VOLUTA_SIMT_THREADS",
                        std::clamp<uint64_t>(std::thread::hardware_concurrency(), 1, kMaxThreads),
                        1, kMaxThreads))};
};

InForce& in_force() {
  static InForce instance;
  return instance;
}

Settings replace(const Settings& replacement) {
  const std::lock_guard lock(in_force().mutex);
  return std::exchange(in_force().settings, replacement);
}

}  // namespace

uint64_t environment_number(const char* name, uint64_t fallback, uint64_t least, uint64_t most) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return fallback;
  const std::string_view text(value);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || number < least || number > most) {
    invalid(fmt::format("{}='{}' is not a number from {} to {}", name, text, least, most));
  }
  return number;
}

Settings settings() {
  const std::lock_guard lock(in_force().mutex);
  return in_force().settings;
}

ScopedSettings::ScopedSettings(const Settings& replacement) : previous_(replace(replacement)) {}

ScopedSettings::~ScopedSettings() {
  replace(previous_);
}

}  // namespace voluta::simt
