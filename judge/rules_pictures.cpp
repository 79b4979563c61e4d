// Ops that make pictures of bytes: which views of them are fair. All are exact.

#include <fmt/format.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/rules.h>
#include <voluta/judge/rules_pictures.h>
#include <voluta/kernels/picture_resize/resize_view.h>
#include <voluta/kernels/picture_view/picture_view.h>

namespace voluta::judge {
namespace {

Problem parse_views(ProblemLine& line) {
  const int64_t n = line.extent("n"), m = line.extent("m"), c = line.extent("c");
  return make_problem<ViewPictures>({}, {{DType::u8, {m, line.extent("h"), line.extent("w"), c}},
                                         {line.dtype(), {c, 256}},
                                         {DType::i64, {n, 4}}});
}
Problem parse_resizes(ProblemLine& line) {
  const int64_t n = line.extent("n");
  const bool bicubic = line.word("bicubic");
  return make_problem<ResizePictures>(
      {line.extent("h"), line.extent("w"),
       bicubic ? Interpolation::kBicubic : Interpolation::kBilinear},
      {{DType::u8, {line.extent("b")}},
       {line.dtype(), {line.extent("c"), 256}},
       {DType::i64, {n, picture_resize::kViewNumbers}}});
}

// Any pixels; shifts that leave the picture in sight, in part or not at all, and an index that is none.
Tensors view_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const Shape& pictures = problem.inputs[0].shape;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    set_value(inputs[0], i, random.next_below(256));
  }
  for (int64_t i = 0; i < inputs[2].elements(); i += 4) {
    const bool none = kind == InputKind::kReals && random.next_below(20) == 0;
    const auto count = static_cast<uint32_t>(pictures[0]);
    set_value(inputs[2], i, none ? pictures[0] : random.next_below(count));
    for (int axis = 0; axis < 2; ++axis) {
      const int64_t side = pictures[static_cast<std::size_t>(1 + axis)];
      const int64_t shift = random.next_below(static_cast<uint32_t>(2 * side + 1)) - side;
      set_value(inputs[2], i + 1 + axis, static_cast<double>(shift));
    }
    set_value(inputs[2], i + 3, random.next_below(2));
  }
  return inputs;
}

// A box of the pixels that are there, or one that reaches beyond them; enlarged, or reduced as far as a
// filter reaches.
picture_resize::ResizeAxis draw_axis(int64_t pixels, int64_t count, Random& random) {
  const auto below = [&](int64_t bound) {
    return int64_t{random.next_below(static_cast<uint32_t>(bound))};
  };
  const int64_t eighths = picture_resize::kEighths * pixels;
  picture_resize::ResizeAxis axis{.begin = below(eighths), .steps = count + below(4)};
  axis.extent = 1 + below(eighths - axis.begin);
  if (random.next_below(4) == 0) axis = {0, eighths, count, 0, count};
  if (random.next_below(4) == 0) axis.extent += below(eighths);
  axis.first = below(axis.steps - count + 1);
  axis.count = count;
  return axis;
}

// Bytes, and views that the op can make a picture of; among reals now and then one that it cannot.
Tensors resize_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const Shape& y = problem.outputs[0].shape;
  const int64_t capacity = problem.inputs[0].shape[0];
  const auto interpolation = problem.options_as<PictureResizeOptions>().interpolation;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    const uint32_t level = random.next_below(320);  // many at the ends, where results are clamped
    set_value(inputs[0], i, level < 256 ? level : level < 288 ? 0 : 255);
  }
  for (int64_t n = 0; n < y[0]; ++n) {
    int64_t* numbers = inputs[2].data<int64_t>().data() + n * picture_resize::kViewNumbers;
    const bool any = kind == InputKind::kReals && random.next_below(10) == 0;
    picture_resize::ResizeView view;
    do {
      view.offset = random.next_below(static_cast<uint32_t>(capacity - 2));
      const int64_t pixels = (capacity - view.offset) / 3;
      view.rows = 1 + random.next_below(static_cast<uint32_t>(pixels));
      view.columns = 1 + random.next_below(static_cast<uint32_t>(pixels / view.rows));
      view.vertical = draw_axis(view.rows, y[1], random);
      view.horizontal = draw_axis(view.columns, y[2], random);
      view.mirrored = random.next_below(2) == 1;
    } while (!any && !view.is_sound(capacity, interpolation));
    view.write(numbers);
    if (any) numbers[random.next_below(11)] *= -1;
  }
  return inputs;
}

std::string random_views(Random& random) {
  const std::string line = picture_extents(random, 1 + random.next_below(5));
  return fmt::format("{}m{}", line, 1 + random.next_below(9));
}
std::string random_resizes(Random& random) {
  const std::string line = picture_extents(random, random.next_below(3) == 0 ? 1 : 3);
  return fmt::format("{}b{}{}", line, 3 + random.next_below(6000),
                     random.next_below(2) ? "" : " bicubic");
}

constexpr OpRules kRules[] = {
    {"view_pictures", parse_views, random_views, view_inputs},
    {"resize_pictures", parse_resizes, random_resizes, resize_inputs},
};

}  // namespace

std::string picture_extents(Random& random, int64_t channels) {
  const uint32_t n = random.next_below(5), h = random.next_below(12), w = random.next_below(20);
  return fmt::format("n{}h{}w{}c{}", 1 + n, 1 + h, 1 + w, channels);
}

std::span<const OpRules> picture_rules() {
  return kRules;
}

}  // namespace voluta::judge
