#pragma once

// report.html: what a training run came to, as one page for people.

#include <voluta/train/test_results.h>
#include <voluta/train/trainer.h>

#include <string>
#include <vector>

#include "output_folder.h"

namespace voluta::cli {

// What the page says of a run besides its figures.
struct ReportFacts {
  std::string model;
  std::vector<std::string> class_names;  // by label; may be empty
  int64_t train_images = 0, test_images = 0;
  std::map<std::string, std::vector<std::string>> settings;  // flags that were given
};

class RunReport {
 public:
  // The curves are those of metrics.jsonl in the folder.
  RunReport(const OutputFolder& folder, Trainer& trainer, ReportFacts facts)
      : folder_(folder), trainer_(trainer), facts_(std::move(facts)) {}

  // Runs some training steps, once, whose times the pages from then on show.
  void time_layers();

  // Writes the page, atomically, with the results of the last test. `state` in words: "epoch 3 of 9".
  void write(const TestResults& results, const std::string& state);

 private:
  const OutputFolder& folder_;
  Trainer& trainer_;
  ReportFacts facts_;
  bool timed_ = false;
  std::vector<StepTime> times_;
};

}  // namespace voluta::cli
