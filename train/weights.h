#pragma once

// Weights between files (PyTorch's names and layouts) and a session.
//
// Note [Weights from PyTorch]
// The prefix "module.", which torch.nn.DataParallel and AveragedModel put before every name, and "_orig_mod.", which
// torch.compile puts before those of what it compiled, are dropped. Counters, BatchNorm's "num_batches_tracked" and
// AveragedModel's "n_averaged", may be missing, and may be there where the graph has none. A
// floating tensor loads into a floating parameter of another type: f16 and bf16 widen exactly, f64
// is rounded to nearest (beyond the range of f32 it becomes infinite). Integers convert to nothing.

#include <voluta/core/graph/executor.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/preprocessing.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace voluta {

struct StepGraph;

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
// `allow_partial` only where none does. Of a step, states that no logits depend on may be missing: those of an
// auxiliary head, which torchvision leaves out of weights, are needed in training alone.
WeightsFit fit_weights(const TensorFile& file, const std::string& path, const Graph& graph,
                       bool allow_partial = false);
WeightsFit fit_weights(const TensorFile& file, const std::string& path, const StepGraph& step,
                       bool allow_partial = false);

// Gives the session the parameters and buffers that fit; the others keep their initial values.
// Throws as fit_weights does, and writes nothing then.
WeightsFit load_weights(const TensorFile& file, const std::string& path, Session& session,
                        const Graph& graph, bool allow_partial = false);
WeightsFit load_weights(const TensorFile& file, const std::string& path, Session& session,
                        const StepGraph& step, bool allow_partial = false);

using Metadata = std::map<std::string, std::string>;

// What the metadata of a weights file say, empty where they say nothing; throws kFailed, naming the path, for what
// makes no sense.
std::optional<ModelDescription> description_of(const Metadata& metadata, const std::string& path);
std::optional<ModelDescription> description_of(const TensorFile& file, const std::string& path);

// As description_of() reads them.
Metadata metadata_of(const ModelDescription& description);

}  // namespace voluta
