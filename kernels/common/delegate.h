#pragma once

// Engines of an op that is another op under a different name: the problem is translated, its inputs
// and outputs are the same tensors in the same order, and the other op's engine does the work.
//
//   static const Engine engines[] = {delegate<as_conv2d, kConv2dOnednn>(), ...};

#include <voluta/core/graph/op.h>

namespace voluta {

template <Problem (*kTranslate)(const Problem&), const Engine& kTarget>
Rounding delegated_rounding() {
  Rounding rounding = kTarget.rounding;
  if (rounding.bounds == nullptr) return rounding;
  rounding.bounds = [](const Problem& problem, const Args& args) {
    return kTarget.rounding.bounds(kTranslate(problem), args);
  };
  return rounding;
}

// kTarget with its problems translated. Called from an op's engines(), after static initialisation.
template <Problem (*kTranslate)(const Problem&), const Engine& kTarget>
Engine delegate() {
  return {kTarget.name,
          kTarget.device,
          kTarget.role,
          [](const Problem& problem) { return kTarget.supports(kTranslate(problem)); },
          [](const Problem& problem) { return kTarget.prepare(kTranslate(problem)); },
          kTarget.arithmetic,
          kTarget.chips,
          kTarget.alternatives == nullptr
              ? nullptr
              : +[](const Problem& problem) { return kTarget.alternatives(kTranslate(problem)); },
          delegated_rounding<kTranslate, kTarget>(),
          kTarget.pays == nullptr
              ? nullptr
              : +[](const Problem& problem) { return kTarget.pays(kTranslate(problem)); }};
}

}  // namespace voluta
