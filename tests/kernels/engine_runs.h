#pragma once

// Runs of every engine on inputs of a test's own choice, which the judge would not draw.

#include <voluta/judge/guarded_run.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/truth.h>
#include "judge/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace voluta::judge {

// Calls f(engine, outputs, where) for each engine under test that supports the problem.
template <class F>
void for_each_engine(const Problem& problem, const Tensors& inputs, F f) {
  for (const Engine& engine : problem.op->engines()) {
    if (!is_under_test(engine)) continue;
    if (!support_on(engine, problem, Device{engine.device, 0}).ok) continue;
    const std::string where = describe(problem) + ", engine " + std::string(engine.name);
    Stream stream(Device{engine.device, 0});
    const GuardedRun run = run_guarded(engine, problem, inputs, stream);
    EXPECT_EQ(run.complaint, "") << where;
    f(engine, run.outputs, where);
  }
}

// Calls f(outputs, where) likewise.
template <class F>
void for_each_run(const Problem& problem, const Tensors& inputs, F f) {
  for_each_engine(
      problem, inputs,
      [&](const Engine&, const Tensors& outputs, const std::string& where) { f(outputs, where); });
}

// Whether an engine whose bound of an output is this may make it NaN although the reference does not: one with
// bounds of its own spreads what is no number as far as its tiles go (Note [Winograd's error]).
inline bool may_spread(const Bounds& bounds, std::size_t output, int64_t element) {
  return !bounds.empty() && !std::isfinite(bounds[output][static_cast<std::size_t>(element)]);
}

// Every engine has NaNs, infinities and numbers where the reference has them.
inline void expect_alike(const Problem& problem, const Tensors& inputs) {
  const Tensors reference = run_reference_f64(problem, inputs);
  for_each_engine(
      problem, inputs, [&](const Engine& engine, const Tensors& outputs, const std::string& where) {
        Bounds bounds;
        if (engine.rounding.bounds) {
          bounds = for_engine({.inputs = inputs, .outputs = reference}, engine, problem).bounds;
        }
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          for (int64_t j = 0; j < outputs[i].elements(); ++j) {
            const double y = value_at(outputs[i], j), want = value_at(reference[i], j);
            const bool alike = may_spread(bounds, i, j) ? !std::isfinite(y) || std::isfinite(want)
                               : std::isnan(want)       ? std::isnan(y)
                               : std::isinf(want)       ? y == want
                                                        : std::isfinite(y);
            ASSERT_TRUE(alike) << where << ", output " << i << ", element " << j << ": " << y
                               << " for " << want;
          }
        }
      });
}

}  // namespace voluta::judge
