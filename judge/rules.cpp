#include <voluta/core/error.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/rules.h>
#include <voluta/judge/timed_tensor.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr double kExactIntegers = 0x1p24;  // f32 holds every integer up to here

// Amplitude and density of integer operands so that no partial sum of K products leaves f32.
struct IntegerRange {
  double max = 1, density = 1;
};
IntegerRange integer_range(int64_t reduction_length) {
  const auto k = static_cast<double>(std::max<int64_t>(reduction_length, 1));
  for (double max : {8.0, 4.0, 2.0, 1.0}) {
    if (max * max * (k + 1) <= kExactIntegers) return {max, 1};
  }
  return {1, kExactIntegers / (2 * k)};
}

// A random order of values 0.004 apart, none within 0.001 of 0 or 6, where relu and relu6 bend.
void fill_distinct(Tensor& tensor, Random& random) {
  const int64_t count = tensor.elements();
  std::vector<int64_t> order(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  for (int64_t i = count - 1; i > 0; --i) {
    const auto j = random.next_below(static_cast<uint32_t>(i + 1));
    std::swap(order[static_cast<std::size_t>(i)], order[j]);
  }
  for (int64_t i = 0; i < count; ++i) {
    const auto rank = static_cast<double>(order[static_cast<std::size_t>(i)] - count / 2);
    set_value(tensor, i, 0.004 * rank + 0.002);
  }
}

std::vector<std::span<const OpRules>> groups() {
  return {convolution_rules(),
          elementwise_rules(),
          pooling_rules(),
          dense_rules(),
          training_rules(),
          optimizer_rules(),
          loss_rules(),
          scale_shift_rules(),
          normalization_rules(),
          cast_rules(),
          dropout_rules(),
          augmentation_rules(),
          picture_rules(),
          normalization_gradient_rules(),
          local_response_norm_rules()};
}

}  // namespace

const OpRules& rules_of(std::string_view op) {
  for (std::span<const OpRules> group : groups()) {
    for (const OpRules& rules : group) {
      if (rules.op == op) return rules;
    }
  }
  invalid("the judge has no rules for op '" + std::string(op) + "'; add them in judge/");
}

std::vector<std::string_view> ops_with_rules() {
  std::vector<std::string_view> names;
  for (std::span<const OpRules> group : groups()) {
    for (const OpRules& rules : group) names.push_back(rules.op);
  }
  return names;
}

Problem parse_problem(std::string_view text) {
  ProblemLine line(text);
  Problem problem = rules_of(line.op()).parse(line);
  line.check_all_read();
  return problem;
}

std::vector<std::string> random_problems(std::string_view op, int count, uint64_t seed) {
  std::vector<std::string> lines;
  for (int i = 0; i < count; ++i) {
    Random random(seed, static_cast<uint64_t>(i));
    lines.push_back(std::string(op) + " " + rules_of(op).random_line(random));
  }
  return lines;
}

Tensor random_tensor(TensorType type, InputKind kind, double max_integer, double density,
                     Random& random) {
  if (kind == InputKind::kTimed && is_floating(type.dtype)) return timed_tensor(type, random);
  Tensor tensor(type);
  if (kind == InputKind::kDistinct) {
    fill_distinct(tensor, random);
    return tensor;
  }
  const auto steps = static_cast<uint32_t>(2 * max_integer + 1);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    if (kind == InputKind::kReals || kind == InputKind::kTimed) {
      set_value(tensor, i, random.next_normal());
    } else {
      const bool present = density >= 1 || random.next_uniform() < density;
      set_value(tensor, i, present ? random.next_below(steps) - max_integer : 0.0);
    }
  }
  return tensor;
}

Tensors default_inputs(const Problem& problem, InputKind kind, Random& random) {
  const IntegerRange range = integer_range(problem.op->reduction_length(problem));
  Tensors inputs;
  for (const TensorType& type : problem.inputs) {
    inputs.push_back(random_tensor(type, kind, range.max, range.density, random));
  }
  return inputs;
}

Bounds formula_bounds(const Problem& problem, const Tensors& sums) {
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  const double factor = n == 0 ? 0 : (n + 1) * 0x1p-24;
  Bounds bounds;
  for (const Tensor& sum : sums) {
    std::vector<double>& bound = bounds.emplace_back();
    for (int64_t i = 0; i < sum.elements(); ++i) {
      bound.push_back(factor * std::fabs(value_at(sum, i)));
    }
  }
  return bounds;
}

Bounds default_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  return formula_bounds(problem, run_reference_f64(problem, absolute(inputs)));
}

}  // namespace voluta::judge
