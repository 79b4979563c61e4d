// The figures of a summary, on networks small enough to count by hand.

#include <gtest/gtest.h>
#include <voluta/kernels/add/add.h>
#include <voluta/layers/activation.h>
#include <voluta/layers/conv2d.h>
#include <voluta/layers/conv_transpose2d.h>
#include <voluta/layers/linear.h>
#include <voluta/layers/pooling.h>
#include <voluta/train/summary.h>

namespace voluta {
namespace {

class Summary : public ::testing::Test {
 protected:
  const LayerSummary& row(const std::string& name, Value logits) {
    layers_ = summarize_layers(graph_, image_, logits);
    for (const LayerSummary& layer : layers_) {
      if (layer.name == name) return layer;
    }
    ADD_FAILURE() << "no row " << name;
    return layers_.front();
  }
  int64_t field(const std::string& name, Value logits) { return row(name, logits).receptive_field; }

  Graph graph_;
  Scope s_{graph_};
  Value image_ = graph_.input("images", {DType::f32, {2, 32, 32, 3}});
  std::vector<LayerSummary> layers_;
};

// Araujo et al. 2019, equation 2: r = sum_l (k_l - 1) * prod_{i<l} s_i + 1.
TEST_F(Summary, FieldsOfAChain) {
  Value x = conv2d(s_["a"], image_, {.channels = 4, .kernel = 7, .stride = 2, .padding = 3});
  x = max_pool2d(s_["b"], x, {.window = 3, .stride = 2, .padding = 1});
  x = relu(s_["c"], x);
  x = conv2d(s_["d"], x, {.channels = 4, .kernel = 3, .padding = 2, .dilation = 2});
  EXPECT_EQ(field("a", x), 7);
  EXPECT_EQ(field("b", x), 7 + 2 * 2);
  EXPECT_EQ(field("c", x), 11);
  EXPECT_EQ(field("d", x), 11 + 2 * 2 * 4);
}

TEST_F(Summary, FieldsOfOneSidedWindows) {
  const Value wide =
      conv2d(s_["wide"], image_, {.channels = 4, .kernel = {1, 7}, .padding = {0, 3}});
  const Value high = conv2d(s_["high"], wide, {.channels = 4, .kernel = {5, 1}});
  EXPECT_EQ(field("wide", high), 7);
  EXPECT_EQ(field("high", high), 7);
  const Value both = conv2d(s_["both"], high, {.channels = 4, .kernel = {5, 1}});
  EXPECT_EQ(field("both", both), 9);
}

// A depthwise window is a window; transposed, a 3 x 3 of stride 2 lies under at most two pixels of
// its input a side, a 4 x 4 under two, a 2 x 2 under one.
TEST_F(Summary, FieldsOfDepthwiseAndTransposedConvolutions) {
  const Value stem = conv2d(s_["stem"], image_, {.channels = 4, .kernel = 3, .stride = 2});
  const Value depthwise =
      conv2d(s_["depthwise"], stem, {.channels = 4, .kernel = 3, .padding = 1, .groups = 4});
  const Value two = conv_transpose2d(s_["two"], depthwise, {.channels = 4, .kernel = 2});
  const Value three =
      conv_transpose2d(s_["three"], depthwise, {.channels = 4, .kernel = 3, .padding = 1});
  const Value four =
      conv_transpose2d(s_["four"], depthwise, {.channels = 4, .kernel = 4, .padding = 1});
  EXPECT_EQ(field("depthwise", depthwise), 3 + 2 * 2);
  EXPECT_EQ(field("two", two), 7);
  EXPECT_EQ(field("three", three), 7 + 2);
  EXPECT_EQ(field("four", four), 7 + 2);
  EXPECT_GT(row("two", two).macs, 0);
}

// Where branches meet, what either sees; windows that are not centred on each other add up.
TEST_F(Summary, FieldsOfBranches) {
  const Value in = conv2d(s_["in"], image_, {.channels = 4, .kernel = 3, .padding = 1});
  const Value narrow = conv2d(s_["narrow"], in, {.channels = 4, .kernel = 1});
  const Value broad = conv2d(s_["broad"], in, {.channels = 4, .kernel = 5, .padding = 2});
  const Value sum = s_["sum"].add<Add>({}, {narrow, broad});
  EXPECT_EQ(field("sum", sum), 7);
  const Value left =
      conv2d(s_["left"], in, {.channels = 4, .kernel = 3, .padding = Padding2d{2, 0, 2, 0}});
  const Value right =
      conv2d(s_["right"], in, {.channels = 4, .kernel = 3, .padding = Padding2d{0, 2, 0, 2}});
  const Value split = s_["split"].add<Add>({}, {left, right});
  EXPECT_EQ(field("left", split), 5);
  EXPECT_EQ(field("split", split), 7);
}

TEST_F(Summary, FlattenSeesEveryPosition) {
  Value x = conv2d(s_["conv"], image_, {.channels = 1, .kernel = 3, .stride = 2});  // 15 x 15
  x = linear(s_["fc"], flatten(s_["flat"], x), {.features = 4});
  EXPECT_EQ(field("conv", x), 3);
  EXPECT_EQ(field("flat", x), 3 + 14 * 2);
  EXPECT_EQ(field("fc", x), 31);
}

TEST_F(Summary, CountsOneImage) {
  Value x = conv2d(s_["conv"], image_, {.channels = 8, .kernel = 3, .padding = 1});
  x = average_pool2d(s_["pool"], relu(s_["relu"], x), {});
  x = average_pool2d(s_["one"], x, {.window = 1, .stride = 1});
  x = linear(s_["fc"], flatten(s_["flat"], x), {.features = 10});
  EXPECT_EQ(row("one", x).activations, 0) << "a window of one pixel pools nothing";
  const LayerSummary conv = row("conv", x), relu_row = row("relu", x), pool = row("pool", x);
  EXPECT_EQ(conv.parameters, 3 * 8 * 9 + 8);
  EXPECT_EQ(conv.macs, 32 * 32 * 8 * 27);
  EXPECT_EQ(conv.activations, 32 * 32 * 8);
  EXPECT_EQ(conv.op, "conv2d");
  EXPECT_EQ(conv.output.shape, (Shape{2, 32, 32, 8}));
  EXPECT_EQ(relu_row.activations, 0) << "an activation function puts out no new values";
  EXPECT_EQ(pool.activations, 16 * 16 * 8);
  EXPECT_EQ(row("flat", x).activations, 0);
  EXPECT_EQ(row("fc", x).macs, 16 * 16 * 8 * 10);
  const ModelTotals sum = total(layers_, graph_.shape(image_));
  EXPECT_EQ(sum.activations, 32 * 32 * 3 + 32 * 32 * 8 + 16 * 16 * 8 + 10);
  EXPECT_EQ(sum.parameters, conv.parameters + 16 * 16 * 8 * 10 + 10);
  EXPECT_EQ(sum.macs, conv.macs + 20480);
}

TEST_F(Summary, ALayerIsNotItsCasts) {
  const Value half = s_["images"].cast(image_, DType::f16);
  const Value x = conv2d(s_["conv"], half, {.channels = 8, .kernel = 3, .padding = 1});
  EXPECT_EQ(row("images", x).op, "cast");
  EXPECT_EQ(row("conv", x).op, "conv2d");
  EXPECT_EQ(row("conv", x).output, (TensorType{DType::f16, {2, 32, 32, 8}}));
}

TEST_F(Summary, AuxiliaryHeadsHaveParametersAndNoWork) {
  const Value x = conv2d(s_["conv"], image_, {.channels = 8, .kernel = 3});
  conv2d(s_["aux"], x, {.channels = 8, .kernel = 1});
  const LayerSummary aux = row("aux", x);
  EXPECT_TRUE(aux.training_only);
  EXPECT_EQ(aux.parameters, 8 * 8 + 8);
  EXPECT_EQ(aux.macs, 0);
  EXPECT_EQ(aux.flops, 0);
  EXPECT_EQ(aux.activations, 0);
  EXPECT_FALSE(row("conv", x).training_only);
}

TEST_F(Summary, CountsASharedParameterOnce) {
  Value x = conv2d(s_["conv"], image_, {.channels = 3, .kernel = 1});
  x = conv2d(s_["conv"], x, {.channels = 3, .kernel = 1});
  EXPECT_EQ(row("conv", x).parameters, 12);
  EXPECT_EQ(row("conv", x).macs, 2 * 32 * 32 * 9);
}

}  // namespace
}  // namespace voluta
