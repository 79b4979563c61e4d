// Which ops the convolution layers choose, and what they say of shapes that do not fit.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/layers/conv2d.h>
#include <voluta/layers/conv_transpose2d.h>

#include <string>

namespace voluta {
namespace {

constexpr int64_t kChannels = 6;

Value image_of(Graph& graph) {
  return graph.input("x", {DType::f32, {2, 7, 8, kChannels}});
}

std::string op_of(const Conv2dLayer& layer) {
  Graph graph;
  conv2d(Scope(graph)["conv"], image_of(graph), layer);
  return std::string(graph.nodes().back().problem.op->name);
}

TEST(ConvolutionLayers, GroupsOfOneChannelAreDepthwise) {
  EXPECT_EQ(op_of({.channels = 12, .groups = kChannels, .bias = false}), "depthwise_conv2d");
  EXPECT_EQ(op_of({.channels = 12, .groups = 3, .bias = false}), "conv2d");
  EXPECT_EQ(op_of({.channels = 12, .bias = false}), "conv2d");
}

// What has no place in the graph is refused where it is used, by name.
TEST(ConvolutionLayers, NameTheLayerThatIsGivenAnotherGraphsValue) {
  Graph graph, other;
  image_of(graph);
  const auto complaint = [&](Value image) -> std::string {
    try {
      conv2d(Scope(graph)["layer1"][0]["conv1"], image, {.channels = 4});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string foreign = complaint(image_of(other)), none = complaint({});
  EXPECT_TRUE(foreign.starts_with("layer1.0.conv1: ")) << foreign;
  EXPECT_NE(foreign.find("another graph"), foreign.npos) << foreign;
  EXPECT_TRUE(none.starts_with("layer1.0.conv1: ")) << none;
}

TEST(ConvolutionLayers, TransposedHasPyTorchsShapes) {
  Graph graph;
  const Value y = conv_transpose2d(Scope(graph)["up"], image_of(graph),
                                   {.channels = 4,
                                    .kernel = 3,
                                    .stride = 2,
                                    .padding = 1,
                                    .output_padding = {1, 0},
                                    .groups = 2});
  EXPECT_EQ(graph.shape(y), (Shape{2, 14, 15, 4}));
  EXPECT_EQ(graph.nodes().back().problem.op->name, "bias");
}

// What conv_transpose2d says of a layer that does not fit.
std::string complaint_of(const ConvTranspose2dLayer& layer) {
  Graph graph;
  try {
    conv_transpose2d(Scope(graph)["up"], image_of(graph), layer);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ConvolutionLayers, TransposedNamesTheLayerThatDoesNotFit) {
  const struct {
    ConvTranspose2dLayer layer;
    std::string says;
  } cases[] = {
      {{.channels = 0}, "at least 1"},
      {{.channels = 4, .groups = 4}, "not divisible"},
      {{.channels = 5, .groups = 3}, "not divisible"},
      {{.output_padding = 2}, "must be smaller than the stride"},
      {{.stride = 1, .output_padding = 1, .dilation = 2}, "needs as much padding"},
      {{.padding = 20}, "output extent"},
      {{.stride = 0}, "stride is 0"},
  };
  for (const auto& [layer, says] : cases) {
    const std::string complaint = complaint_of(layer);
    EXPECT_NE(complaint.find("up"), complaint.npos) << complaint;
    EXPECT_NE(complaint.find(says), complaint.npos) << complaint;
  }
  EXPECT_EQ(complaint_of({.stride = 1, .padding = 1, .output_padding = 1, .dilation = 2}), "");
}

}  // namespace
}  // namespace voluta
