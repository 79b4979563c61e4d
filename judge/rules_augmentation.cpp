#include <voluta/judge/reference.h>
#include <voluta/judge/rules_pictures.h>
#include <voluta/kernels/augmentation/augmentation.h>
#include <voluta/kernels/color_jitter/color_jitter.h>
#include <voluta/kernels/trivial_augment/trivial_augment.h>

#include <array>
#include <cmath>
#include <utility>

namespace voluta::judge {
namespace {

constexpr double kUnit = 0x1p-24;

TensorType pictures(ProblemLine& line) {
  return {line.dtype(), {line.extent("n"), line.extent("h"), line.extent("w"), line.extent("c")}};
}
DType real_of(DType dtype) {
  return dtype == DType::f64 ? DType::f64 : DType::f32;
}

Problem parse_erase(ProblemLine& line) {
  const TensorType x = pictures(line);
  return make_problem<ErasePictures>({}, {x, {DType::i64, {x.shape[0], 4}}});
}
Problem parse_mix(ProblemLine& line) {
  const TensorType x = pictures(line);
  return make_problem<MixPictures>({}, {x, {real_of(x.dtype), {}}, {DType::i64, {4}}});
}
Problem parse_labels(ProblemLine& line) {
  return make_problem<MixLabels>({line.extent("k")},
                                 {{DType::i64, {line.extent("n")}}, {real_of(line.dtype()), {}}});
}
PixelNormalization normalization(ProblemLine& line) {
  return {.mean = {line.number("meanr", 0), line.number("meang", 0), line.number("meanb", 0)},
          .deviation = {line.number("devr", 1), line.number("devg", 1), line.number("devb", 1)}};
}
Problem parse_jitter(ProblemLine& line) {
  const TensorType x = pictures(line);
  const int64_t n = x.shape[0];
  return make_problem<ColorJitter>(normalization(line),
                                   {x, {real_of(x.dtype), {n, 4}}, {DType::i64, {n, 4}}});
}
Problem parse_trivial(ProblemLine& line) {
  const TensorType x = pictures(line);
  const int64_t n = x.shape[0];
  return make_problem<TrivialAugment>(
      normalization(line), {x, {DType::i64, {n}}, {real_of(x.dtype), {n}}, {DType::i64, {n, 6}}});
}

// Boxes [.., 4]: empty ones, some that end outside, and any within.
void draw_boxes(Tensor& boxes, const Shape& x, Random& random) {
  for (int64_t i = 0; i < boxes.elements(); i += 4) {
    const bool empty = random.next_below(4) == 0;
    for (int axis = 0; axis < 2; ++axis) {
      const auto side = static_cast<uint32_t>(x[static_cast<std::size_t>(1 + axis)]);
      const int64_t first = int64_t{random.next_below(side + 1)} - random.next_below(2);
      set_value(boxes, i + axis, static_cast<double>(first));
      set_value(boxes, i + 2 + axis, empty ? 0 : random.next_below(side + 1));
    }
  }
}

// Quarters are exact on integers.
void draw_share(Tensor& share, InputKind kind, Random& random) {
  const double quarters = random.next_below(5) / 4.0;
  const bool any = kind == InputKind::kReals && random.next_below(4) != 0;
  set_value(share, 0, any ? random.next_uniform() : quarters);
}

Tensors erase_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  draw_boxes(inputs[1], problem.inputs[0].shape, random);
  return inputs;
}

Tensors mix_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  draw_share(inputs[1], kind, random);
  draw_boxes(inputs[2], problem.inputs[0].shape, random);
  return inputs;
}

Tensors labels_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const auto classes = static_cast<uint32_t>(problem.outputs[0].shape[1]);
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    set_value(inputs[0], i, random.next_below(classes));
  }
  draw_share(inputs[1], kind, random);
  return inputs;
}

// Levels of 8 bits up to `most`, some pixels gray.
void draw_levels(Tensor& x, const PixelNormalization& o, uint32_t most, Random& random) {
  const int64_t channels = x.shape()[3];
  for (int64_t i = 0; i < x.elements(); i += channels) {
    uint32_t level = random.next_below(most + 1);
    const bool plain = random.next_below(6) == 0;
    for (int64_t c = 0; c < channels; ++c) {
      const auto at = static_cast<std::size_t>(c);
      if (!plain) level = random.next_below(most + 1);
      set_value(x, i + c, (level / 255.0 - o.mean[at]) / o.deviation[at]);
    }
  }
}

// Factors of strong jitter; orders with all four changes or some.
Tensors jitter_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  draw_levels(inputs[0], problem.options_as<PixelNormalization>(), 255, random);
  for (int64_t n = 0; n < problem.inputs[0].shape[0]; ++n) {
    std::array<int64_t, 4> order = {0, 1, 2, 3};
    for (uint32_t i = 3; i > 0; --i) std::swap(order[i], order[random.next_below(i + 1)]);
    for (int64_t i = 0; i < 4; ++i) {
      const bool left_out = random.next_below(6) == 0;
      const double what = left_out ? -1 : static_cast<double>(order[static_cast<std::size_t>(i)]);
      set_value(inputs[2], 4 * n + i, what);
      const double factor = i < 3 ? random.next_uniform(0.1, 1.9) : random.next_uniform(-0.5, 0.5);
      set_value(inputs[1], 4 * n + i, factor);
    }
  }
  return inputs;
}

// A map of any shear and turn, around any pixel, or nearly none.
void draw_affine(Tensor& affine, int64_t n, const Shape& x, Random& random) {
  const bool strong = random.next_below(2) == 0;
  for (int64_t i = 0; i < 6; ++i) {
    const auto side = static_cast<double>(i < 3 ? x[2] : x[1]);
    const double straight = i == 0 || i == 4 ? 1 : 0;
    const double a = i % 3 == 2 ? random.next_uniform(-side, side)
                                : straight + random.next_uniform(-1, 1) * (strong ? 1 : 0.01);
    set_value(affine, 6 * n + i, std::floor(a * 65536));
  }
}

// Every change in turn, on levels that are all there or few; factors of the strongest changes.
Tensors trivial_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const bool dark = random.next_below(3) == 0;
  draw_levels(inputs[0], problem.options_as<PixelNormalization>(), dark ? 40 : 255, random);
  const uint32_t first = random.next_below(11);
  for (int64_t n = 0; n < problem.inputs[0].shape[0]; ++n) {
    const auto change = static_cast<int64_t>((first + n) % 11);  // 10: none of them
    set_value(inputs[1], n, static_cast<double>(change));
    double factor = random.next_uniform(0.01, 1.99);
    if (PictureChange{change} == PictureChange::kPosterize) factor = 2 + random.next_below(7);
    if (PictureChange{change} == PictureChange::kSolarize) factor = 8.5 * random.next_below(31);
    set_value(inputs[2], n, factor);
    draw_affine(inputs[3], n, problem.inputs[0].shape, random);
  }
  return inputs;
}

bool never(const Problem&) {
  return false;
}

// Note [Colour error bounds] in kernels/color_jitter/color_jitter.h: the error of picture n's values.
double jitter_error(const Problem& problem, const Tensors& inputs, int64_t n) {
  constexpr double kThreadPixels = 8;
  const Shape& x = problem.inputs[0].shape;
  const double chunks = std::ceil(static_cast<double>(x[1] * x[2]) / 2048);
  double error = 4 * kUnit;
  for (int64_t i = 0; i < 4; ++i) {
    const auto what = static_cast<int64_t>(value_at(inputs[2], 4 * n + i));
    if (what < 0) continue;
    const double factor = value_at(inputs[1], 4 * n + what);
    const double both = factor + std::fabs(1 - factor);
    switch (static_cast<ColorChange>(what)) {
      case ColorChange::kBrightness:
        error = factor * error + kUnit * 2 * factor;
        break;
      case ColorChange::kContrast:
        error = both * error + kUnit * 6 * both +
                std::fabs(1 - factor) * kUnit * (kThreadPixels + 40 + chunks);
        break;
      case ColorChange::kSaturation:
        error = both * error + kUnit * 6 * both;
        break;
      case ColorChange::kHue:
        error = 4 * error + 64 * kUnit;
        break;
    }
  }
  return error;
}

// Note [Change error bounds] in kernels/trivial_augment/trivial_augment.h.
double trivial_error(const Problem&, const Tensors& inputs, int64_t n) {
  const double factor = value_at(inputs[2], n), both = factor + std::fabs(1 - factor);
  switch (PictureChange{static_cast<int64_t>(value_at(inputs[1], n))}) {
    case PictureChange::kBrightness:
    case PictureChange::kSaturation:
    case PictureChange::kContrast:
    case PictureChange::kSharpness:
      return (16 + 4) * both * kUnit;
    default:
      return 2 * kUnit;
  }
}

// Of values whose errors in picture n are error(problem, inputs, n), normalised.
template <double error(const Problem&, const Tensors&, int64_t)>
Bounds pixel_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  const PixelNormalization& o = problem.options_as<PixelNormalization>();
  const Shape& x = problem.inputs[0].shape;
  std::vector<double> bound;
  for (int64_t n = 0; n < x[0]; ++n) {
    const double of_values = error(problem, inputs, n);
    for (int64_t i = 0; i < x[1] * x[2] * x[3]; ++i) {
      const auto c = static_cast<std::size_t>(i % x[3]);
      const double y = value_at(reference[0], static_cast<int64_t>(bound.size()));
      bound.push_back((of_values + kUnit * 2 * std::fabs(o.mean[c])) / o.deviation[c] +
                      4 * kUnit * std::fabs(y));
    }
  }
  return {bound};
}

std::string random_pictures(Random& random) {
  return picture_extents(random, 1 + random.next_below(5));
}
std::string random_labels(Random& random) {
  return "n" + std::to_string(1 + random.next_below(40)) + "k" +
         std::to_string(1 + random.next_below(200));
}
std::string random_normalized(Random& random) {
  const std::string line = picture_extents(random, random.next_below(3) == 0 ? 1 : 3);
  return random.next_below(2) ? line
                              : line +
                                    " meanr0.485 meang0.456 meanb0.406 devr0.229 devg0.224 "
                                    "devb0.225";
}

constexpr OpRules kRules[] = {
    {"erase_pictures", parse_erase, random_pictures, erase_inputs},
    {"mix_pictures", parse_mix, random_pictures, mix_inputs},
    {"mix_labels", parse_labels, random_labels, labels_inputs},
    {"color_jitter", parse_jitter, random_normalized, jitter_inputs, never,
     pixel_bounds<jitter_error>},
    {"trivial_augment", parse_trivial, random_normalized, trivial_inputs, never,
     pixel_bounds<trivial_error>},
};

}  // namespace

std::span<const OpRules> augmentation_rules() {
  return kRules;
}

}  // namespace voluta::judge
