#include <voluta/judge/reference.h>
#include <voluta/kernels/local_response_norm/local_response_norm.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr double kUnit = 0x1p-24;

LocalResponseNormOptions options_of(ProblemLine& line) {
  const LocalResponseNormOptions usual;
  return {.size = static_cast<int64_t>(line.integer("size", static_cast<uint64_t>(usual.size))),
          .alpha = line.number("alpha", usual.alpha),
          .beta = line.number("beta", usual.beta),
          .k = line.number("k", usual.k)};
}
Problem parse_forward(ProblemLine& line) {
  const TensorType x{line.dtype(), line.shape()};
  return make_problem<LocalResponseNorm>(options_of(line), {x});
}
Problem parse_gradient(ProblemLine& line) {
  const TensorType x{line.dtype(), line.shape()};
  return make_problem<LocalResponseNormGradient>(options_of(line), {x, x});
}

bool never(const Problem&) {
  return false;
}

// Note [Local response norm error bounds] in
// kernels/local_response_norm/local_response_norm.h.
struct Errors {
  const LocalResponseNormOptions& options;
  const Tensor& x;
  int64_t channels;

  double s(int64_t i, double sign = 1) const {
    const int64_t c = i % channels;
    const int64_t begin = i - std::min(options.size / 2, c);
    const int64_t end = i + std::min((options.size - 1) / 2, channels - 1 - c);
    double sum = 0;
    for (int64_t j = begin; j <= end; ++j) sum += value_at(x, j) * value_at(x, j);
    const double alpha = sign < 0 ? std::fabs(options.alpha) : options.alpha;
    const double k = sign < 0 ? std::fabs(options.k) : options.k;
    return k + alpha / static_cast<double>(options.size) * sum;
  }
  double of_s(int64_t i) const {  // (n + 4) r
    return (static_cast<double>(options.size) + 4) * s(i, -1) / std::fabs(s(i));
  }
  double of_power(int64_t i) const {  // P
    const double beta = std::fabs(options.beta);
    return beta * of_s(i) + 16 + 2 * beta * std::fabs(std::log(s(i)));
  }
};

Bounds forward_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  const auto& options = problem.options_as<LocalResponseNormOptions>();
  const Shape& shape = inputs[0].shape();
  const Errors errors{options, inputs[0], shape[shape.rank() - 1]};
  std::vector<double> bound;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    bound.push_back(kUnit * std::fabs(value_at(reference[0], i)) * errors.of_power(i));
  }
  return {bound};
}

Bounds gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const auto& options = problem.options_as<LocalResponseNormOptions>();
  const Shape& shape = inputs[0].shape();
  const Errors errors{options, inputs[0], shape[shape.rank() - 1]};
  const auto size = static_cast<double>(options.size);
  const int64_t count = inputs[0].elements();
  std::vector<double> through, bound;
  for (int64_t i = 0; i < count; ++i) {
    const double product = std::fabs(value_at(inputs[0], i) * value_at(inputs[1], i));
    through.push_back((errors.of_power(i) + errors.of_s(i) + size + 8) * product *
                      std::pow(errors.s(i), -options.beta - 1));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t c = i % errors.channels;
    const int64_t begin = i - std::min((options.size - 1) / 2, c);
    const int64_t end = i + std::min(options.size / 2, errors.channels - 1 - c);
    double sum = 0;
    for (int64_t j = begin; j <= end; ++j) sum += through[static_cast<std::size_t>(j)];
    const double factor = 2 * std::fabs(options.alpha * options.beta) / size;
    bound.push_back(kUnit * (errors.of_power(i) * std::fabs(value_at(inputs[1], i)) *
                                 std::pow(errors.s(i), -options.beta) +
                             factor * std::fabs(value_at(inputs[0], i)) * sum));
  }
  return {bound};
}

// Windows even and odd, wider than the channels too; constants of the paper, of PyTorch, and large
// ones that make the window count.
std::string random_line(Random& random) {
  constexpr std::array kConstants = {"", " alpha0.0001 k2", " alpha1", " alpha2 beta0.5 k0.5",
                                     " alpha1 beta1.25"};
  auto up_to = [&](uint32_t most) { return std::to_string(1 + random.next_below(most)); };
  const std::string extents =
      random.next_below(2) ? "n" + up_to(30) + "c" + up_to(80)
                           : "n" + up_to(2) + "h" + up_to(6) + "w" + up_to(6) + "c" + up_to(50);
  return extents + " size" + up_to(9) + kConstants[random.next_below(5)];
}

constexpr OpRules kRules[] = {
    {"local_response_norm", parse_forward, random_line, nullptr, never, forward_bounds},
    {"local_response_norm_gradient", parse_gradient, random_line, nullptr, never, gradient_bounds},
};

}  // namespace

std::span<const OpRules> local_response_norm_rules() {
  return kRules;
}

}  // namespace voluta::judge
