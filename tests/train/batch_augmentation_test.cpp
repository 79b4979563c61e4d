// What is drawn for batches of training pictures, and that it enters a step and leaves evaluation
// alone. The ops are judged in tests/kernels.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/layers/linear.h>
#include <voluta/train/batch_augmentation.h>
#include <voluta/train/step.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

constexpr int64_t kHeight = 24, kWidth = 40;

TEST(BatchAugmentation, SharesAreOfTheBetaDistribution) {
  for (const double alpha : {0.01, 0.2, 1.0, 4.0}) {
    constexpr int kDraws = 40000;
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < kDraws; ++i) {
      Random random(5, i);
      const double share = draw_beta(alpha, random);
      ASSERT_TRUE(share >= 0 && share <= 1) << share;
      sum += share;
      squares += (share - 0.5) * (share - 0.5);
    }
    // Variance 1 / (4 (2 alpha + 1)); six standard errors, of the mean and (no more than) of squares.
    const double variance = 1 / (4 * (2 * alpha + 1)), root = std::sqrt(1.0 * kDraws);
    EXPECT_NEAR(sum / kDraws, 0.5, 6 * std::sqrt(variance) / root) << alpha;
    EXPECT_NEAR(squares / kDraws, variance, 6 * std::sqrt(variance / 4) / root) << alpha;
  }
}

TEST(BatchAugmentation, MixesAsItIsTold) {
  int cut = 0;
  for (int64_t batch = 0; batch < 1000; ++batch) {
    const Mix mixup = draw_mix({.mixup_alpha = 0.2}, 7, batch, kHeight, kWidth);
    EXPECT_EQ(mixup.share, mixup.label_share);
    EXPECT_EQ(mixup.box.height, 0);
    const Mix cutmix = draw_mix({.cutmix_alpha = 1}, 7, batch, kHeight, kWidth);
    const CropBox& box = cutmix.box;
    EXPECT_EQ(cutmix.share, 1);
    EXPECT_TRUE(box.top >= 0 && box.left >= 0 && box.top + box.height <= kHeight &&
                box.left + box.width <= kWidth);
    EXPECT_DOUBLE_EQ(cutmix.label_share,
                     1 - static_cast<double>(box.height * box.width) / (kHeight * kWidth));
    const Mix either = draw_mix({.mixup_alpha = 0.2, .cutmix_alpha = 1}, 7, batch, kHeight, kWidth);
    cut += either.share == 1;
  }
  EXPECT_NEAR(cut, 500, 6 * std::sqrt(250.0));
}

TEST(BatchAugmentation, ErasesBoxesOfTheirSizes) {
  int erased = 0;
  for (uint32_t picture = 0; picture < 2000; ++picture) {
    const PictureDraws draws{.seed = 3, .epoch = 9, .picture = picture};
    const CropBox box = random_erased_box(draws, 0.25, kHeight, kWidth);
    if (box.height == 0) continue;
    ++erased;
    const double area = static_cast<double>(box.height * box.width) / (kHeight * kWidth);
    EXPECT_TRUE(area > 0.01 && area < 0.36) << area;
    EXPECT_TRUE(box.top >= 0 && box.left >= 0 && box.top + box.height <= kHeight &&
                box.left + box.width <= kWidth);
  }
  EXPECT_NEAR(erased, 500, 6 * std::sqrt(2000 * 0.25 * 0.75));
  EXPECT_EQ(random_erased_box({.seed = 3}, 0, kHeight, kWidth).height, 0);
}

TEST(BatchAugmentation, ColorsComeInEveryOrder) {
  const double strength[] = {0.4, 2, 0, 0.1};
  int first[4] = {}, left_out = 0;
  for (uint32_t picture = 0; picture < 3000; ++picture) {
    const ColorDraw draw = random_colors({.seed = 3, .picture = picture}, strength);
    EXPECT_TRUE(draw.factor[0] >= 0.6f && draw.factor[0] < 1.4f);
    EXPECT_TRUE(draw.factor[1] >= 0 && draw.factor[1] < 3);
    EXPECT_TRUE(draw.factor[3] >= -0.1f && draw.factor[3] < 0.1f);
    std::vector<int64_t> order(draw.order, draw.order + 4);
    left_out += draw.order[0] == -1;
    if (draw.order[0] >= 0) ++first[draw.order[0]];
    std::ranges::sort(order);
    EXPECT_EQ(order, (std::vector<int64_t>{-1, 0, 1, 3}));
  }
  for (const int count : {first[0], first[1], first[3], left_out}) {
    EXPECT_NEAR(count, 750, 6 * std::sqrt(3000 * 0.25 * 0.75));
  }
}

// torchvision's magnitudes, and Pillow's fixed-point maps of its transforms.
TEST(BatchAugmentation, TrivialChangesAreTorchvisions) {
  using Map = std::array<int64_t, 6>;
  const auto map = [](int64_t change, int64_t bin, int sign) {
    const TrivialDraw drawn = trivial_change(change, bin, sign, kHeight, kWidth);
    EXPECT_EQ(drawn.change, PictureChange::kAffine);
    return drawn.affine;
  };
  const auto factor = [](int64_t change, int64_t bin, int sign, PictureChange expected) {
    const TrivialDraw drawn = trivial_change(change, bin, sign, kHeight, kWidth);
    EXPECT_EQ(drawn.change, expected);
    return drawn.factor;
  };
  EXPECT_EQ(trivial_change(0, 30, -1, kHeight, kWidth).change, PictureChange::kIdentity);
  EXPECT_EQ(map(1, 30, 1), (Map{65536, 64881, 65208, 0, 65536, 32768}));
  EXPECT_EQ(map(2, 30, -1), (Map{65536, 0, 32768, -64881, 65536, 328}));
  EXPECT_EQ(map(3, 29, 1), (Map{65536, 0, 32768 - 30 * 65536, 0, 65536, 32768}));
  EXPECT_EQ(map(4, 30, -1), (Map{65536, 0, 32768, 0, 65536, 32768 + 32 * 65536}));
  EXPECT_EQ(map(5, 30, 1), (Map{-46341, -46341, 2747289, 46341, -46341, 415704}));
  EXPECT_DOUBLE_EQ(factor(6, 30, 1, PictureChange::kBrightness), 1.99);
  EXPECT_DOUBLE_EQ(factor(7, 30, -1, PictureChange::kSaturation), 1 - 0.99);
  EXPECT_DOUBLE_EQ(factor(8, 10, 1, PictureChange::kContrast), 1.33);
  EXPECT_DOUBLE_EQ(factor(9, 0, -1, PictureChange::kSharpness), 1);
  EXPECT_EQ(factor(10, 0, 1, PictureChange::kPosterize), 8);
  EXPECT_EQ(factor(10, 13, 1, PictureChange::kPosterize), 5);
  EXPECT_EQ(factor(10, 30, 1, PictureChange::kPosterize), 2);
  EXPECT_EQ(factor(11, 0, 1, PictureChange::kSolarize), 255);
  EXPECT_EQ(factor(11, 30, 1, PictureChange::kSolarize), 0);
  EXPECT_EQ(trivial_change(12, 0, 1, kHeight, kWidth).change, PictureChange::kAutoContrast);
  EXPECT_EQ(trivial_change(13, 0, 1, kHeight, kWidth).change, PictureChange::kEqualize);
}

TEST(BatchAugmentation, DrawsEveryTrivialChange) {
  constexpr int kPictures = 14000;
  std::map<PictureChange, int> times;
  int brighter = 0;
  for (uint32_t picture = 0; picture < kPictures; ++picture) {
    const TrivialDraw drawn = draw_trivial({.seed = 3, .picture = picture}, kHeight, kWidth);
    ++times[drawn.change];
    brighter += drawn.change == PictureChange::kBrightness && drawn.factor > 1;
  }
  EXPECT_EQ(times.size(), 10U);
  for (const auto& [change, count] : times) {
    const double share = change == PictureChange::kAffine ? 5.0 / 14 : 1.0 / 14;
    EXPECT_NEAR(count, kPictures * share, 6 * std::sqrt(kPictures * share * (1 - share)));
  }
  EXPECT_NEAR(brighter, 500 * 30.0 / 31, 6 * std::sqrt(500));
}

ModelOutput plain(Scope s, Value image, const ModelOptions& options) {
  return linear(s["fc"], flatten(s["flat"], image), {.features = options.classes});
}
const ModelEntry kPlain{"plain", "", 6, 6, 3, 4, plain};

StepOptions step_options() {
  StepOptions options{.model = &kPlain, .image = {6, 6, 3}, .classes = 4, .batch = 2};
  options.augmentation = {.mixup_alpha = 0.2,
                          .cutmix_alpha = 1,
                          .random_erase = 0.5,
                          .color_jitter = {0.4, 0.4, 0.4, 0.1},
                          .trivial_augment = true,
                          .normalization = imagenet_normalization()};
  return options;
}

std::vector<std::string> ops_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.emplace_back(node.problem.op->name);
  return names;
}

TEST(BatchAugmentation, ComesFirstInTrainingAlone) {
  const std::vector<std::string> training = ops_of(training_step(step_options()).graph);
  ASSERT_GT(training.size(), 4U);
  EXPECT_EQ(training[0], "trivial_augment");
  EXPECT_EQ(training[1], "color_jitter");
  EXPECT_EQ(training[2], "erase_pictures");
  EXPECT_EQ(training[3], "mix_pictures");
  EXPECT_EQ(std::ranges::count(training, "mix_labels"), 1);
  for (const StepGraph& step :
       {evaluation_step(step_options()), inference_step(step_options(), StepMode::kTraining),
        gradient_step(step_options(), StepMode::kTraining)}) {
    for (const std::string& op : ops_of(step.graph)) {
      EXPECT_TRUE(op != "trivial_augment" && op != "color_jitter" && !op.starts_with("mix_") &&
                  op != "erase_pictures")
          << op;
    }
  }
}

// One plan, two batches: what is drawn must reach it.
TEST(BatchAugmentation, IsDrawnAnewForEachBatch) {
  const StepOptions options = step_options();
  const StepGraph step = training_step(options);
  Session session{Device{}};
  Executor executor(Plan(step.graph, {step.loss}, {}), session);
  Tensor images(step.graph.type(step.images)), labels(DType::i64, {2}), lr(DType::f32, {});
  for (std::size_t i = 0; i < images.data<float>().size(); ++i) {
    images.data<float>()[i] = 0.1f * static_cast<float>(i % 17) - 0.8f;
  }
  labels.data<int64_t>()[1] = 3;
  AugmentationDraws draws(options.augmentation, 11, images.shape());
  const auto loss = [&](int64_t batch) {
    draws.draw(batch);
    draws.feed(executor, step.augmentation);
    executor.feed(step.images, images);
    executor.feed(step.labels, labels);
    executor.feed(step.learning_rate, lr);  // 0: the weights stay
    executor.run();
    return executor.read(step.loss).item<float>();
  };
  const float first = loss(0), second = loss(1);
  EXPECT_NE(first, second);
  EXPECT_EQ(loss(0), first);
}

TEST(BatchAugmentation, RefusesNonsense) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](const char* flag, const BatchAugmentation& options) {
    expect_error(ErrorKind::kInvalidArgument, {flag}, [&] { check_batch_augmentation(options); });
  };
  refused("BatchAugmentation::mixup_alpha", {.mixup_alpha = -1});
  refused("BatchAugmentation::cutmix_alpha", {.cutmix_alpha = nan});
  refused("BatchAugmentation::random_erase", {.random_erase = 1.5});
  refused("BatchAugmentation::color_jitter", {.color_jitter = {0.4, -1, 0, 0}});
  refused("BatchAugmentation::color_jitter", {.color_jitter = {0, 0, 0, 0.6}});
}

}  // namespace
}  // namespace voluta
