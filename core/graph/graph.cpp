#include <voluta/core/error.h>
#include <voluta/core/graph/graph.h>

#include <algorithm>
#include <atomic>

namespace voluta {

std::string_view name_of(StateRole role) {
  switch (role) {
    case StateRole::kParameter:
      return "parameter";
    case StateRole::kBuffer:
      return "buffer";
    case StateRole::kOptimizer:
      return "optimizer_state";
    case StateRole::kMetric:
      return "metric";
    case StateRole::kData:
      return "data";
  }
  return "state";
}

namespace {

// "f32 [3] (parameter)".
std::string described(StateRole role, const TensorType& type) {
  return to_string(type) + " (" + std::string(name_of(role)) + ")";
}

// Of no graph yet: numbers start at 1, so that the default value is nobody's.
uint32_t next_number() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}

}  // namespace

Graph::Graph() : number_(next_number()) {}

const ValueInfo& Graph::info(Value value) const {
  if (!value)
    invalid("a value that names nothing was given; take what an input or a layer returns");
  if (value.graph != number_) {
    invalid("a value of another graph was given; a graph takes its own alone");
  }
  if (value.index() >= values_.size()) {
    invalid("a value of a copy of the graph was given, which this one does not have");
  }
  return values_[value.index()];
}

const Node* Graph::producer(Value value) const {
  const int32_t index = info(value).producer;
  return index < 0 ? nullptr : &nodes_[static_cast<std::size_t>(index)];
}

std::vector<bool> Graph::ancestors(std::span<const Value> values) const {
  std::vector<bool> found(values_.size(), false);
  for (const Value value : values) {
    info(value);  // throws for what is no value of this graph
    found[value.index()] = true;
  }
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    if (std::ranges::none_of(node->outputs, [&](Value v) { return found[v.index()]; })) continue;
    for (const Value input : node->inputs) found[input.index()] = true;
  }
  return found;
}

Value Graph::new_value(ValueInfo info) {
  values_.push_back(std::move(info));
  return value(values_.size() - 1);
}

Value Graph::input(std::string name, TensorType type) {
  if (find_input(name)) invalid("the graph already has an input named '" + name + "'");
  return new_value({.type = type, .kind = ValueKind::kInput, .name = std::move(name)});
}

Value Graph::find_input(std::string_view name) const {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].kind == ValueKind::kInput && values_[i].name == name) {
      return value(i);
    }
  }
  return {};
}

Value Graph::state(std::string name, TensorType type, StateRole role,
                   std::function<void(Tensor&)> initialize) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].kind != ValueKind::kState || values_[i].name != name) continue;
    if (values_[i].type != type || values_[i].role != role) {
      invalid("'" + name + "' is already a state of type " +
              described(values_[i].role, values_[i].type) + "; it cannot also be " +
              described(role, type));
    }
    return value(i);
  }
  return new_value({.type = type,
                    .kind = ValueKind::kState,
                    .name = std::move(name),
                    .role = role,
                    .initialize = std::move(initialize)});
}

Value Graph::constant(Tensor tensor) {
  return new_value({.type = tensor.type(), .kind = ValueKind::kConstant, .constant = tensor});
}

std::vector<Value> Graph::add(const Op& op, std::shared_ptr<const void> options,
                              std::vector<Value> inputs, std::string path) {
  Node node{.inputs = std::move(inputs), .path = std::move(path), .pass = pass_};
  try {
    std::vector<TensorType> types;
    for (Value input : node.inputs) types.push_back(type(input));
    node.problem = make_problem(op, std::move(options), std::move(types));
  } catch (const Error& error) {
    fail(error.kind(),
         (node.path.empty() ? std::string(op.name) : node.path) + ": " + error.what());
  }
  for (const TensorType& output : node.problem.outputs) {
    node.outputs.push_back(new_value(
        {.type = output, .name = node.path, .producer = static_cast<int32_t>(nodes_.size())}));
  }
  nodes_.push_back(std::move(node));
  return nodes_.back().outputs;
}

void Graph::set_nodes(std::vector<Node> nodes) {
  nodes_ = std::move(nodes);
  for (ValueInfo& value : values_) value.producer = -1;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (Value output : nodes_[i].outputs) {
      values_[output.index()].producer = static_cast<int32_t>(i);
    }
  }
}

}  // namespace voluta
