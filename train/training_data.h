#pragma once

// Which pictures a run trains on, without the pictures: what it takes to see that it goes on with the same ones.

#include <voluta/train/dataset.h>

#include <string>
#include <vector>

namespace voluta {

struct TrainingData {
  int64_t pictures = 0;
  std::vector<std::string> class_names;  // by label, in UTF-8: other bytes are replaced
  uint32_t checksum = 0;                 // of the Dataset
};

TrainingData training_data(const Dataset& train, std::vector<std::string> class_names);

// The first thing in which `now` differs from `then`, in words: "400 pictures where there were 60,000". Empty where
// nothing does.
std::string difference(const TrainingData& now, const TrainingData& then);

}  // namespace voluta
