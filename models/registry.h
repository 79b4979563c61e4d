#pragma once

// The architectures by name.

#include <voluta/layers/scope.h>

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace voluta {

struct ModelOptions {
  int64_t classes = 0;             // 0: the published number
  double width = 1;                // factor on the channels of every layer but the last
  std::optional<double> dropout;   // probability of every dropout layer; default: as published
  std::optional<double> momentum;  // of batch norm's running statistics; default: as published
  std::optional<double> epsilon;   // of batch norm; default: as published
};

// A classifier in the middle of the network that helps to train it and is not used afterwards.
struct AuxiliaryHead {
  Value logits;
  double weight;  // of its loss in the sum
};

struct ModelOutput {
  Value logits;
  std::vector<AuxiliaryHead> auxiliary;  // in training and in evaluation, where they are not used

  ModelOutput(Value scores, std::vector<AuxiliaryHead> heads = {})
      : logits(scores), auxiliary(std::move(heads)) {}
};

// What is subtracted from pixels in [0, 1] and what the difference is divided by, in every channel.
struct PublishedNormalization {
  double mean, deviation;
};

struct ModelEntry {
  std::string_view name;
  std::string_view source;          // the paper
  int64_t height, width, channels;  // of the published input
  int64_t classes;
  // image [N,H,W,C] -> logits [N,options.classes], or [N,classes] where the options say 0.
  std::function<ModelOutput(Scope scope, Value image, const ModelOptions& options)> build;
  // Of the pictures that torchvision's weights take, or timm's where it alone has some; empty: ImageNet's.
  std::optional<PublishedNormalization> normalization = {};
};

std::span<const ModelEntry> all_models();

// Throws invalid() for an unknown name; the message lists the known ones.
const ModelEntry& find_model(std::string_view name);

}  // namespace voluta
