#pragma once

// What a plan runs, step by step, for people and for programs.

#include <voluta/core/graph/plan.h>

#include <nlohmann/json.hpp>
#include <string>

namespace voluta::cli {

// A line a step: pass, layer, engine and problem, in columns; behind it the engines that the limits
// excluded.
std::string plan_text(const Plan& plan);

// An array of {"pass", "layer", "engine", "problem", "workspace_bytes"}.
nlohmann::ordered_json plan_json(const Plan& plan);

}  // namespace voluta::cli
