#pragma once

// Weights between files (PyTorch's names and layouts) and a session.
//
// Note [Weights from PyTorch]
// The prefix "module.", which torch.nn.DataParallel puts before every name, is dropped. BatchNorm's
// counters "num_batches_tracked" may be missing, and may be there where the graph has none. A
// floating tensor loads into a floating parameter of another type: f16 and bf16 widen exactly, f64
// is rounded to nearest (beyond the range of f32 it becomes infinite). Integers convert to nothing.

#include <voluta/core/graph/executor.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/preprocessing.h>

#include <optional>
#include <string>
#include <vector>

namespace voluta {

// What a weights file says about itself, so that it can be used without further flags. Files made
// elsewhere say nothing, as those written with an empty description, one without a model, do.
struct ModelDescription {
  std::string model;
  int64_t classes = 0;
  Preprocessing preprocessing;
  // Of ModelOptions, what the model's shapes and its evaluation depend on.
  double width = 1;
  std::optional<double> epsilon = {};
};

// Writes the parameters and buffers of the graph as the session holds them, atomically. Throws invalid() for
// a description that description_of() would refuse.
void save_weights(const std::string& path, Session& session, const Graph& graph,
                  const ModelDescription& description);

// Writes their running averages (weight_average.h) instead; of buffers that have none, counters, the
// values.
void save_averages(const std::string& path, Session& session, const Graph& graph,
                   const ModelDescription& description);

// How the tensors of a file fit the parameters and buffers of a graph.
struct WeightsFit {
  std::size_t fitting = 0;
  std::vector<std::string> missing, unexpected;  // names
  std::vector<std::string> misshapen;  // "fc.bias is f32 [5] where the model has f32 [10]"

  bool complete() const { return missing.empty() && unexpected.empty() && misshapen.empty(); }
};

// Compares names, shapes and types, in PyTorch's layout. Note [Weights from PyTorch]. Throws
// kFailed, naming the path and up to eight tensors of each fault, unless all fit; with
// `allow_partial` only where none does.
WeightsFit fit_weights(const TensorFile& file, const std::string& path, const Graph& graph,
                       bool allow_partial = false);

// Gives the session the parameters and buffers that fit; the others keep their initial values.
// Throws as fit_weights does, and writes nothing then.
WeightsFit load_weights(const TensorFile& file, const std::string& path, Session& session,
                        const Graph& graph, bool allow_partial = false);

// Empty where the file has no description; throws kFailed for one that makes no sense.
std::optional<ModelDescription> description_of(const TensorFile& file, const std::string& path);

}  // namespace voluta
