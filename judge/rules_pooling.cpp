#include <voluta/judge/reference.h>
#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d.h>
#include <voluta/kernels/pool2d/pool2d.h>

#include <bit>

namespace voluta::judge {
namespace {

struct Geometry {
  Pool2dOptions options;
  TensorType x;
};

Geometry read(ProblemLine& line) {
  const int64_t r = line.extent("r"), s = line.extent("s"), u = line.extent("u", 1);
  const int64_t p = line.extent("p", 0);
  Geometry g;
  g.options = {.window = {r, s},
               .stride = {u, line.extent("v", u)},
               .padding = {line.extent("pt", p), line.extent("pb", p), line.extent("pl", p),
                           line.extent("pr", p)}};
  g.x = {line.dtype(), {line.extent("n"), line.extent("h"), line.extent("w"), line.extent("c")}};
  g.options.mode = line.word("average") ? PoolMode::kAverage
                   : line.word("min")   ? PoolMode::kMin
                                        : PoolMode::kMax;
  line.word("max");
  g.options.ceil_mode = line.word("ceil");
  g.options.count_include_pad = !line.word("exclude_pad");
  g.options.save_argmax = line.word("argmax");
  return g;
}

std::vector<TensorType> outputs_of(const Geometry& g) {
  return Pool2d::infer(g.options, std::vector<TensorType>{g.x});
}

Pool2dGradientOptions gradient_options(const Geometry& g) {
  return {.pool = g.options, .height = g.x.shape[1], .width = g.x.shape[2]};
}

Problem parse_pool2d(ProblemLine& line) {
  const Geometry g = read(line);
  return make_problem<Pool2d>(g.options, {g.x});
}
Problem parse_max_gradient(ProblemLine& line) {
  Geometry g = read(line);
  g.options.save_argmax = true;
  return make_problem<MaxPool2dGradient>(gradient_options(g), outputs_of(g));
}
Problem parse_average_gradient(ProblemLine& line) {
  Geometry g = read(line);
  g.options.mode = PoolMode::kAverage;
  return make_problem<AveragePool2dGradient>(gradient_options(g), {outputs_of(g)[0]});
}

// A division by 2^i is exact; others round.
bool exact(const Pool2dOptions& options) {
  const auto area = static_cast<uint64_t>(options.window[0] * options.window[1]);
  return options.mode != PoolMode::kAverage ||
         (std::has_single_bit(area) && !options.ceil_mode &&
          (options.count_include_pad || options.padding == Padding2d{}));
}
bool exact_forward(const Problem& problem) {
  return exact(problem.options_as<Pool2dOptions>());
}
bool exact_gradient(const Problem& problem) {
  return exact(problem.options_as<Pool2dGradientOptions>().pool);
}

// dy, and the argmax that the reference finds in a picture of the same kind.
Tensors max_gradient_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const auto& options = problem.options_as<Pool2dGradientOptions>();
  const Shape& dy = problem.inputs[0].shape;
  const TensorType x{problem.inputs[0].dtype, {dy[0], options.height, options.width, dy[3]}};
  const Problem forward = make_problem<Pool2d>(options.pool, {x});
  inputs[1] = run_reference(forward, {random_tensor(x, kind, 8, 1, random)})[1];
  return inputs;
}

// A window larger than its neighbours' distance, smaller, and equal; up to about 4,000 inputs.
std::string random_window(Random& random) {
  auto between = [&](uint32_t low, uint32_t high) {
    return low + random.next_below(high - low + 1);
  };
  const uint32_t r = between(1, 5), s = between(1, 5);
  const uint32_t pt = between(0, r / 2), pb = between(0, r / 2);
  const uint32_t pl = between(0, s / 2), pr = between(0, s / 2);
  auto token = [](const char* key, uint32_t value) { return key + std::to_string(value); };
  std::string text = token("n", between(1, 3)) + token("h", between(r, r + 9)) +
                     token("w", between(s, s + 9)) + token("c", between(1, 20)) + token("r", r) +
                     token("s", s) + token("u", between(1, 4)) + token("v", between(1, 4));
  return text + token("pt", pt) + token("pb", pb) + token("pl", pl) + token("pr", pr);
}
std::string random_extreme(Random& random) {
  const std::string window = random_window(random);
  const char* ceil = random.next_below(2) ? " ceil" : "";
  return window + ceil + (random.next_below(2) ? " max" : " min");
}
std::string random_average(Random& random) {
  const std::string window = random_window(random);
  const char* ceil = random.next_below(2) ? " ceil" : "";
  return window + ceil + (random.next_below(2) ? " average" : " average exclude_pad");
}
std::string random_pool(Random& random) {
  switch (random.next_below(3)) {
    case 0:
      return random_extreme(random);
    case 1:
      return random_extreme(random) + " argmax";
    default:
      return random_average(random);
  }
}

TensorType read_picture(ProblemLine& line, const char* rows, const char* columns) {
  return {line.dtype(),
          {line.extent("n"), line.extent(rows), line.extent(columns), line.extent("c")}};
}
Problem parse_adaptive(ProblemLine& line) {
  return make_problem<AdaptiveAveragePool2d>({.output = {line.extent("oh"), line.extent("ow")}},
                                             {read_picture(line, "h", "w")});
}
Problem parse_adaptive_gradient(ProblemLine& line) {
  return make_problem<AdaptiveAveragePool2dGradient>(
      {.height = line.extent("h"), .width = line.extent("w")}, {read_picture(line, "oh", "ow")});
}

// Whether the lengths of all windows along an axis are powers of two.
bool exact_axis(int64_t from, int64_t to) {
  for (int64_t i = 0; i < to; ++i) {
    const int64_t length = ((i + 1) * from + to - 1) / to - i * from / to;
    if (!std::has_single_bit(static_cast<uint64_t>(length))) return false;
  }
  return true;
}
bool exact_adaptive(const Problem& problem) {
  const bool forward = problem.op->name == AdaptiveAveragePool2d::kName;
  const Shape& x = (forward ? problem.inputs : problem.outputs)[0].shape;
  const Shape& y = (forward ? problem.outputs : problem.inputs)[0].shape;
  return exact_axis(x[1], y[1]) && exact_axis(x[2], y[2]);
}

// Smaller outputs, larger ones, and 1 x 1 in one of three.
std::string random_adaptive(Random& random) {
  const auto up_to = [&](uint32_t most) { return std::to_string(1 + random.next_below(most)); };
  const std::string picture = "n" + up_to(3) + "h" + up_to(11) + "w" + up_to(11) + "c" + up_to(40);
  if (random.next_below(3) == 0) return picture + "oh1ow1";
  return picture + "oh" + up_to(8) + "ow" + up_to(8);
}

constexpr OpRules kRules[] = {
    {"pool2d", parse_pool2d, random_pool, nullptr, exact_forward},
    {"max_pool2d_gradient", parse_max_gradient, random_extreme, max_gradient_inputs},
    {"average_pool2d_gradient", parse_average_gradient, random_average, nullptr, exact_gradient},
    {"adaptive_average_pool2d", parse_adaptive, random_adaptive, nullptr, exact_adaptive},
    {"adaptive_average_pool2d_gradient", parse_adaptive_gradient, random_adaptive, nullptr,
     exact_adaptive},
};

}  // namespace

std::span<const OpRules> pooling_rules() {
  return kRules;
}

}  // namespace voluta::judge
