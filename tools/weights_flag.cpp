#include "weights_flag.h"

#include <voluta/core/error.h>

namespace voluta::cli {

void WeightsFlag::declare(Flags& flags) {
  flags.add_required("--weights", weights, "safetensors with PyTorch's names and layouts");
  flags.add("--model", model, "Name of the model (default: what the weights file says)");
  flags.add("--classes", classes, "Outputs (0: what the weights file says, else as published)");
}

LoadedWeights load(const WeightsFlag& flag) {
  if (!flag.model.empty()) find_model(flag.model);  // an unknown name is the user's, not the file's
  if (flag.classes < 0) invalid("--classes must not be negative");
  LoadedWeights loaded{.file = read_safetensors(flag.weights)};
  const auto description = description_of(loaded.file, flag.weights);
  if (!description && flag.model.empty()) {
    invalid(flag.weights + " does not say which model it is for; give --model");
  }
  if (description && !flag.model.empty() && flag.model != description->model) {
    invalid(flag.weights + " holds weights of " + description->model + ", not of " + flag.model);
  }
  loaded.model = &find_model(description ? description->model : flag.model);
  const ModelEntry& m = *loaded.model;
  loaded.description = description.value_or(ModelDescription{
      std::string(m.name), m.classes, {m.height, m.width, m.channels}, mnist_normalization()});
  if (flag.classes > 0) loaded.description.classes = flag.classes;
  return loaded;
}

}  // namespace voluta::cli
