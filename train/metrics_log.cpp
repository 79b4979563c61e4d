#include <voluta/io/file.h>
#include <voluta/train/metrics_log.h>

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace voluta {

using nlohmann::ordered_json;

namespace {

// Null of no pictures, as JSON has it for what was not measured.
ordered_json figure(const MetricSums& sums, double value) {
  return sums.images > 0 ? ordered_json(value) : ordered_json();
}

ordered_json figure(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

}  // namespace

void MetricsLog::write(const StepReport& r) {
  ordered_json line{{"event", "step"},
                    {"epoch", r.epoch},
                    {"step", r.total_step},
                    {"loss", r.sums.mean_loss()},
                    {"top1", r.sums.top1_fraction()},
                    {"lr", r.lr},
                    {"images_per_second", r.images_per_second}};
  if (r.loss_scale) line["loss_scale"] = *r.loss_scale;
  write_line(line.dump());
}

void MetricsLog::write(const EpochReport& r) {
  ordered_json line{{"event", "epoch"},
                    {"epoch", r.epoch},
                    {"step", r.total_step},
                    {"train_loss", figure(r.train, r.train.mean_loss())},
                    {"train_top1", figure(r.train, r.train.top1_fraction())},
                    {"test_loss", figure(r.test, r.test.mean_loss())},
                    {"test_top1", figure(r.test, r.test.top1_fraction())},
                    {"test_top5", figure(r.test, r.test.top5_fraction())},
                    {"lr", r.lr},
                    {"train_seconds", figure(r.train_seconds)},
                    {"images_per_second", figure(r.images_per_second)}};
  if (r.raw_test) {
    line["raw_loss"] = figure(*r.raw_test, r.raw_test->mean_loss());
    line["raw_top1"] = figure(*r.raw_test, r.raw_test->top1_fraction());
  }
  write_line(line.dump());
}

MetricsLog::MetricsLog(std::string path, int64_t bytes) : path_(std::move(path)) {
  if (bytes == 0) return;
  std::error_code error;
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path_, error));
  if (error || size < bytes) {
    fail_at(path_, "is missing or shorter than when the checkpoint was written");
  }
  std::filesystem::resize_file(path_, static_cast<std::uintmax_t>(bytes), error);
  if (!error) file_.reset(std::fopen(path_.c_str(), "ae"));
  if (!file_) fail_to_write();
}

int64_t MetricsLog::sync() {
  if (!file_) return 0;
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) fail_to_write();
  return std::ftell(file_.get());
}

void MetricsLog::write_line(const std::string& line) {
  if (!file_) file_.reset(std::fopen(path_.c_str(), "we"));
  if (!file_ || std::fprintf(file_.get(), "%s\n", line.c_str()) < 0 ||
      std::fflush(file_.get()) != 0) {
    fail_to_write();
  }
}

void MetricsLog::fail_to_write() const {
  fail_at(path_, std::string("cannot be written: ") + std::strerror(errno));
}

}  // namespace voluta
