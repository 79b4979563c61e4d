#pragma once

// The options of a model, shared by every command that builds one, and --weights.

#include <voluta/models/registry.h>
#include <voluta/train/step.h>
#include <voluta/train/weights.h>

#include <optional>

#include "command_line.h"

namespace voluta::cli {

struct ModelFlags {
  std::string model;
  std::optional<int64_t> classes;
  std::optional<double> width, dropout, bn_momentum, bn_eps;

  // `model` is the flag's name: "--model", or "model,--model" where it may stand alone.
  void declare(Flags& flags, const std::string& model, const std::string& default_model);

  // Throws invalid(), naming the flag, for a number outside its range, and for an unknown model.
  void check() const;

  // What the flags say, else what the weights' file says, else what was published.
  ModelOptions options(const std::optional<ModelDescription>& description) const;
};

struct WeightsFlag {
  std::string weights;
  bool allow_partial = false;

  void declare(Flags& flags, bool required);
};

struct LoadedWeights {
  std::string path = {};
  TensorFile file = {};
  const ModelEntry* model = nullptr;
  ModelOptions options;
  std::optional<ModelDescription> description;  // of files that `voluta train` wrote
};

// Reads the file and settles which model it is for: --model, else what the file says. Throws
// kFailed for a bad file and invalid() where the model is unknown or contradicts the file.
LoadedWeights load(const WeightsFlag& flag, const ModelFlags& model);

// The model of the weights on one picture of that shape, [H,W,C].
StepOptions step_for(const LoadedWeights& weights, const Shape& image);

// Throws as load_weights does, without a session: before memory is taken for a model whose size a
// file decides. With --allow-partial it prints what does not fit on standard error.
void check_fit(const LoadedWeights& weights, const WeightsFlag& flag, const Graph& graph);

}  // namespace voluta::cli
