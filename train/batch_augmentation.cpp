#include <voluta/core/error.h>
#include <voluta/kernels/augmentation/augmentation.h>
#include <voluta/kernels/color_jitter/color_jitter.h>
#include <voluta/train/batch_augmentation.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace voluta {
namespace {

// Streams of random numbers: those of a picture in a batch, and those of a batch.
constexpr uint32_t kPictureStream = 0x62746368, kBatchStream = 0x6d697865;

void check_alpha(const char* option, double alpha) {
  if (alpha >= 0 && std::isfinite(alpha)) return;
  invalid(fmt::format("{} must be finite and not negative, not {}", option, alpha));
}

// The logarithm of a number of Gamma(shape).
double log_gamma_draw(double shape, Random& random) {
  if (shape < 1) {
    const double u = 1 - random.next_uniform();  // in (0, 1]
    return log_gamma_draw(shape + 1, random) + std::log(u) / shape;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.next_normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root, u = 1 - random.next_uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

void set_box(int64_t* to, const CropBox& box) {
  to[0] = box.top;
  to[1] = box.left;
  to[2] = box.height;
  to[3] = box.width;
}

// Three means or deviations, for pictures of one channel the same three times.
std::array<double, 3> three(const std::vector<double>& values) {
  if (values.size() == 1) return {values[0], values[0], values[0]};
  if (values.size() != 3) {
    invalid(
        fmt::format("BatchAugmentation::color_jitter and BatchAugmentation::trivial_augment take "
                    "pictures of 1 or 3 channels, not {}",
                    values.size()));
  }
  return {values[0], values[1], values[2]};
}
PixelNormalization pixel_normalization(const Normalization& normalization) {
  return {.mean = three(normalization.mean), .deviation = three(normalization.deviation)};
}

// Six numbers in units of 2^-16, from a map of pixel centres to pixel centres.
std::array<int64_t, 6> fixed_point(std::array<double, 6> map) {
  map[2] += 0.5 * map[0] + 0.5 * map[1];
  map[5] += 0.5 * map[3] + 0.5 * map[4];
  std::array<int64_t, 6> fixed{};
  std::ranges::transform(map, fixed.begin(), [](double a) {
    return static_cast<int64_t>(std::floor(a * 65536 + 0.5));
  });
  return fixed;
}

// Counterclockwise, around the middle.
std::array<double, 6> rotation(double degrees, int64_t height, int64_t width) {
  const double angle = degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double x = static_cast<double>(width) / 2, y = static_cast<double>(height) / 2;
  return {cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y};
}

}  // namespace

void check_batch_augmentation(const BatchAugmentation& o) {
  check_alpha("BatchAugmentation::mixup_alpha", o.mixup_alpha);
  check_alpha("BatchAugmentation::cutmix_alpha", o.cutmix_alpha);
  if (!(o.random_erase >= 0 && o.random_erase <= 1)) {
    invalid(
        fmt::format("BatchAugmentation::random_erase must be in [0, 1], not {}", o.random_erase));
  }
  for (const double strength : o.color_jitter)
    check_alpha("BatchAugmentation::color_jitter", strength);
  if (o.color_jitter[3] > 0.5) {
    invalid(fmt::format("the hue of BatchAugmentation::color_jitter must be at most 0.5, not {}",
                        o.color_jitter[3]));
  }
}

double draw_beta(double alpha, Random& random) {
  const double a = log_gamma_draw(alpha, random), b = log_gamma_draw(alpha, random);
  return 1 / (1 + std::exp(b - a));
}

TrivialDraw trivial_change(int64_t change, int64_t bin, int sign, int64_t height, int64_t width) {
  const auto step = static_cast<double>(bin);
  const double strength = step / 30;
  const double slope = sign * 0.99 * strength, pixels = sign * std::trunc(32 * strength);
  const auto moved = [](const std::array<double, 6>& map) {
    return TrivialDraw{PictureChange::kAffine, 1, fixed_point(map)};
  };
  switch (change) {
    case 0:
      return {};
    case 1:
      return moved({1, slope, 0, 0, 1, 0});
    case 2:
      return moved({1, 0, 0, slope, 1, 0});
    case 3:
      return moved({1, 0, -pixels, 0, 1, 0});
    case 4:
      return moved({1, 0, 0, 0, 1, -pixels});
    case 5:
      return moved(rotation(sign * 135 * strength, height, width));
    case 6:
      return {PictureChange::kBrightness, 1 + slope};
    case 7:
      return {PictureChange::kSaturation, 1 + slope};
    case 8:
      return {PictureChange::kContrast, 1 + slope};
    case 9:
      return {PictureChange::kSharpness, 1 + slope};
    case 10:
      return {PictureChange::kPosterize, 8 - std::round(step / 5)};
    case 11:
      return {PictureChange::kSolarize, 255 - 8.5 * step};
    case 12:
      return {PictureChange::kAutoContrast};
    default:
      return {PictureChange::kEqualize};
  }
}

TrivialDraw draw_trivial(const PictureDraws& draws, int64_t height, int64_t width) {
  const int sign = draws.below(kDrawTrivial + 2, 2) == 0 ? 1 : -1;
  return trivial_change(draws.below(kDrawTrivial, 14), draws.below(kDrawTrivial + 1, 31), sign,
                        height, width);
}

Mix draw_mix(const BatchAugmentation& o, uint64_t seed, int64_t batch, int64_t height,
             int64_t width) {
  Random random(seed, uint64_t{kBatchStream} << 32 | static_cast<uint32_t>(batch));
  const bool both = o.mixup_alpha > 0 && o.cutmix_alpha > 0;
  const bool cut = both ? random.next_below(2) == 1 : o.cutmix_alpha > 0;
  const double share = draw_beta(cut ? o.cutmix_alpha : o.mixup_alpha, random);
  if (!cut) return {.share = share, .label_share = share};
  const auto x = static_cast<int64_t>(random.next_below(static_cast<uint32_t>(width)));
  const auto y = static_cast<int64_t>(random.next_below(static_cast<uint32_t>(height)));
  const double half = 0.5 * std::sqrt(1 - share);
  const auto half_width = static_cast<int64_t>(half * static_cast<double>(width));
  const auto half_height = static_cast<int64_t>(half * static_cast<double>(height));
  const int64_t left = std::max<int64_t>(x - half_width, 0);
  const int64_t top = std::max<int64_t>(y - half_height, 0);
  const int64_t right = std::min(x + half_width, width), bottom = std::min(y + half_height, height);
  const CropBox box{top, left, bottom - top, right - left};
  const double area = static_cast<double>(box.height * box.width);
  return {.label_share = 1 - area / static_cast<double>(height * width), .box = box};
}

Value augment_pictures(Graph& graph, Value images, const BatchAugmentation& options,
                       AugmentationInputs& inputs) {
  const int64_t n = graph.shape(images)[0];
  Value x = images;
  if (options.trivial_augment) {
    inputs.changes = graph.input("trivial.changes", {DType::i64, {n}});
    inputs.change_factors = graph.input("trivial.factors", {DType::f32, {n}});
    inputs.affine = graph.input("trivial.affine", {DType::i64, {n, 6}});
    x = graph.add<TrivialAugment>(pixel_normalization(options.normalization),
                                  {x, inputs.changes, inputs.change_factors, inputs.affine},
                                  "augment");
  }
  if (options.jitters()) {
    inputs.factors = graph.input("jitter.factors", {DType::f32, {n, 4}});
    inputs.order = graph.input("jitter.order", {DType::i64, {n, 4}});
    x = graph.add<ColorJitter>(pixel_normalization(options.normalization),
                               {x, inputs.factors, inputs.order}, "augment");
  }
  if (options.random_erase > 0) {
    inputs.boxes = graph.input("erase.boxes", {DType::i64, {n, 4}});
    x = graph.add<ErasePictures>({}, {x, inputs.boxes}, "augment");
  }
  if (options.mixes()) {
    inputs.share = graph.input("mix.share", {DType::f32, {}});
    inputs.label_share = graph.input("mix.label_share", {DType::f32, {}});
    inputs.box = graph.input("mix.box", {DType::i64, {4}});
    x = graph.add<MixPictures>({}, {x, inputs.share, inputs.box}, "augment");
  }
  return x;
}

MixedLabels augment_labels(Graph& graph, Value labels, int64_t classes,
                           const AugmentationInputs& inputs) {
  const std::vector<Value> mixed =
      graph.add_all<MixLabels>({classes}, {labels, inputs.label_share}, "augment");
  return {mixed[0], mixed[1]};
}

AugmentationDraws::AugmentationDraws(const BatchAugmentation& options, uint64_t seed,
                                     const Shape& images)
    : options_(options),
      seed_(seed),
      height_(images[1]),
      width_(images[2]),
      changes_(DType::i64, {images[0]}),
      change_factors_(DType::f32, {images[0]}),
      affine_(DType::i64, {images[0], 6}),
      factors_(DType::f32, {images[0], 4}),
      order_(DType::i64, {images[0], 4}),
      boxes_(DType::i64, {images[0], 4}) {}

void AugmentationDraws::draw(int64_t batch) {
  for (std::size_t n = 0; n < factors_.data<float>().size() / 4; ++n) {
    const PictureDraws draws{.seed = seed_,
                             .epoch = static_cast<uint32_t>(batch),
                             .picture = static_cast<uint32_t>(n),
                             .stream = kPictureStream};
    if (options_.jitters()) {
      const ColorDraw colors = random_colors(draws, options_.color_jitter.data());
      std::ranges::copy(colors.factor, factors_.data<float>().data() + 4 * n);
      std::ranges::copy(colors.order, order_.data<int64_t>().data() + 4 * n);
    }
    if (options_.trivial_augment) {
      const TrivialDraw drawn = draw_trivial(draws, height_, width_);
      changes_.data<int64_t>()[n] = static_cast<int64_t>(drawn.change);
      change_factors_.data<float>()[n] = static_cast<float>(drawn.factor);
      std::ranges::copy(drawn.affine, affine_.data<int64_t>().data() + 6 * n);
    }
    const CropBox box = random_erased_box(draws, options_.random_erase, height_, width_);
    set_box(boxes_.data<int64_t>().data() + 4 * n, box);
  }
  if (!options_.mixes()) return;
  const Mix mix = draw_mix(options_, seed_, batch, height_, width_);
  share_.data<float>()[0] = static_cast<float>(mix.share);
  label_share_.data<float>()[0] = static_cast<float>(mix.label_share);
  set_box(box_.data<int64_t>().data(), mix.box);
}

void AugmentationDraws::feed(Executor& executor, const AugmentationInputs& inputs) const {
  const std::pair<Value, const Tensor*> fed[] = {{inputs.changes, &changes_},
                                                 {inputs.change_factors, &change_factors_},
                                                 {inputs.affine, &affine_},
                                                 {inputs.factors, &factors_},
                                                 {inputs.order, &order_},
                                                 {inputs.boxes, &boxes_},
                                                 {inputs.share, &share_},
                                                 {inputs.box, &box_},
                                                 {inputs.label_share, &label_share_}};
  for (const auto& [input, tensor] : fed) {
    if (input) executor.feed(input, *tensor);
  }
}

}  // namespace voluta
