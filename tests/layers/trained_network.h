#pragma once

// Small networks that a test trains for one step, with passes and without.

#include <voluta/core/graph/executor.h>
#include <voluta/core/random.h>
#include <voluta/kernels/flatten/flatten.h>
#include <voluta/layers/loss.h>

#include <vector>

namespace voluta {

struct Network {
  Graph graph;
  std::vector<Value> inputs;  // x and the parameters
  Value y;
};

// The gradients of the loss of y as logits with respect to all inputs, and last the loss.
inline std::vector<Value> add_training(Network& net) {
  Graph& graph = net.graph;
  const bool picture = graph.shape(net.y).rank() == 4;
  const Value logits = picture ? graph.add<Flatten>({}, {net.y}, "flatten") : net.y;
  Tensor labels(DType::i64, {graph.shape(logits)[0]});
  for (std::size_t i = 0; i < labels.data<int64_t>().size(); ++i) {
    labels.data<int64_t>()[i] = static_cast<int64_t>(i) % 6;
  }
  const Value loss = softmax_cross_entropy(Scope(graph), logits, graph.constant(labels));
  std::vector<Value> wanted = backward(graph, loss, net.inputs);
  wanted.push_back(loss);
  return wanted;
}

// `wanted` of one run on normal inputs of this deviation, fused and absorbed or not.
inline std::vector<Tensor> run(const Network& net, const std::vector<Value>& wanted, bool fuse,
                               Device device, float deviation = 1) {
  Session session(device);
  Executor executor(
      Plan(net.graph, wanted, {.device = device, .passes = {.fuse = fuse, .absorb = fuse}}),
      session);
  Random random(3);
  for (const Value input : net.inputs) {
    Tensor tensor(net.graph.type(input));
    for (float& value : tensor.data<float>()) {
      value = deviation * static_cast<float>(random.next_normal());
    }
    executor.feed(input, tensor);
  }
  executor.run();
  std::vector<Tensor> results;
  for (const Value value : wanted) results.push_back(executor.read(value));
  return results;
}

}  // namespace voluta
