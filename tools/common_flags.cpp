#include "common_flags.h"

#include <voluta/core/device/device.h>
#include <voluta/core/error.h>
#include <voluta/kernels/registry.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "note.h"

namespace voluta::cli {

void DeviceFlags::declare(Flags& flags) {
  flags.add("--device", device,
            "cpu, cuda or cuda:1; in voluta-simt also simt (default: the GPU, else the CPU)");
  flags.add("--engines", engines,
            "default, reference, vendor, all, or the name of an engine, e.g. direct");
  flags.add("--workspace-limit", workspace_limit,
            "MiB of scratch memory for a layer: engines that need more give way to the next");
  flags.add_switch("--no-fuse", no_fuse, "Keep bias and activation apart from convolutions");
  flags.add("--precision", precision,
            "f32; tf32: products of f32 on tensor cores, operands rounded to 10 bits; bf16 or f16: "
            "data in 16 bits, weights, statistics and losses in f32");
  flags.add_switch("--tune", tune, "Measure the engines of each layer and take the fastest");
  flags.add_switch("-q,--quiet", quiet, "No progress and no notes on standard error");
}

namespace {

// $XDG_CACHE_HOME/voluta/tuning.json, else below ~/.cache; empty where neither can be had.
std::string tuning_cache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (!(cache && *cache) && !(home && *home)) return {};
  const std::filesystem::path folder =
      (cache && *cache ? std::filesystem::path(cache) : std::filesystem::path(home) / ".cache") /
      "voluta";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? std::string() : (folder / "tuning.json").string();
}

std::size_t bytes_of(double mebibytes) {
  if (!(mebibytes >= 0)) invalid("--workspace-limit must be at least 0");
  constexpr double kBytes = 1 << 20, kMost = 1e12;
  return static_cast<std::size_t>(std::min(mebibytes, kMost) * kBytes);
}

// The names of the engines that run there, but for the reference, in alphabetical order.
std::set<std::string_view> engines_on(DeviceType device) {
  std::set<std::string_view> names;
  for (const Op* op : all_ops()) {
    for (const Engine& engine : op->engines()) {
      if (engine.device == device && engine.role != EngineRole::kReference)
        names.insert(engine.name);
    }
  }
  return names;
}

void check_engine(const std::string& name, Device device) {
  if (name.empty() || is_engine(name)) return;
  invalid(
      fmt::format("--engines '{}' is unknown: default, reference, vendor, all, or for {} one of {}",
                  name, to_string(device), fmt::join(engines_on(device.type), ", ")));
}

}  // namespace

PlanOptions DeviceFlags::plan_options() const {
  PlanOptions options;
  options.engines = parse_engine_policy(engines);
  options.engines.allow_tf32 = precision == "tf32";
  options.engines.tune = tune;
  if (workspace_limit) options.engines.workspace_limit = bytes_of(*workspace_limit);
  if (tune) options.engines.cache_path = tuning_cache();
  options.passes.fuse = !no_fuse;
  options.device = device.empty() ? default_device() : parse_device(device);
  check_engine(options.engines.only, options.device);
  return options;
}

DType DeviceFlags::data_type() const {
  if (precision == "f32" || precision == "tf32") return DType::f32;
  if (precision == "bf16") return DType::bf16;
  if (precision == "f16") return DType::f16;
  invalid(fmt::format("--precision '{}' is unknown: f32, tf32, bf16 or f16", precision));
}

void DeviceFlags::note_cpu(const PlanOptions& plan, const char* doing, bool verbose) const {
  if (!device.empty() || plan.device.type != DeviceType::kCpu || quiet) return;
  const std::string why = verbose ? fmt::format(" ({})", cuda_unavailable_reason()) : "";
  note(fmt::format("no GPU{}, {} on the CPU; --device cpu silences this\n", why, doing));
}

void DeviceFlags::note_plan(const Plan& plan) const {
  const auto steps_of = [&](auto has) {
    return std::ranges::count_if(plan.steps(), [&](const Step& step) { return has(*step.engine); });
  };
  const std::string name = parse_engine_policy(engines).only;
  if (!name.empty() && steps_of([&](const Engine& e) { return e.name == name; }) == 0) {
    note(fmt::format("--engines {}: no step takes it on {}; each takes its default engine\n", name,
                     to_string(plan.device())));
  }
  const auto loops = steps_of([](const Engine& e) { return e.role == EngineRole::kReference; });
  if (plan.device().type == DeviceType::kCpu && data_type() != DType::f32 && loops > 0 && !quiet &&
      engines != "reference") {
    note(
        fmt::format("--precision {}: {} of {} steps are reference loops on the CPU, which are "
                    "slow; f32 has faster ones\n",
                    precision, loops, plan.steps().size()));
  }
}

void ReplayFlag::declare(Flags& flags) {
  flags.add_switch("--no-cuda-graph", no_cuda_graph, "Launch each kernel instead of replaying");
}

}  // namespace voluta::cli
