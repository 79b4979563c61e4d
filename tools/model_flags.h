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

  // `model` is the flag's name: "--model", or "model,--model" where it may stand alone. The defaults are words
  // for people.
  void declare(Flags& flags, const std::string& model, const std::string& default_model,
               const std::string& default_classes = "of the weights, else published");
  // --dropout: of commands that have a training mode.
  void declare_dropout(Flags& flags);
  // Of those that train: --dropout and --bn-momentum.
  void declare_training(Flags& flags);

  // Throws invalid(), naming the flag, for a number outside its range, and for an unknown model.
  void check() const;

  // Throws invalid(), naming the flag, where it changes layers that the model's graph does not have. Of flags of the
  // command line alone: Command::needs says why.
  void check_effect(const Graph& graph, std::string_view model) const;

  // What the flags say, else what the weights' file says, else what was published.
  ModelOptions options(const std::optional<ModelDescription>& description) const;
};

// Throws invalid() where a flag of batch norms was given for a graph without any.
void check_has_batch_norm(const char* flag, const Graph& graph, std::string_view model);

struct WeightsFlag {
  std::string weights;
  bool allow_partial = false;

  void declare(Flags& flags, bool required);
};

struct LoadedWeights {
  std::string path = {};
  TensorFile file = {};
  const ModelEntry* model = nullptr;
  ModelOptions options = {};
  std::optional<ModelDescription> description = {};  // of files that `voluta train` wrote
};

// Reads the file and settles which model it is for: --model, else what the file says. Throws
// kFailed for a bad file and invalid() where the model is unknown or contradicts the file.
LoadedWeights load(const WeightsFlag& flag, const ModelFlags& model);

// The same of a file's metadata, without its tensors: what a run that goes on needs of its start weights.
LoadedWeights describe(const std::string& path, const Metadata& metadata, const ModelFlags& model);

// The model of the weights where their file is named, else the named or default one without any. Throws as load()
// does, and invalid() where nothing names a model.
LoadedWeights load_or_describe(const std::string& weights, const ModelFlags& model,
                               const std::string& default_model);

// Of the pictures that the weights take, [H,W,C], else as published.
Shape image_of(const LoadedWeights& weights);

// The model of the weights on one picture of that shape, [H,W,C].
StepOptions step_for(const LoadedWeights& weights, const Shape& image);

// Throws as ModelFlags::check_effect does, and as load_weights, without a session: before memory is taken for a
// model whose size a file decides. With --allow-partial it prints what does not fit on standard error.
void check_fit(const LoadedWeights& weights, const WeightsFlag& flag, const ModelFlags& model,
               const StepGraph& step);

}  // namespace voluta::cli
