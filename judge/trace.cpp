#include <voluta/judge/trace.h>

#include <cstdio>
#include <cstdlib>

namespace voluta::judge {

void trace_run(const Engine& engine, const Problem& problem) {
  const char* asked = std::getenv("VOLUTA_TRACE");
  if (asked == nullptr || *asked == '\0' || std::string_view(asked) == "0") return;
  const std::string line = "engine " + std::string(engine.name) + ": " + describe(problem) + "\n";
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace voluta::judge
