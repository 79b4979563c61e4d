#pragma once

// Weights between files (PyTorch's names and layouts) and a session.

#include <voluta/core/graph/executor.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/dataset.h>

#include <optional>
#include <string>

namespace voluta {

// What a weights file says about itself, so that it can be used without further flags. Files made
// elsewhere say nothing.
struct ModelDescription {
  std::string model;
  int64_t classes = 0;
  Shape image;  // [H,W,C]
  Normalization normalization;
};

// Writes the parameters and buffers of the graph as the session holds them, atomically.
void save_weights(const std::string& path, Session& session, const Graph& graph,
                  const ModelDescription& description);

// Gives the session the parameters and buffers of the graph from a file that was read. Throws
// kFailed, naming the path, unless names and shapes are exactly the graph's; nothing is written
// then. A prefix "module." is dropped and BatchNorm's counters may be missing.
void load_weights(const TensorFile& file, const std::string& path, Session& session,
                  const Graph& graph);

// Empty where the file has no description; throws kFailed for one that makes no sense.
std::optional<ModelDescription> description_of(const TensorFile& file, const std::string& path);

}  // namespace voluta
