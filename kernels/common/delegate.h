#pragma once

// Engines of an op that is another op under a different name: the problem is translated, its inputs
// and outputs are the same tensors in the same order, and the other op's engine does the work.
//
//   static const Engine engines[] = {delegate<as_conv2d, kConv2dOnednn>(), ...};

#include <voluta/core/graph/op.h>

namespace voluta {

// kTarget's name, device, role, arithmetic and chips. Called from an op's engines(), after static initialisation.
template <Problem (*kTranslate)(const Problem&), const Engine& kTarget>
Engine delegate() {
  return {kTarget.name,
          kTarget.device,
          kTarget.role,
          [](const Problem& problem) { return kTarget.supports(kTranslate(problem)); },
          [](const Problem& problem) { return kTarget.prepare(kTranslate(problem)); },
          kTarget.arithmetic,
          kTarget.chips};
}

}  // namespace voluta
