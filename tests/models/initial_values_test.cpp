// Initial values of the architectures' parameters, as torchvision's, timm's and the papers'.

#include <gtest/gtest.h>
#include <voluta/models/registry.h>

#include <cmath>

namespace voluta {
namespace {

Graph graph_of(std::string_view name) {
  const ModelEntry& model = find_model(name);
  Graph graph;
  const Value image =
      graph.input("image", {DType::f32, {1, model.height, model.width, model.channels}});
  model.build(Scope(graph), image, {});
  return graph;
}

struct InitialValues {
  const char *model, *state;
  double deviation;
};

// Of n normal samples the mean is within 5 sigma / sqrt(n) and the deviation within
// 5 sigma / sqrt(2 n), but for one in a million; uniform ones deviate less.
void expect_deviation(std::span<const float> values, double deviation, const std::string& what) {
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const float value : values) sum += value, squares += double{value} * value;
  EXPECT_NEAR(sum / n, 0, 5 * deviation / std::sqrt(n)) << what;
  EXPECT_NEAR(std::sqrt(squares / n), deviation, 5 * deviation / std::sqrt(2 * n)) << what;
}

Tensor initial_value(const Graph& graph, const std::string& name) {
  for (const ValueInfo& info : graph.values()) {
    if (info.name != name) continue;
    Tensor tensor(info.type);
    if (info.initialize) info.initialize(tensor);
    return tensor;
  }
  ADD_FAILURE() << "no state " << name;
  return Tensor(TensorType{DType::f32, {1}});
}

TEST(Architectures, BeginAsTorchvisionsDo) {
  const double he = std::sqrt(2.0);
  const InitialValues cases[] = {
      {"alexnet", "features.3.weight", 1 / std::sqrt(3.0 * 64 * 25)},
      {"alexnet_lrn", "conv2.weight", 0.01},
      {"vgg11", "features.3.weight", he / std::sqrt(128.0 * 9)},
      {"vgg11_bn", "classifier.6.weight", 0.01},
      {"googlenet", "inception3a.branch2.1.conv.weight", 0.01},
      {"googlenet", "aux2.fc2.weight", 0.01},
      {"inception_v3", "Mixed_6b.branch7x7_2.conv.weight", 0.1},
      {"inception_v3", "AuxLogits.conv1.conv.weight", 0.1},
      {"inception_v3", "AuxLogits.fc.weight", 0.001},
      {"resnet18", "layer2.0.downsample.0.weight", he / std::sqrt(128.0)},
      {"resnext50_32x4d", "layer1.0.conv2.weight", he / std::sqrt(128.0 * 9)},
      {"resnet18", "fc.weight", 1 / std::sqrt(3.0 * 512)},
      {"resnet20", "layer3.1.conv1.weight", he / std::sqrt(64.0 * 9)},
      {"mobilenet_v1", "blocks.4.1.conv_dw.weight", he / 3},
      {"mobilenet_v1", "classifier.weight", 1 / std::sqrt(3.0 * 1000)},
      {"mobilenet_v2", "features.17.conv.1.0.weight", he / std::sqrt(960.0 * 9)},
      {"mobilenet_v2", "classifier.1.weight", 0.01}};
  for (const auto& [model, state, deviation] : cases) {
    const Tensor tensor = initial_value(graph_of(model), state);
    expect_deviation(tensor.data<float>(), deviation, std::string(model) + " " + state);
  }
}

TEST(Architectures, BiasesBeginAsPublished) {
  const auto first = [](const char* model, const char* state) {
    const Tensor values = initial_value(graph_of(model), state);
    return values.data<float>()[0];
  };
  EXPECT_EQ(first("vgg11", "features.0.bias"), 0);
  EXPECT_EQ(first("alexnet_lrn", "conv4.bias"), 1);
  EXPECT_EQ(first("alexnet_lrn", "fc8.bias"), 0);
  EXPECT_EQ(first("resnet18", "layer1.0.bn2.weight"), 1);
  EXPECT_NE(first("resnet18", "fc.bias"), 0);
  EXPECT_EQ(first("mobilenet_v2", "classifier.1.bias"), 0);
}

}  // namespace
}  // namespace voluta
