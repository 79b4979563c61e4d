// voluta devices: what plans can run on.

#include <voluta/core/device/device.h>
#include <voluta/core/memory/memory_stats.h>

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "common_flags.h"
#include "json_text.h"

namespace voluta::cli {
namespace {

using nlohmann::ordered_json;

void print_json() {
  ordered_json devices = ordered_json::array();
  for (const Device device : available_devices()) {
    const DeviceProperties p = properties(device);
    devices.push_back({{"device", to_string(device)},
                       {"name", p.name},
                       {"driver", p.driver},
                       {"memory_bytes", p.memory_bytes},
                       {"multiprocessors", p.multiprocessors},
                       {"compute", fmt::format("{}.{}", p.compute_major, p.compute_minor)}});
  }
  const ordered_json document{{"devices", devices},
                              {"default", to_string(default_device())},
                              {"cuda_unavailable", cuda_unavailable_reason()}};
  fmt::print("{}\n", json_text(document, 2));
}

void print_table() {
  for (const Device device : available_devices()) {
    const DeviceProperties p = properties(device);
    const bool cpu = device.type == DeviceType::kCpu;
    std::string line =
        fmt::format("{:<8} {}, {}, {} {}", to_string(device), p.name, format_bytes(p.memory_bytes),
                    p.multiprocessors, cpu ? "cores" : "multiprocessors");
    if (!cpu) line += fmt::format(", compute {}.{}", p.compute_major, p.compute_minor);
    if (!p.driver.empty()) line += ", driver " + p.driver;
    fmt::print("{}\n", line);
  }
  if (const std::string reason = cuda_unavailable_reason(); !reason.empty()) {
    fmt::print("no GPU: {}\n", reason);
  }
}

}  // namespace

Command devices_command() {
  auto json = std::make_shared<bool>(false);
  return {.name = "devices",
          .description = "List the devices that models can run on",
          .examples = "  voluta devices\n  voluta devices --json",
          .declare =
              [json](Flags& flags) {
                flags.add_switch("--json", *json, "One JSON document on standard output");
              },
          .run =
              [json] {
                *json ? print_json() : print_table();
                return 0;
              }};
}

}  // namespace voluta::cli
