#include <voluta/judge/reference.h>
#include <voluta/judge/rules_activation.h>
#include <voluta/kernels/linear/linear.h>

#include <utility>

namespace voluta::judge {
namespace {

struct Extents {
  TensorType x, w, y;
};

Extents read(ProblemLine& line) {
  const int64_t n = line.extent("n"), f = line.extent("f"), m = line.extent("m");
  const DType dtype = line.dtype();
  return {{dtype, {n, f}}, {dtype, {m, f}}, {dtype, {n, m}}};
}

Problem parse_linear(ProblemLine& line) {
  const Extents e = read(line);
  std::vector<TensorType> inputs = {e.x, e.w};
  if (line.word("bias")) inputs.push_back({e.w.dtype, {e.w.shape[0]}});
  return make_problem<Linear>({.activation = activation_word(line)}, std::move(inputs));
}
Problem parse_input_gradient(ProblemLine& line) {
  const Extents e = read(line);
  return make_problem<LinearInputGradient>({}, {e.y, e.w});
}
Problem parse_weight_gradient(ProblemLine& line) {
  const Extents e = read(line);
  return make_problem<LinearWeightGradient>({}, {e.x, e.y});
}

bool exact_on_integers(const Problem& problem) {
  return is_exact_on_integers(problem.options_as<LinearOptions>().activation);
}

// As for conv2d: the product's bound, then the activation's share.
Bounds linear_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  LinearOptions options = problem.options_as<LinearOptions>();
  const ActivationKind kind = std::exchange(options.activation, ActivationKind::kNone);
  Bounds bounds = default_bounds(make_problem<Linear>(options, problem.inputs), inputs, {});
  add_activation_error(kind, reference[0], bounds[0]);
  return bounds;
}

std::string random_product(Random& random) {
  auto extent = [&] { return std::to_string(1 + random.next_below(1 + random.next_below(140))); };
  return "n" + extent() + "f" + extent() + "m" + extent();
}
std::string random_linear(Random& random) {
  const std::string text = random_product(random) + (random.next_below(2) ? " bias" : "");
  return text + random_activation_word(random);
}

constexpr OpRules kRules[] = {
    {"linear", parse_linear, random_linear, nullptr, exact_on_integers, linear_bounds},
    {"linear_input_gradient", parse_input_gradient, random_product},
    {"linear_weight_gradient", parse_weight_gradient, random_product},
};

}  // namespace

std::span<const OpRules> dense_rules() {
  return kRules;
}

}  // namespace voluta::judge
