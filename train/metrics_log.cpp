#include <voluta/io/file.h>
#include <voluta/train/metrics_log.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace voluta {

using nlohmann::ordered_json;

void MetricsLog::write(const StepReport& r) {
  write_line(ordered_json{{"event", "step"},
                          {"epoch", r.epoch},
                          {"step", r.total_step},
                          {"loss", r.sums.mean_loss()},
                          {"top1", r.sums.top1_fraction()},
                          {"lr", r.lr},
                          {"images_per_second", r.images_per_second}}
                 .dump());
}

void MetricsLog::write(const EpochReport& r) {
  write_line(ordered_json{{"event", "epoch"},
                          {"epoch", r.epoch},
                          {"step", r.total_step},
                          {"train_loss", r.train.mean_loss()},
                          {"train_top1", r.train.top1_fraction()},
                          {"test_loss", r.test.mean_loss()},
                          {"test_top1", r.test.top1_fraction()},
                          {"test_top5", r.test.top5_fraction()},
                          {"lr", r.lr},
                          {"train_seconds", r.train_seconds},
                          {"images_per_second", r.images_per_second}}
                 .dump());
}

void MetricsLog::write_line(const std::string& line) {
  if (!file_) file_.reset(std::fopen(path_.c_str(), "we"));
  if (!file_ || std::fprintf(file_.get(), "%s\n", line.c_str()) < 0 ||
      std::fflush(file_.get()) != 0) {
    fail_at(path_, std::string("cannot be written: ") + std::strerror(errno));
  }
}

}  // namespace voluta
