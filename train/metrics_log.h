#pragma once

// metrics.jsonl: one JSON object a line, for each report of a run.
//   {"event":"step","epoch":1,"step":100,"loss":0.52,"top1":0.84,"lr":0.01,"images_per_second":...}
//   {"event":"epoch","epoch":1,"step":938,"train_loss":...,"train_top1":...,"test_loss":...,
//    "test_top1":...,"test_top5":...,"lr":...,"train_seconds":...,"images_per_second":...}
// "step" counts from 1 over the run; accuracies are fractions. Steps of training in f16 have "loss_scale"
// as well, epochs of a run that tests averages of the weights "raw_loss" and "raw_top1", the test's figures of
// the weights themselves. What was not measured is null: the test's figures where nothing was tested, the rate
// of an epoch of which this process took no step. A loss that is not finite is null too.

#include <voluta/train/metrics.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace voluta {

class MetricsLog {
 public:
  // Replaces the file when the first line is written, so that a run that never starts leaves none.
  explicit MetricsLog(std::string path) : path_(std::move(path)) {}
  // Goes on behind the first `bytes` of the file, those of a checkpoint, and drops what comes after
  // them. Throws kFailed where the file is shorter or cannot be written.
  MetricsLog(std::string path, int64_t bytes);

  void write(const StepReport& report);
  void write(const EpochReport& report);

  // Makes the lines durable and tells their bytes.
  int64_t sync();

 private:
  [[noreturn]] void fail_to_write() const;
  void write_line(const std::string& line);  // throws kFailed where the disk is full

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace voluta
