// Grad-CAM and saliency against PyTorch's autograd: models/attribution.safetensors, by make_attribution.py.

#include <gtest/gtest.h>
#include <voluta/io/layout.h>
#include <voluta/io/safetensors.h>
#include <voluta/train/attribution.h>

#include <cmath>

#include "goldens/formula.h"
#include "io/temporary_folder.h"
#include "judge/tests_folder.h"

namespace voluta::goldens {
namespace {

constexpr double kBound = 1e-4;  // of ||a - b|| / ||b||: the design's, for whole models

const TensorFile& golden_file() {
  static const TensorFile file =
      read_safetensors(judge::tests_path("goldens/models/attribution.safetensors"));
  return file;
}

double relative_error(const Tensor& ours, const Tensor& theirs) {
  EXPECT_EQ(ours.shape(), theirs.shape());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < theirs.data<double>().size(); ++i) {
    const double there = theirs.data<double>()[i];
    difference += std::pow(ours.data<float>()[i] - there, 2);
    norm += there * there;
  }
  return std::sqrt(difference / norm);
}

class AttributionGolden : public testing::TestWithParam<std::string> {
 protected:
  const Tensor& golden(const std::string& what) const {
    return golden_file().tensors.at(GetParam() + "/" + what);
  }
  StepOptions step() const {
    const Shape& map = golden("saliency").shape();
    return {.model = &find_model(GetParam()), .image = {map[0], map[1], 3}, .classes = 10};
  }
  // Class 3 of the formula's picture.
  ScoreGradient::Result result(const std::function<Value(const StepGraph&)>& choose) const {
    Session session(Device{});
    ScoreGradient score(session, step(), {}, choose);
    for (const ValueInfo& state : score.graph().values()) {
      if (state.kind != ValueKind::kState) continue;
      const Shape shape = parameter_shape_in_pytorch(state.type.shape);
      session.write_state(state.name,
                          parameter_from_pytorch(formula(state.name, state.type.dtype, shape)));
    }
    const Shape image = step().image;
    return score.of(channels_last(formula("input", DType::f32, {1, 3, image[0], image[1]})), 3);
  }
};

TEST_P(AttributionGolden, GradCamIsPyTorchs) {
  const ScoreGradient::Result last = result(last_feature_map);
  EXPECT_LE(relative_error(last.logits, golden("logits")), kBound);
  const Tensor cam = grad_cam(last.value, last.gradient);
  EXPECT_LE(relative_error(cam, golden("cam")), kBound);
  const Shape& picture = golden("resized_cam").shape();
  EXPECT_LE(relative_error(resized_map(cam, picture[0], picture[1]), golden("resized_cam")),
            kBound);

  const std::string& layer = golden_file().metadata.at(GetParam());
  const ScoreGradient::Result middle =
      result([&](const StepGraph& graph) { return layer_map(graph, layer); });
  EXPECT_LE(relative_error(grad_cam(middle.value, middle.gradient), golden("middle_cam")), kBound);
}

TEST_P(AttributionGolden, SaliencyIsPyTorchs) {
  const ScoreGradient::Result at = result([](const StepGraph& graph) { return graph.images; });
  EXPECT_LE(relative_error(saliency(at.gradient), golden("saliency")), kBound);
}

#ifndef VOLUTA_SIMT  // the same CPU engines
INSTANTIATE_TEST_SUITE_P(Models, AttributionGolden, testing::Values("resnet20", "mobilenet_v2"));
#else
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AttributionGolden);
#endif

TEST(Attribution, NamesWhatIsNotThere) {
  const StepGraph step =
      differentiable_step({.model = &find_model("resnet20"), .image = {32, 32, 3}, .classes = 10});
  expect_error(ErrorKind::kInvalidArgument, {"no layer 'layer4'", "conv1", "layer3.2"},
               [&] { layer_map(step, "layer4"); });
  EXPECT_EQ(step.graph.shape(layer_map(step, "layer2")), (Shape{1, 16, 16, 32}));
  Session session(Device{});
  ScoreGradient score(session, {.model = &find_model("resnet20"), .image = {32, 32, 3}}, {},
                      last_feature_map);
  expect_error(ErrorKind::kInvalidArgument, {"class 10 is outside 0..9"}, [&] {
    score.of(Tensor(DType::f32, {1, 32, 32, 3}), 10);
  });
}

}  // namespace
}  // namespace voluta::goldens
