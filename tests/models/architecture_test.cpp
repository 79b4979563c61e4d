// The architectures: published sizes, options, training graphs, and errors that name the layer.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/layers/conv2d.h>
#include <voluta/models/registry.h>
#include <voluta/train/step.h>

#include <cmath>
#include <limits>
#include <map>

namespace voluta {
namespace {

struct Built {
  Graph graph;
  ModelOutput output{Value()};
};

// At the published size where `side` is 0.
Built build(std::string_view name, const ModelOptions& options = {}, int64_t side = 0,
            ScopeOptions scope = {}) {
  const ModelEntry& model = find_model(name);
  Built built;
  const int64_t height = side ? side : model.height, width = side ? side : model.width;
  const Value image = built.graph.input("image", {DType::f32, {2, height, width, model.channels}});
  built.output = model.build(Scope(built.graph, scope), image, options);
  return built;
}

template <class Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(Architectures, HaveThePublishedNumberOfParameters) {
  const std::map<std::string_view, int64_t> published = {{"lenet5", 61'706},
                                                         {"alexnet", 61'100'840},
                                                         {"alexnet_lrn", 60'965'224},
                                                         {"zfnet", 62'357'608},
                                                         {"all_cnn_c", 1'369'738},
                                                         {"vgg11", 132'863'336},
                                                         {"vgg16", 138'357'544},
                                                         {"vgg19", 143'667'240},
                                                         {"vgg16_bn", 138'365'992},
                                                         {"googlenet", 13'004'888},
                                                         {"inception_v3", 27'161'264},
                                                         {"resnet18", 11'689'512},
                                                         {"resnet34", 21'797'672},
                                                         {"resnet50", 25'557'032},
                                                         {"resnet101", 44'549'160},
                                                         {"resnet152", 60'192'808},
                                                         {"resnext50_32x4d", 25'028'904},
                                                         {"resnext101_32x8d", 88'791'336},
                                                         {"wide_resnet50_2", 68'883'240},
                                                         {"wide_resnet101_2", 126'886'696},
                                                         {"resnet20", 269'722},
                                                         {"resnet32", 464'154},
                                                         {"resnet44", 658'586},
                                                         {"resnet56", 853'018},
                                                         {"resnet110", 1'727'962},
                                                         {"mobilenet_v1", 4'231'976},
                                                         {"mobilenet_v2", 3'504'872}};
  for (const auto& [name, count] : published) {
    EXPECT_EQ(parameter_count(build(name).graph), count) << name;
  }
}

std::vector<std::string_view> names_of_all_models() {
  std::vector<std::string_view> names;
  for (const ModelEntry& model : all_models()) names.push_back(model.name);
  return names;
}

class EachModel : public testing::TestWithParam<std::string_view> {};

TEST_P(EachModel, GivesTheClassesAskedFor) {
  const ModelEntry& model = find_model(GetParam());
  const Built published = build(model.name, {.width = 0.1});
  EXPECT_EQ(published.graph.shape(published.output.logits), (Shape{2, model.classes}));
  const Built seven = build(model.name, {.classes = 7, .width = 0.1});
  EXPECT_EQ(seven.graph.shape(seven.output.logits), (Shape{2, 7}));
  for (const AuxiliaryHead& head : seven.output.auxiliary) {
    EXPECT_EQ(seven.graph.shape(head.logits), (Shape{2, 7}));
  }
}

TEST_P(EachModel, WidthScalesItsParameters) {
  const auto count = [&](double width) {
    return parameter_count(build(GetParam(), {.width = width}).graph);
  };
  EXPECT_LT(count(0.5), count(1));
  EXPECT_LT(count(1), count(1.5));
  EXPECT_GT(count(0.001), 0);  // never without channels
}

TEST_P(EachModel, HasTheSameStateInTrainingAndInEvaluation) {
  const auto names = [](const Graph& graph) {
    std::vector<std::string> found;
    for (const ValueInfo& info : graph.values()) {
      if (info.kind == ValueKind::kState) found.push_back(info.name);
    }
    return found;
  };
  const ModelOptions narrow{.width = 0.1};
  EXPECT_EQ(names(build(GetParam(), narrow, 0, {.training = true}).graph),
            names(build(GetParam(), narrow).graph));
}

TEST_P(EachModel, RefusesOptionsThatMakeNoSense) {
  const auto error = [&](const ModelOptions& options) {
    return error_of([&] { build(GetParam(), options); });
  };
  EXPECT_NE(error({.classes = -1}).find("classes must be at least 1"), std::string::npos);
  for (const double width : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_NE(error({.width = width}).find("width must be above 0"), std::string::npos) << width;
  }
}

// Small pictures on which each model still trains.
int64_t small_side(const ModelEntry& model) {
  const std::map<std::string_view, int64_t> sides = {
      {"alexnet", 64},   {"alexnet_lrn", 64}, {"zfnet", 64},     {"inception_v3", 299},
      {"all_cnn_c", 16}, {"lenet5", 28},      {"digits_fcn", 28}};
  const auto found = sides.find(model.name);
  return found == sides.end() ? 32 : found->second;
}

TEST_P(EachModel, BuildsItsTrainingStep) {
  const ModelEntry& model = find_model(GetParam());
  const int64_t side = small_side(model);
  const StepGraph step = training_step({.model = &model,
                                        .options = {.width = 0.1},
                                        .image = {side, side, model.channels},
                                        .classes = 3,
                                        .batch = 2});
  ASSERT_EQ(step.gradients.size(), step.parameters.size());
  for (std::size_t i = 0; i < step.parameters.size(); ++i) {
    EXPECT_EQ(step.graph.shape(step.gradients[i]), step.graph.shape(step.parameters[i]))
        << step.graph.info(step.parameters[i]).name;
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EachModel, testing::ValuesIn(names_of_all_models()),
                         [](const auto& info) { return std::string(info.param); });

TEST(Architectures, AuxiliaryHeadsHaveThePublishedWeights) {
  const auto weights = [](std::string_view name) {
    std::vector<double> found;
    for (const AuxiliaryHead& head : build(name, {.width = 0.1}).output.auxiliary) {
      found.push_back(head.weight);
    }
    return found;
  };
  EXPECT_EQ(weights("googlenet"), (std::vector{0.3, 0.3}));
  EXPECT_EQ(weights("inception_v3"), (std::vector{0.4}));
  EXPECT_TRUE(weights("resnet50").empty());
}

TEST(Architectures, ErrorsNameTheLayer) {
  const auto too_small = [](std::string_view name, int64_t side, ScopeOptions scope = {}) {
    return error_of([&] { build(name, {.width = 0.1}, side, scope); });
  };
  EXPECT_EQ(too_small("alexnet", 32).find("features.12: "), 0u) << too_small("alexnet", 32);
  EXPECT_EQ(too_small("alexnet_lrn", 32).find("pool5: "), 0u) << too_small("alexnet_lrn", 32);
  EXPECT_EQ(too_small("vgg16", 16).find("features.30: "), 0u) << too_small("vgg16", 16);
  EXPECT_EQ(too_small("digits_fcn", 20).find("conv4: "), 0u) << too_small("digits_fcn", 20);
  EXPECT_EQ(too_small("all_cnn_c", 4).find("conv7: "), 0u) << too_small("all_cnn_c", 4);
  EXPECT_EQ(too_small("inception_v3", 74).find("Mixed_7a."), 0u) << too_small("inception_v3", 74);
  EXPECT_EQ(too_small("inception_v3", 298, {.training = true}).find("AuxLogits.conv1"), 0u);
  EXPECT_EQ(too_small("inception_v3", 75), "no error");

  EXPECT_EQ(error_of([] { build("resnet50", {.classes = -1}); }).find("fc: "), 0u);
  EXPECT_EQ(error_of([] { build("vgg16", {.classes = -5}); }).find("classifier.6: "), 0u);
}

TEST(Architectures, ConvolutionsThatDoNotFitNameTheLayer) {
  Graph graph;
  const Value image = graph.input("image", {DType::f32, {1, 4, 9, 6}});
  const Scope layer = Scope(graph)["block"]["conv"];
  const auto error = [&](const Conv2dLayer& options) {
    return error_of([&] { conv2d(layer, image, options); });
  };
  const std::string large = error({.channels = 4, .kernel = 7, .padding = 1});
  EXPECT_EQ(large.find("block.conv: "), 0u) << large;
  const std::string groups = error({.channels = 8, .groups = 4});
  EXPECT_EQ(groups.find("block.conv: "), 0u) << groups;
  EXPECT_NE(groups.find("4 groups"), std::string::npos) << groups;
}

TEST(Architectures, OptionsReachTheirLayers) {
  const auto error = [](const ModelOptions& options) {
    return error_of([&] { build("vgg11_bn", options, 32, {.training = true}); });
  };
  EXPECT_EQ(error({.dropout = 0}), "no error");
  EXPECT_EQ(error({.dropout = 1.5}).find("classifier.2: "), 0u) << error({.dropout = 1.5});
  EXPECT_EQ(error({.epsilon = -1}).find("features.1: "), 0u) << error({.epsilon = -1});
}

}  // namespace
}  // namespace voluta
