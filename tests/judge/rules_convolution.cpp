#include "reference.h"
#include "rules_activation.h"

#include <voluta/kernels/conv2d/conv2d.h>

#include <algorithm>
#include <array>
#include <utility>

namespace voluta::judge {
namespace {

// The forward problem of a line: also what both gradients derive their types from.
struct Geometry {
  Conv2dOptions options;
  TensorType x, w, y;
  std::vector<TensorType> forward_inputs;
};

Geometry read(ProblemLine& line) {
  const int64_t u = line.extent("u", 1), l = line.extent("l", 1), p = line.extent("p", 0);
  Geometry g;
  g.options.stride = {u, line.extent("v", u)};
  g.options.dilation = {l, line.extent("m", l)};
  g.options.padding = {line.extent("pt", p), line.extent("pb", p), line.extent("pl", p),
                       line.extent("pr", p)};
  g.options.groups = line.extent("g", 1);
  g.options.activation = activation_word(line);
  const DType dtype = line.dtype();
  const int64_t c = line.extent("c"), k = line.extent("k");
  g.x = {dtype, {line.extent("n"), line.extent("h"), line.extent("w"), c}};
  g.w = {dtype, {k, line.extent("r"), line.extent("s"), c / g.options.groups}};
  g.forward_inputs = {g.x, g.w};
  if (line.word("bias")) g.forward_inputs.push_back({dtype, {k}});
  g.y = Conv2d::infer(g.options, g.forward_inputs)[0];
  return g;
}

Problem parse_forward(ProblemLine& line) {
  const Geometry g = read(line);
  return make_problem<Conv2d>(g.options, g.forward_inputs);
}
Problem parse_input_gradient(ProblemLine& line) {
  const Geometry g = read(line);
  return make_problem<Conv2dInputGradient>(
      {.conv = g.options, .height = g.x.shape[1], .width = g.x.shape[2]}, {g.y, g.w});
}
Problem parse_filter_gradient(ProblemLine& line) {
  const Geometry g = read(line);
  return make_problem<Conv2dFilterGradient>(
      {.conv = g.options, .filter_height = g.w.shape[1], .filter_width = g.w.shape[2]}, {g.x, g.y});
}

bool exact_on_integers(const Problem& problem) {
  return is_exact_on_integers(problem.options_as<Conv2dOptions>().activation);
}

// The formula on the convolution without its activation, then the activation's share.
Bounds forward_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  Conv2dOptions options = problem.options_as<Conv2dOptions>();
  const ActivationKind kind = std::exchange(options.activation, ActivationKind::kNone);
  Bounds bounds = default_bounds(make_problem<Conv2d>(options, problem.inputs), inputs, {});
  add_activation_error(kind, reference[0], bounds[0]);
  return bounds;
}

// Extents whose convolution costs at most 0.3 MFLOP: SIMT runs 0.25 GFLOP/s.
constexpr int64_t kMaxFlops = 300000;

struct Extents {
  int64_t n, h, w, c, k, r, s, pt, pb, pl, pr, u, v, l, m, g;
};

bool fits(const Extents& e) {
  const int64_t rows = e.h + e.pt + e.pb - e.l * (e.r - 1) - 1;
  const int64_t columns = e.w + e.pl + e.pr - e.m * (e.s - 1) - 1;
  if (rows < 0 || columns < 0) return false;
  const int64_t pixels = e.n * (rows / e.u + 1) * (columns / e.v + 1);
  return 2 * pixels * e.k * e.r * e.s * (e.c / e.g) <= kMaxFlops;
}

Extents random_extents(Random& random) {
  auto between = [&](int64_t low, int64_t high) {
    return low + random.next_below(static_cast<uint32_t>(high - low + 1));
  };
  auto chance = [&](uint32_t percent) { return random.next_below(100) < percent; };
  Extents e;
  const int64_t side = between(1, 12), most_channels = between(1, 70);
  e.n = chance(50) ? 1 : between(1, 5);
  e.h = between(1, side + 3), e.w = between(1, side + 3);
  const std::array<int64_t, 8> filters = {1, 3, 3, 3, 5, 2, 4, 7};
  e.r = filters[random.next_below(8)], e.s = chance(70) ? e.r : between(1, 7);
  e.g = chance(70) ? 1 : between(2, 9);
  const bool depthwise = e.g > 1 && chance(40);
  if (depthwise) e.g = between(2, 40);
  e.c = depthwise ? e.g : e.g * between(1, std::max<int64_t>(1, most_channels / e.g));
  e.k = e.g * between(1, std::max<int64_t>(1, between(1, 70) / e.g));
  e.u = chance(60) ? 1 : between(2, 4), e.v = chance(80) ? e.u : between(1, 4);
  e.l = chance(75) ? 1 : between(2, 3), e.m = chance(80) ? e.l : between(1, 3);
  e.pt = chance(40) ? 0 : between(0, e.r), e.pl = chance(40) ? 0 : between(0, e.s);
  e.pb = chance(70) ? e.pt : between(0, e.r), e.pr = chance(70) ? e.pl : between(0, e.s);
  return e;
}

std::string to_line(const Extents& e) {
  auto token = [](const char* key, int64_t value) { return key + std::to_string(value); };
  std::string text = token("n", e.n) + token("h", e.h) + token("w", e.w) + token("c", e.c) +
                     token("k", e.k) + token("r", e.r) + token("s", e.s) + token("pt", e.pt) +
                     token("pb", e.pb) + token("pl", e.pl) + token("pr", e.pr) + token("u", e.u) +
                     token("v", e.v) + token("l", e.l) + token("m", e.m);
  return text + token("g", e.g);
}

std::string random_geometry(Random& random) {
  Extents e = random_extents(random);
  while (!fits(e)) e = random_extents(random);
  return to_line(e);
}

std::string random_forward(Random& random) {
  const std::string text = random_geometry(random) + (random.next_below(3) == 0 ? " bias" : "");
  return text + random_activation_word(random);
}

constexpr OpRules kRules[] = {
    {"conv2d", parse_forward, random_forward, nullptr, exact_on_integers, forward_bounds},
    {"conv2d_input_gradient", parse_input_gradient, random_geometry},
    {"conv2d_filter_gradient", parse_filter_gradient, random_geometry},
};

}  // namespace

std::span<const OpRules> convolution_rules() {
  return kRules;
}

}  // namespace voluta::judge
