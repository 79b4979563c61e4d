#include "plan_listing.h"

#include <fmt/format.h>

#include <algorithm>

namespace voluta::cli {

const Node& node_of(const Plan& plan, const Step& step) {
  return plan.graph().nodes()[static_cast<std::size_t>(step.node)];
}

std::string plan_text(const Plan& plan) {
  std::size_t layers = 0, engines = 0;
  for (const Step& step : plan.steps()) {
    layers = std::max(layers, node_of(plan, step).path.size());
    engines = std::max(engines, step.engine->name.size());
  }
  std::string text;
  for (const Step& step : plan.steps()) {
    const Node& node = node_of(plan, step);
    text +=
        fmt::format("{:<9} {:<{}} {:<{}} {}{}\n", node.pass, node.path, layers, step.engine->name,
                    engines, step.fixed ? "once: " : "", describe(node.problem));
    if (step.passed_over.empty()) continue;
    text += fmt::format("{:<9} {:<{}} passed over: {}\n", "", "", layers, step.passed_over);
  }
  return text;
}

}  // namespace voluta::cli
