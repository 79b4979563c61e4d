#pragma once

// What a plan runs, step by step.

#include <voluta/core/graph/plan.h>

#include <string>

namespace voluta::cli {

const Node& node_of(const Plan& plan, const Step& step);

// A line a step: pass, layer, engine and problem, in columns; behind it the engines that the limits
// excluded. Fixed steps come first and have "once" in front of the problem.
std::string plan_text(const Plan& plan);

}  // namespace voluta::cli
