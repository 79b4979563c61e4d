#pragma once

// What the rules of the ops that take a prologue (kernels/common/prologue.h) share.

#include <voluta/judge/reference.h>
#include <voluta/kernels/common/prologue.h>

#include <optional>
#include <string>
#include <utility>

namespace voluta::judge {

// " normalise_relu" and the like.
Prologue read_prologue(ProblemLine& line);
std::string random_prologue(Random& random);  // one in eight has one

// The normaliser's type for x.
TensorType normaliser_of(const TensorType& x);

// Elements begin .. end - 1 become 1 or -1.
void set_signs(Tensor& tensor, int64_t begin, int64_t end, Random& random);

// On integers of a normaliser: means and biases of -1, 0 and 1, scales of 1 and -1. With x and the other
// operand of the same size each product is at most 3.
void set_normalised_integers(const Problem& problem, Tensors& inputs, Random& random);

// xhat for x, in the bits that Note [Prologues] in kernels/common/prologue.h promises.
Tensor apply_prologue(const Prologue& prologue, const Tensor& x, const Tensor& normaliser);

// Of an op's options.
template <class Options>
Prologue& prologue_of(Options& options) {
  if constexpr (requires { options.conv; }) {
    return options.conv.prologue;
  } else {
    return options.prologue;
  }
}

// Only of those that read x.
template <class Options>
void add_prologue(ProblemLine& line, const TensorType& x, Options& options,
                  std::vector<TensorType>& inputs) {
  prologue_of(options) = read_prologue(line);
  if (prologue_of(options).normalise) inputs.push_back(normaliser_of(x));
}

// OpRules::inputs of a filter gradient.
template <class Op>
Tensors filter_gradient_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const auto& options = problem.options_as<typename Op::Options>();
  if (kind == InputKind::kIntegers && options.conv.prologue.normalise) {
    set_normalised_integers(problem, inputs, random);
  }
  return inputs;
}

// OpRules::prepared.
template <class Op>
std::optional<std::pair<Problem, Tensors>> without_prologue(const Problem& problem,
                                                            const Tensors& inputs) {
  auto options = problem.options_as<typename Op::Options>();
  const Prologue prologue = std::exchange(prologue_of(options), {});
  if (!prologue.normalise) return {};
  Tensors plain = {apply_prologue(prologue, inputs[0], inputs.back())};
  plain.insert(plain.end(), inputs.begin() + 1, inputs.end() - 1);
  std::vector<TensorType> types = problem.inputs;
  types.pop_back();
  return std::pair{make_problem<Op>(options, std::move(types)), std::move(plain)};
}

}  // namespace voluta::judge
