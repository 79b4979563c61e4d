// Tier 5: gradient graphs against central differences, for every differentiable op.

#include <voluta/judge/gradient_check.h>
#include <voluta/kernels/registry.h>

#include <gtest/gtest.h>

#include <set>

namespace voluta::judge {
namespace {

std::vector<std::string> lines() {
  return read_problem_list("gradients", false);
}

TEST(GradientsTest, EqualCentralDifferences) {
  for (const std::string& line : lines()) {
    for (const std::string& failure : check_gradients(line, 1)) ADD_FAILURE() << failure;
  }
}

TEST(GradientsTest, EveryDifferentiableOpIsChecked) {
  std::set<std::string> checked;
  for (const std::string& line : lines()) checked.insert(line.substr(0, line.find(' ')));
  for (const Op* op : all_ops()) {
    if (is_differentiable(*op)) {
      EXPECT_TRUE(checked.contains(std::string(op->name))) << op->name;
    }
  }
}

}  // namespace
}  // namespace voluta::judge
