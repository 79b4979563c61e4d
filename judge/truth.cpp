#include <voluta/judge/compare.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/truth.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

// What the formula's c and the rounding of operands add for an engine's arithmetic (DESIGN section
// 5): c = 4 for tensor cores; tf32 operands are each off by 2^-11, their product by twice that.
double bound_factor(const Engine& engine, const Problem& problem) {
  constexpr double kTensorCore = 4, kTf32Product = 2 * 0x1p-11;
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  switch (engine.arithmetic) {
    case Arithmetic::kFloat:
      return 1;
    case Arithmetic::kTensorCore:
      return kTensorCore;
    case Arithmetic::kTensorCoreTf32:
      return kTensorCore + kTf32Product / ((n + 1) * 0x1p-24);
  }
  return 1;
}

Bounds own_bounds(const Engine& engine, const Problem& problem, const Truth& truth) {
  const OpRules& rules = rules_of(problem.op->name);
  const auto prepared = rules.prepared ? rules.prepared(problem, truth.inputs) : std::nullopt;
  const Tensors inputs = converted(prepared ? prepared->second : truth.inputs, DType::f64);
  std::vector<const void*> in;
  for (const Tensor& input : inputs) in.push_back(input.raw());
  Bounds bounds = {
      engine.rounding.bounds(prepared ? prepared->first : problem, {.inputs = in, .outputs = {}})};
  if (rules.epilogue) rules.epilogue(problem, truth.outputs, bounds);
  return bounds;
}

}  // namespace

Tensors make_inputs(const Problem& problem, InputKind kind, uint64_t seed) {
  const OpRules& rules = rules_of(problem.op->name);
  Random random(seed, fnv1a(describe(problem)) ^ static_cast<uint64_t>(kind));
  return (rules.inputs ? rules.inputs : default_inputs)(problem, kind, random);
}

Truth find_truth(const Problem& problem, Tensors inputs, InputKind kind) {
  const OpRules& rules = rules_of(problem.op->name);
  if (auto prepared = rules.prepared ? rules.prepared(problem, inputs) : std::nullopt) {
    Truth truth = find_truth(prepared->first, std::move(prepared->second), kind);
    truth.inputs = std::move(inputs);
    return truth;
  }
  Truth truth{.inputs = std::move(inputs)};
  truth.outputs = run_reference_f64(problem, truth.inputs);
  const bool exact = kind == InputKind::kIntegers
                         ? rules.exact_on_integers == nullptr || rules.exact_on_integers(problem)
                         : !rules.bounds && problem.op->reduction_length(problem) == 0;
  if (!exact) {
    truth.bounds =
        (rules.bounds ? rules.bounds : default_bounds)(problem, truth.inputs, truth.outputs);
  }
  return truth;
}

Truth find_truth(const Problem& problem, InputKind kind, uint64_t seed) {
  return find_truth(problem, make_inputs(problem, kind, seed), kind);
}

Truths find_truths(const Problem& problem, uint64_t seed) {
  return {find_truth(problem, InputKind::kIntegers, seed),
          find_truth(problem, InputKind::kReals, seed)};
}

Truth for_engine(Truth truth, const Engine& engine, const Problem& problem) {
  if (engine.rounding.bounds != nullptr) {
    truth.bounds = own_bounds(engine, problem, truth);
    return truth;
  }
  const double factor = bound_factor(engine, problem);
  for (std::vector<double>& bounds : truth.bounds) {
    for (double& bound : bounds) bound *= factor;
  }
  return truth;
}

Truth integers_for_engine(Truth truth, const Engine& engine, const Problem& problem) {
  if (engine.rounding.exact_on_integers) return truth;
  return for_engine(std::move(truth), engine, problem);
}

std::string fault_of(const Truth& truth, const GuardedRun& run) {
  if (!run.complaint.empty()) return run.complaint;
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const std::string bad =
        truth.bounds.empty() ? compare_exact(run.outputs[i], truth.outputs[i])
                             : compare_bounded(run.outputs[i], truth.outputs[i], truth.bounds[i]);
    if (!bad.empty()) return "output " + std::to_string(i) + " " + bad;
  }
  return {};
}

double used_of_bounds(const Truth& truth, const GuardedRun& run) {
  double used = 0;
  for (std::size_t i = 0; i < truth.bounds.size(); ++i) {
    used = std::max(used, used_of_bound(run.outputs[i], truth.outputs[i], truth.bounds[i]));
  }
  return used;
}

double relative_error(const Truth& truth, const GuardedRun& run) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    if (!is_floating(run.outputs[i].dtype())) continue;
    for (int64_t j = 0; j < run.outputs[i].elements(); ++j) {
      const double y = value_at(run.outputs[i], j), want = value_at(truth.outputs[i], j);
      if (!std::isfinite(y) || !std::isfinite(want)) continue;
      difference += (y - want) * (y - want);
      norm += want * want;
    }
  }
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

}  // namespace voluta::judge
