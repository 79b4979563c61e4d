#pragma once

// The architectures by name.

#include <voluta/layers/scope.h>

#include <span>
#include <string_view>

namespace voluta {

struct ModelOptions {
  int64_t classes = 0;  // 0: the published number
};

struct ModelEntry {
  std::string_view name;
  std::string_view source;          // the paper
  int64_t height, width, channels;  // of the published input
  int64_t classes;
  // image [N,H,W,C] -> logits [N,classes]
  Value (*build)(Scope scope, Value image, const ModelOptions& options);
};

std::span<const ModelEntry> all_models();

// Throws invalid() for an unknown name; the message lists the known ones.
const ModelEntry& find_model(std::string_view name);

}  // namespace voluta
