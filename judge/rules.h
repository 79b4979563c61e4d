#pragma once

// What the judge must know of each op beyond its declaration: how a line becomes a problem, which
// inputs are fair, and how far an engine may stray. One row an op; most rows use the defaults.

#include <voluta/core/random.h>
#include <voluta/core/tensor.h>
#include <voluta/judge/problem.h>

#include <optional>
#include <utility>

namespace voluta::judge {

using Tensors = std::vector<Tensor>;

enum class InputKind {
  kIntegers,  // small integers: exact in every order of summation
  kReals,     // standard normal
  kTimed,     // standard normal, drawn once and copied: Note [Inputs of timed runs]; never judged
  kDistinct,  // reals at least 1e-3 apart and away from 0 and 6: no kink within a central difference
};

// Bound of |y - reference| for each output (outer) and element (inner), not counting the rounding
// of the stored result, which the comparison adds. `reference` are the outputs in f64.
using Bounds = std::vector<std::vector<double>>;

struct OpRules {
  std::string_view op;
  Problem (*parse)(ProblemLine&);
  std::string (*random_line)(Random&);                              // extents and words
  Tensors (*inputs)(const Problem&, InputKind, Random&) = nullptr;  // default_inputs
  bool (*exact_on_integers)(const Problem&) = nullptr;              // default: true
  Bounds (*bounds)(const Problem&, const Tensors& inputs,
                   const Tensors& reference) = nullptr;  // default_bounds
  // Of floating inputs; default: all. Running statistics have no gradient.
  bool (*has_gradient)(const Problem&, std::size_t input) = nullptr;
  // Adds to a bound of the sums what a fused activation makes of it, for engines with bounds of
  // their own (Rounding::bounds). nullptr: nothing is fused.
  void (*epilogue)(const Problem&, const Tensors& reference, Bounds&) = nullptr;
  // A problem and inputs of the same truth, where engines must first do something to the inputs that has
  // but one right result, bit for bit. nullptr: never.
  std::optional<std::pair<Problem, Tensors>> (*prepared)(const Problem&,
                                                         const Tensors& inputs) = nullptr;
};

// Throws invalid() for an op without a row.
const OpRules& rules_of(std::string_view op);
std::vector<std::string_view> ops_with_rules();

// Floating inputs by kind; the integers keep max|a| max|b| K <= 2^24, sparser where K is large.
Tensors default_inputs(const Problem& problem, InputKind kind, Random& random);
Tensor random_tensor(TensorType type, InputKind kind, double max_integer, double density,
                     Random& random);

// DESIGN section 5: c (n + 1) 2^-24 S, with S the reference on absolute values and without a fused
// activation, n the op's reduction length and c = 1. 0 where the reduction length is 0.
Bounds default_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference);

// The formula with S given.
Bounds formula_bounds(const Problem& problem, const Tensors& sums);

// The groups of rows, one file each.
std::span<const OpRules> convolution_rules();
std::span<const OpRules> elementwise_rules();
std::span<const OpRules> pooling_rules();
std::span<const OpRules> dense_rules();
std::span<const OpRules> training_rules();
std::span<const OpRules> optimizer_rules();
std::span<const OpRules> loss_rules();
std::span<const OpRules> normalization_rules();
std::span<const OpRules> scale_shift_rules();
std::span<const OpRules> normalization_gradient_rules();
std::span<const OpRules> cast_rules();
std::span<const OpRules> dropout_rules();
std::span<const OpRules> augmentation_rules();
std::span<const OpRules> picture_rules();
std::span<const OpRules> local_response_norm_rules();

}  // namespace voluta::judge
