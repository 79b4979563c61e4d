#pragma once

// Which steps compute the same in every run: Note [Fixed steps] in plan.h. Internal to core/graph.

#include <voluta/core/graph/graph.h>

#include <cstddef>

namespace voluta {

// Moves the fixed nodes in front of all others, each group in its order, and says how many they are.
// No node moves past one that it depends on: what a fixed node reads is fixed too, and nobody updates
// it.
std::size_t move_fixed_to_front(Graph& graph);

}  // namespace voluta
