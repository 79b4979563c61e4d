#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/io/checksum.h>
#include <voluta/io/file.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/checkpoint.h>
#include <voluta/train/step.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace voluta {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr const char* kKey = "voluta.checkpoint";
constexpr std::string_view kPrefix = "step-", kSuffix = ".safetensors";

// CRC-32 of all names, types and bytes: a bit that turned on a disk is found.
uint32_t checksum(const std::map<std::string, Tensor>& states) {
  uint32_t sum = 0;
  for (const auto& [name, tensor] : states) {
    const std::string head = name + to_string(tensor.type());
    sum = crc32(sum, head.data(), head.size());
    sum = crc32(sum, tensor.raw(), tensor.bytes());
  }
  return sum;
}

json numbers(const MetricSums& sums) {
  return {sums.loss, sums.top1, sums.top5, sums.images};
}
MetricSums sums_from(const json& numbers) {
  return {numbers.at(0), numbers.at(1), numbers.at(2), numbers.at(3)};
}

ordered_json document_of(const RunOrigin& origin) {
  const TrainingData& data = origin.data;
  return {{"pictures", data.pictures},
          {"class_names", data.class_names},
          {"crc32", data.checksum},
          {"start_weights", origin.start_weights}};
}

std::optional<RunOrigin> origin_from(const json& d) {
  if (!d.contains("origin")) return std::nullopt;
  const json& o = d.at("origin");
  RunOrigin origin;
  o.at("pictures").get_to(origin.data.pictures);
  o.at("class_names").get_to(origin.data.class_names);
  o.at("crc32").get_to(origin.data.checksum);
  o.at("start_weights").get_to(origin.start_weights);
  return origin;
}

// JSON has no infinity: a schedule that has seen no loss yet has null.
ordered_json document_of(const RunPosition& p, const RunSettings& settings, const RunOrigin& origin,
                         uint32_t sum) {
  const ScheduleState& s = p.schedule;
  const json best_loss = std::isfinite(s.best_loss) ? json(s.best_loss) : json(nullptr);
  return {{"version", kVersion},
          {"crc32", sum},
          {"epoch", p.epoch},
          {"step", p.step},
          {"total_step", p.total_step},
          {"images_per_step", p.images_per_step},
          {"epoch_start", numbers(p.epoch_start)},
          {"reported", numbers(p.reported)},
          {"schedule", {best_loss, s.epochs_without_progress, s.reductions}},
          {"best_top1", p.best_top1},
          {"best_epoch", p.best_epoch},
          {"epoch_report", p.epoch_report},
          {"log_bytes", p.log_bytes},
          {"settings", settings},
          {"origin", document_of(origin)}};
}

RunPosition position_from(const json& d) {
  RunPosition p;
  p.epoch = d.at("epoch");
  p.step = d.at("step");
  p.total_step = d.at("total_step");
  p.images_per_step = d.value("images_per_step", int64_t{0});  // absent from older checkpoints
  p.epoch_start = sums_from(d.at("epoch_start"));
  p.reported = sums_from(d.at("reported"));
  const json& schedule = d.at("schedule");
  if (!schedule.at(0).is_null()) p.schedule.best_loss = schedule.at(0);
  p.schedule.epochs_without_progress = schedule.at(1);
  p.schedule.reductions = schedule.at(2);
  p.best_top1 = d.at("best_top1");
  p.best_epoch = d.at("best_epoch");
  p.epoch_report = d.value("epoch_report", p.total_step);  // absent from older checkpoints
  p.log_bytes = d.at("log_bytes");
  if (p.epoch < 1 || p.step < 0 || p.total_step < 0 || p.log_bytes < 0) {
    throw std::out_of_range("a count is negative");
  }
  return p;
}

// States of the test are made anew by each evaluation, accumulated gradients by each step.
bool belongs_to_run(const std::string& state) {
  return !state.starts_with(kTestSums) && !state.starts_with(kAccumulated);
}

// Older checkpoints do not have the count of updates taken in f16; their runs counted every step.
void add_missing_count(Checkpoint& checkpoint) {
  std::map<std::string, Tensor>& states = checkpoint.states;
  if (!states.contains(kLossScale) || states.contains(kLossScaleUpdates)) return;
  Tensor& count = states.emplace(kLossScaleUpdates, Tensor(DType::i64, {})).first->second;
  count.data<int64_t>()[0] = checkpoint.position.total_step;
}

}  // namespace

Checkpoint read_checkpoint(const std::string& path) {
  TensorFile file = read_safetensors(path);
  const auto found = file.metadata.find(kKey);
  if (found == file.metadata.end()) fail_at(path, "is no checkpoint: it holds weights alone");
  Checkpoint checkpoint{path, {}, {}, {}, std::move(file.tensors)};
  uint32_t sum = 0;
  try {
    const json document = json::parse(found->second);
    if (const int version = document.at("version"); version != kVersion) {
      fail_at(path, fmt::format("is a checkpoint of version {}; this program reads version {}",
                                version, kVersion));
    }
    sum = document.at("crc32");
    checkpoint.position = position_from(document);
    checkpoint.settings = document.at("settings").get<RunSettings>();
    checkpoint.origin = origin_from(document);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail_at(path, fmt::format("is no whole checkpoint: {}", error.what()));
  }
  if (sum != checksum(checkpoint.states)) {
    fail_at(path, "is damaged: its checksum does not fit its contents");
  }
  add_missing_count(checkpoint);
  return checkpoint;
}

void check_settings(const RunSettings& settings) {
  for (const auto& [flag, values] : settings) {
    for (const std::string& value : values) {
      try {
        static_cast<void>(json(value).dump());
      } catch (const json::type_error&) {
        invalid(
            fmt::format("--{} '{}' is no UTF-8, and checkpoints could not keep it; rename it, or "
                        "give a link to it",
                        flag, value));
      }
    }
  }
}

void restore(const Checkpoint& checkpoint, Session& session) {
  std::vector<std::string> wrong;
  for (const std::string& name : session.state_names()) {
    if (!belongs_to_run(name)) continue;
    const auto found = checkpoint.states.find(name);
    if (found == checkpoint.states.end()) {
      wrong.push_back(name + " is missing");
    } else if (found->second.type() != session.state_type(name)) {
      wrong.push_back(fmt::format("{} is {} where the run has {}", name,
                                  to_string(found->second.type()),
                                  to_string(session.state_type(name))));
    }
  }
  for (const auto& [name, tensor] : checkpoint.states) {
    if (!session.has_state(name)) wrong.push_back(name + " is not of this run");
  }
  if (!wrong.empty()) {
    const std::string more =
        wrong.size() > 1 ? fmt::format(" (and {} more)", wrong.size() - 1) : "";
    fail_at(checkpoint.path, fmt::format("does not fit the run: {}{}", wrong.front(), more));
  }
  for (const auto& [name, tensor] : checkpoint.states) session.write_state(name, tensor);
}

CheckpointFolder::CheckpointFolder(std::string folder, int64_t keep)
    : folder_(std::move(folder)), keep_(keep) {
  if (keep < 1) invalid(fmt::format("a folder keeps at least 1 checkpoint, not {}", keep));
}

void CheckpointFolder::save(Session& session, const RunPosition& position,
                            const RunSettings& settings, const RunOrigin& origin) {
  const std::string path =
      fmt::format("{}/{}{:08}{}", folder_, kPrefix, position.total_step, kSuffix);
  std::vector<std::string> others = paths();
  try {
    std::error_code error;
    std::filesystem::create_directory(folder_, error);
    if (error) fail_at(folder_, "cannot be made: " + error.message());
    remove_leftovers(folder_);
    TensorFile file;
    for (const std::string& name : session.state_names()) {
      if (belongs_to_run(name)) file.tensors.emplace(name, session.read_state(name));
    }
    file.metadata[kKey] = document_of(position, settings, origin, checksum(file.tensors)).dump();
    write_safetensors(path, file);
  } catch (const Error& error) {
    const std::string good =
        others.empty() ? "there is none before it" : "the last one is " + others.front();
    fail(error.kind(), fmt::format("no checkpoint was written: {}; {}", error.what(), good));
  }
  std::erase(others, path);
  for (auto i = static_cast<std::size_t>(keep_ - 1); i < others.size(); ++i) {
    std::error_code error;
    std::filesystem::remove(others[i], error);  // one that stays does no harm
  }
}

void CheckpointFolder::clear() {
  std::error_code error;
  for (const std::string& path : paths()) {
    std::filesystem::remove(path, error);
    if (error) fail_at(path, "cannot be removed: " + error.message());
  }
  std::filesystem::remove(folder_, error);
}

std::optional<Checkpoint> CheckpointFolder::newest(std::vector<std::string>& damaged) const {
  for (const std::string& path : paths()) {
    try {
      return read_checkpoint(path);
    } catch (const Error& error) {
      damaged.push_back(error.what());
    }
  }
  return std::nullopt;
}

std::vector<std::string> CheckpointFolder::paths() const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) found.push_back(entry.path());
  }
  // By step: names of equal length in their order, longer ones are later.
  std::ranges::sort(found, [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a > b;
  });
  return found;
}

}  // namespace voluta
