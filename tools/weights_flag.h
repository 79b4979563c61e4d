#pragma once

// --weights and --model: a weights file written by `voluta train` names its model; one from
// elsewhere needs --model.

#include <voluta/models/registry.h>
#include <voluta/train/weights.h>

#include "command_line.h"

namespace voluta::cli {

struct WeightsFlag {
  std::string weights, model;
  int64_t classes = 0;

  void declare(Flags& flags);
};

struct LoadedWeights {
  TensorFile file;
  const ModelEntry* model = nullptr;
  ModelDescription description;  // of the file, else of the model with MNIST's normalisation
};

// Throws kFailed for a bad file and invalid() where the model is unknown or contradicts the file.
LoadedWeights load(const WeightsFlag& flag);

}  // namespace voluta::cli
