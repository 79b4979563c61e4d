#include "lost_device.h"

#include <voluta/judge/device_health.h>

#include <cstdio>
#include <cstdlib>

namespace voluta::judge {
namespace {

std::function<void()>& last_words() {
  static std::function<void()> words;
  return words;
}

}  // namespace

void before_leaving(std::function<void()> words) {
  last_words() = std::move(words);
}

void leave_if_lost(Device device, const std::string& failure) {
  const std::string fault = device_fault(device);
  if (fault.empty()) return;
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n%s is lost, and every later case would fail: %s\n", failure.c_str(),
               to_string(device).c_str(), fault.c_str());
  if (last_words()) last_words()();
  std::fflush(nullptr);
  std::_Exit(kLostDeviceExitCode);
}

}  // namespace voluta::judge
