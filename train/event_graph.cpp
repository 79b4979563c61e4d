// A graph as TensorBoard's Graphs tab takes it.

#include <voluta/train/event_log.h>

#include <algorithm>
#include <map>

namespace voluta {
namespace {

// Field numbers of the messages that we write.
constexpr int kGraphNode = 1, kGraphVersions = 4, kProducer = 1;
constexpr int kNodeName = 1, kNodeOp = 2, kNodeInput = 3, kNodeAttribute = 5;
constexpr int kKey = 1, kValue = 2;  // of a map's entry
constexpr int kAttributeList = 1, kAttributeBytes = 2, kListShape = 7;
constexpr int kDimension = 2, kDimensionSize = 1;

std::string with_slashes(std::string path) {
  std::ranges::replace(path, '.', '/');
  return path;
}

ProtobufMessage attribute(std::string_view key, const ProtobufMessage& value) {
  return ProtobufMessage().add_bytes(kKey, key).add_message(kValue, value);
}

// "_output_shapes": what TensorBoard writes beside the edges.
ProtobufMessage shapes(const Graph& graph, std::span<const Value> outputs) {
  ProtobufMessage list;
  for (const Value output : outputs) {
    ProtobufMessage shape;
    for (const int64_t extent : graph.shape(output).extents()) {
      shape.add_message(kDimension, ProtobufMessage().add_integer(kDimensionSize, extent));
    }
    list.add_message(kListShape, shape);
  }
  return attribute("_output_shapes", ProtobufMessage().add_message(kAttributeList, list));
}

ProtobufMessage text(std::string_view key, std::string_view value) {
  return attribute(key, ProtobufMessage().add_bytes(kAttributeBytes, value));
}

class GraphDef {
 public:
  explicit GraphDef(const Graph& graph) : graph_(graph) {
    message_.add_message(kGraphVersions, ProtobufMessage().add_integer(kProducer, 1));
    for (std::size_t i = 0; i < graph.values().size(); ++i) {
      add_source(graph.value(i), graph.values()[i]);
    }
    for (const Node& node : graph.nodes()) add_node(node);
  }

  const ProtobufMessage& message() const { return message_; }

 private:
  // What no node computes.
  void add_source(Value value, const ValueInfo& info) {
    if (info.kind == ValueKind::kComputed) return;
    const std::string_view op = info.kind == ValueKind::kInput      ? "input"
                                : info.kind == ValueKind::kConstant ? "constant"
                                                                    : name_of(info.role);
    const std::string pass = info.role == StateRole::kOptimizer ? "update/" : "";
    const std::string name =
        unique(pass + with_slashes(info.name.empty() ? "constant" : info.name));
    names_[value] = name;
    message_.add_message(kGraphNode, ProtobufMessage()
                                         .add_bytes(kNodeName, name)
                                         .add_bytes(kNodeOp, op)
                                         .add_message(kNodeAttribute, shapes(graph_, {{value}})));
  }

  void add_node(const Node& node) {
    std::string scope = node.pass == "forward" ? "" : node.pass + "/";
    if (!node.path.empty()) scope += with_slashes(node.path) + "/";
    const std::string name = unique(scope + std::string(node.problem.op->name));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      names_[node.outputs[i]] = i == 0 ? name : name + ":" + std::to_string(i);
    }
    ProtobufMessage message;
    message.add_bytes(kNodeName, name).add_bytes(kNodeOp, node.problem.op->name);
    for (const Value input : node.inputs) message.add_bytes(kNodeInput, names_.at(input));
    message.add_message(kNodeAttribute, shapes(graph_, node.outputs));
    message.add_message(kNodeAttribute, text("problem", describe(node.problem)));
    message_.add_message(kGraphNode, message);
  }

  std::string unique(const std::string& name) {
    const int met = met_[name]++;
    return met == 0 ? name : unique(name + "_" + std::to_string(met));
  }

  const Graph& graph_;
  std::map<Value, std::string> names_;  // of what computes it, with the output behind a colon
  std::map<std::string, int> met_;
  ProtobufMessage message_;
};

}  // namespace

ProtobufMessage to_graph_def(const Graph& graph) {
  return GraphDef(graph).message();
}

}  // namespace voluta
