#include <voluta/core/error.h>
#include <voluta/core/graph/graph.h>

#include <algorithm>

namespace voluta {

const ValueInfo& Graph::info(Value value) const {
  if (value.id < 0 || static_cast<std::size_t>(value.id) >= values_.size()) {
    invalid("a graph was asked for a value that it does not have");
  }
  return values_[static_cast<std::size_t>(value.id)];
}

const Node* Graph::producer(Value value) const {
  const int32_t index = info(value).producer;
  return index < 0 ? nullptr : &nodes_[static_cast<std::size_t>(index)];
}

Value Graph::new_value(ValueInfo info) {
  values_.push_back(std::move(info));
  return Value{static_cast<int32_t>(values_.size() - 1)};
}

Value Graph::input(std::string name, TensorType type) {
  if (find_input(name)) invalid("the graph already has an input named '" + name + "'");
  return new_value({.type = type, .kind = ValueKind::kInput, .name = std::move(name)});
}

Value Graph::find_input(std::string_view name) const {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].kind == ValueKind::kInput && values_[i].name == name) {
      return Value{static_cast<int32_t>(i)};
    }
  }
  return {};
}

Value Graph::state(std::string name, TensorType type, StateRole role,
                   std::function<void(Tensor&)> initialize) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].kind != ValueKind::kState || values_[i].name != name) continue;
    if (values_[i].type != type || values_[i].role != role) {
      invalid("'" + name + "' is already a state of type " + to_string(values_[i].type) +
              "; it cannot also be " + to_string(type));
    }
    return Value{static_cast<int32_t>(i)};
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
  std::vector<TensorType> types;
  for (Value input : inputs) types.push_back(type(input));
  Node node{.inputs = std::move(inputs), .path = std::move(path), .pass = pass_};
  try {
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
      values_[static_cast<std::size_t>(output.id)].producer = static_cast<int32_t>(i);
    }
  }
}

}  // namespace voluta
