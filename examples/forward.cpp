// LeNet-5 on one picture, on the first CUDA device or else the CPU.
#include <voluta/voluta.h>

#include <iostream>

int main() {
  using namespace voluta;
  Graph graph;
  const Value image = graph.input("image", {DType::f32, {1, 28, 28, 1}});  // [N,H,W,C]
  const Value logits = lenet5(Scope(graph), image, {}).logits;

  const Device device = default_device();
  Session session(device);
  Executor executor(Plan(graph, {logits}, {.device = device}), session);
  executor.feed(image, Tensor(DType::f32, {1, 28, 28, 1}));
  executor.run();

  const Tensor result = executor.read(logits);
  for (const float logit : result.data<float>()) std::cout << logit << '\n';
}
