#pragma once

// Where a layer is: the graph it appends to and the path of its parameters. scope["layer1"][0]
// ["conv1"] names parameters "layer1.0.conv1.weight", exactly as files do.

#include <voluta/core/graph/graph.h>
#include <voluta/layers/initializers.h>

#include <string>
#include <string_view>

namespace voluta {

struct ScopeOptions {
  bool training = false;   // dropout and batch statistics are on
  bool gradients = false;  // gradients will be taken, though it is no training
  uint64_t seed = 0;       // of the parameters' initial values, and of dropout
};

class Scope {
 public:
  // The root: the graph must outlive every scope made from it.
  explicit Scope(Graph& graph, ScopeOptions options = {}) : graph_(&graph), options_(options) {}

  Scope operator[](std::string_view name) const;
  Scope operator[](int index) const { return (*this)[std::to_string(index)]; }

  Graph& graph() const { return *graph_; }
  bool training() const { return options_.training; }
  // Whether layers must keep what their gradients read.
  bool keeps_for_gradients() const { return options_.training || options_.gradients; }
  uint64_t seed() const { return options_.seed; }
  const std::string& path() const { return path_; }

  // A trainable f32 parameter "<path>.<leaf>". Its initial value depends on the seed and its name
  // alone, not on the order in which a model asks for its parameters.
  Value parameter(std::string_view leaf, Shape shape, Initializer initializer) const;

  // The same for a layer whose data are of `type`: where that is no f32 a cast of the parameter, which
  // is itself f32 always (mixed precision: Micikevicius et al. 2018, section 3.1).
  Value parameter_as(DType type, std::string_view leaf, Shape shape, Initializer initializer) const;

  // x as `type`: x itself where it is of that type.
  Value cast(Value x, DType type) const;

  // A tensor "<path>.<leaf>" that is saved with the weights and not trained: running statistics.
  // Zero where there is no initializer; one needs f32.
  Value buffer(std::string_view leaf, TensorType type, Initializer initializer = {}) const;

  // The input "step", i64 scalar: how many steps the run has taken. Random layers read it.
  Value step() const;

  // The stream of random numbers that belongs to this path.
  uint64_t random_stream() const;

  // Of a value of the graph; throws invalid(), naming this path, for any other.
  TensorType type(Value x) const;
  Shape shape(Value x) const { return type(x).shape; }

  // Appends a node at this path.
  template <OpDefinition T>
  Value add(typename T::Options options, std::vector<Value> inputs) const {
    return graph_->add<T>(std::move(options), std::move(inputs), path_);
  }

 private:
  Value state(std::string_view leaf, TensorType type, StateRole role,
              Initializer initializer) const;

  Graph* graph_;
  ScopeOptions options_;
  std::string path_;
};

}  // namespace voluta
