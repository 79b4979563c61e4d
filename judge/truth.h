#pragma once

// What must come out of a problem, by the reference in f64, and how far an engine may stray: tiers 1
// and 2 of DESIGN section 5.

#include <voluta/judge/guarded_run.h>

namespace voluta::judge {

// Inputs of one kind and what must come out.
struct Truth {
  Tensors inputs, outputs;  // outputs in f64
  Bounds bounds;            // empty: exact
};

struct Truths {
  Truth integers, reals;
};

// Inputs by the op's rules, a function of (problem, kind, seed).
Tensors make_inputs(const Problem& problem, InputKind kind, uint64_t seed);

// The bounds are those of Arithmetic::kFloat.
Truth find_truth(const Problem& problem, InputKind kind, uint64_t seed);
Truths find_truths(const Problem& problem, uint64_t seed);
// On given inputs of the problem's types.
Truth find_truth(const Problem& problem, Tensors inputs, InputKind kind);

// The truth on reals as this engine may miss it: its arithmetic widens the bounds, or it has bounds
// of its own.
Truth for_engine(Truth truth, const Engine& engine, const Problem& problem);
// The truth on integers likewise: it stays what it is unless the engine cannot be exact on them.
Truth integers_for_engine(Truth truth, const Engine& engine, const Problem& problem);

// One line with what is wrong with a run; empty where nothing is.
std::string fault_of(const Truth& truth, const GuardedRun& run);

// The largest |y - ref| / allowed; 0 where the truth is exact.
double used_of_bounds(const Truth& truth, const GuardedRun& run);

// |y - ref| / |ref| over all floating outputs, in the Euclidean norm; |y| where ref is 0. Elements of which
// either is infinite or NaN, which fault_of() judges, are left out.
double relative_error(const Truth& truth, const GuardedRun& run);

}  // namespace voluta::judge
