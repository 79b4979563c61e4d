// Runs every step of the ladder on one convolution: against the f64 reference first, then, on a
// GPU, against the clock. See --help; scripts/gpu/ladder.py writes the result into the README of
// kernels/conv2d.

#include <voluta/core/error.h>
#include <voluta/examples/ladder/ladder.h>
#include <voluta/judge/compare.h>
#include <voluta/judge/race.h>
#include <voluta/judge/truth.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <fstream>
#include <iostream>
#include <optional>

namespace voluta::ladder {
namespace {

constexpr int kFailed = 1, kUsage = 2, kNoDevice = 3;
constexpr uint64_t kSeed = 1;
constexpr std::string_view kHelp = R"(usage: ladder [PROBLEM] [--samples N] [--json FILE]
Runs every step of examples/ladder on one 3x3 convolution, checks it against the f64 reference
within the judge's bounds and, on a GPU, times it: cold L2, steps in turns, median of N samples
(21). Under simt it checks and does not time.
  ladder                                                the README's problem
  ladder "conv2d n2h9w7c64k128r3s3p1 bf16"              another
Exit codes: 0 all steps are right, 1 one is not or a failure, 2 usage, 3 no device.
)";

struct Arguments {
  std::string problem = "conv2d n32h28w28c128k128r3s3p1 bf16", json;
  int samples = 21;
};

// nullopt: --help was asked for. Throws invalid().
std::optional<Arguments> parse(std::span<char*> words) {
  Arguments a;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--help") return std::nullopt;
    if (!word.starts_with("--")) {
      a.problem = word;
      continue;
    }
    if (word != "--json" && word != "--samples") invalid(fmt::format("no option {}", word));
    if (++i == words.size()) invalid(fmt::format("{} wants a value", word));
    const std::string_view value = words[i];
    if (word == "--json") {
      a.json = value;
    } else if (std::from_chars(value.begin(), value.end(), a.samples).ec != std::errc() ||
               a.samples < 1) {
      invalid(fmt::format("--samples {} is not a positive number", value));
    }
  }
  return a;
}

struct Row {
  const Step* step;
  std::string excluded, fault;  // empty: supports the problem; is right
  double bound_used = 0;        // the largest |y - reference| / allowed
  judge::Lap lap;
};

// Integers exactly, reals within the bound, two runs bit for bit.
void check(Row& row, const Problem& problem, const judge::Truths& truths, Stream& stream) {
  const Engine& engine = *row.step->engine;
  auto run = [&](const judge::Truth& truth) {
    judge::GuardedRun result = judge::run_guarded(engine, problem, truth.inputs, stream);
    if (row.fault.empty()) row.fault = judge::fault_of(truth, result);
    return result;
  };
  const judge::Truth reals = judge::for_engine(truths.reals, engine, problem);
  run(truths.integers);
  const judge::GuardedRun first = run(reals), second = run(reals);
  row.bound_used = judge::used_of_bounds(reals, first);
  if (row.fault.empty()) row.fault = judge::compare_bits(first.outputs[0], second.outputs[0]);
}

void time(std::vector<Row>& rows, const Problem& problem, const judge::Tensors& inputs,
          Device device, int samples) {
  std::vector<const Engine*> engines;
  std::vector<Row*> timed;
  for (Row& row : rows) {
    if (!row.excluded.empty() || !row.fault.empty()) continue;
    engines.push_back(row.step->engine);
    timed.push_back(&row);
  }
  const std::vector<judge::Lap> laps =
      judge::race(engines, problem, inputs, device, {.samples = samples});
  for (std::size_t i = 0; i < laps.size(); ++i) {
    timed[i]->lap = laps[i];
    timed[i]->fault = laps[i].failure;
  }
}

double tflops(const Row& row, const Problem& problem) {
  return problem.op->cost(problem).flops / (row.lap.median() * 1e9);
}

void print(const std::vector<Row>& rows, const Problem& problem) {
  fmt::print("{:20} {:>10} {:>8} {:>9}  {}\n", "step", "ms", "TFLOP/s", "of bound", "");
  for (const Row& row : rows) {
    const bool timed = !row.lap.ms.empty();
    const bool ran = row.excluded.empty() && row.fault.empty();
    fmt::print("{:20} {:>10} {:>8} {:>9}  {}\n", row.step->name,
               timed ? fmt::format("{:.4f}", row.lap.median()) : "-",
               timed ? fmt::format("{:.1f}", tflops(row, problem)) : "-",
               ran ? fmt::format("{:.2f}", row.bound_used) : "-",
               !row.fault.empty()      ? "WRONG: " + row.fault
               : !row.excluded.empty() ? "not run: " + row.excluded
                                       : "right");
  }
}

nlohmann::ordered_json as_json(const Row& row, const Problem& problem) {
  nlohmann::ordered_json json = {{"step", row.step->name}};
  if (!row.excluded.empty()) {
    json["excluded"] = row.excluded;
    return json;
  }
  json["correct"] = row.fault.empty();
  if (!row.fault.empty()) json["fault"] = row.fault;
  json["bound_used"] = row.bound_used;
  if (row.lap.ms.empty()) return json;
  json["ms"] = {
      {"median", row.lap.median()}, {"min", row.lap.ms.front()}, {"max", row.lap.ms.back()}};
  json["tflops"] = tflops(row, problem);
  return json;
}

void write(const std::string& path, const std::vector<Row>& rows, const Problem& problem,
           const DeviceProperties& device, bool timed) {
  nlohmann::ordered_json json = {{"device", device.name},
                                 {"driver", device.driver},
                                 {"problem", describe(problem)},
                                 {"timed", timed}};
  for (const Row& row : rows) json["steps"].push_back(as_json(row, problem));
  std::ofstream file(path);
  file << json.dump(1) << "\n";
  if (!file.flush()) fail(ErrorKind::kFailed, "cannot write " + path);
}

int run(const Arguments& a) {
  const Device device = default_device();
  if (device.type != DeviceType::kCuda) {
    fmt::print(stderr, "ladder: {}\n", cuda_unavailable_reason());
    return kNoDevice;
  }
  const bool timed = linked_cuda_runtime().name() != "simt";
  const Problem problem = judge::parse_problem(a.problem);
  const DeviceProperties about = properties(device);
  fmt::print("{} on {}{}\n", describe(problem), about.name, timed ? "" : ": checked, not timed");

  Stream stream(device);
  const judge::Truths truths = judge::find_truths(problem, kSeed);
  std::vector<Row> rows;
  for (const Step& step : steps()) {
    Row& row = rows.emplace_back(Row{.step = &step});
    const Support support = support_on(*step.engine, problem, device);
    if (support.ok) {
      check(row, problem, truths, stream);
    } else {
      row.excluded = support.reason;
    }
  }
  if (timed) time(rows, problem, truths.reals.inputs, device, a.samples);
  print(rows, problem);
  if (!a.json.empty()) write(a.json, rows, problem, about, timed);
  return std::ranges::all_of(rows, [](const Row& row) { return row.fault.empty(); }) ? 0 : kFailed;
}

}  // namespace
}  // namespace voluta::ladder

int main(int count, char** words) {
  using namespace voluta;
  std::optional<ladder::Arguments> arguments;
  try {
    arguments = ladder::parse({words, static_cast<std::size_t>(count)});
  } catch (const Error& error) {
    fmt::print(stderr, "ladder: {}\n{}", error.what(), ladder::kHelp);
    return ladder::kUsage;
  }
  if (!arguments) {
    fmt::print("{}", ladder::kHelp);
    return 0;
  }
  try {
    return ladder::run(*arguments);
  } catch (const Error& error) {
    fmt::print(stderr, "ladder: {}\n", error.what());
    return exit_code(error.kind());
  }
}
