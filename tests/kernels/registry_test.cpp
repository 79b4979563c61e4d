#include <voluta/core/graph/tuner.h>
#include <voluta/judge/problem.h>
#include <voluta/judge/rules.h>
#include <voluta/kernels/registry.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace voluta::judge {
namespace {

TEST(RegistryTest, NamesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const Op* op : all_ops()) {
    EXPECT_TRUE(names.insert(op->name).second) << op->name;
    EXPECT_EQ(find_op(op->name), op);
  }
  EXPECT_EQ(find_op("no_such_op"), nullptr);
}

// Each op has one reference, and an engine on the CPU that plans may choose.
TEST(RegistryTest, EveryOpHasAReferenceAndUniqueEngineNames) {
  for (const Op* op : all_ops()) {
    std::set<std::string_view> names;
    int references = 0;
    for (const Engine& engine : op->engines()) {
      EXPECT_TRUE(names.insert(engine.name).second) << op->name << " " << engine.name;
      if (engine.role != EngineRole::kReference) continue;
      ++references;
      EXPECT_EQ(engine.device, DeviceType::kCpu) << op->name;
    }
    EXPECT_EQ(references, 1) << op->name;
  }
}

// Where CUDA code is linked in (the CUDA and the SIMT build), every op has its own.
TEST(RegistryTest, EveryOpHasAHandWrittenCudaEngine) {
  if (linked_cuda_runtime().name() == "none" || linked_cuda_runtime().device_count() == 0) {
    GTEST_SKIP() << linked_cuda_runtime().unavailable_reason();
  }
  for (const Op* op : all_ops()) {
    EXPECT_TRUE(std::ranges::any_of(op->engines(), [](const Engine& engine) {
      return engine.device == DeviceType::kCuda && engine.role == EngineRole::kProduct;
    })) << op->name;
  }
}

// Of the kernels for f32 data those of tf32 come first, for plans that may take them.
TEST(RegistryTest, PlansTakeTf32WhereItIsAllowedAndNowhereElse) {
  if (linked_cuda_runtime().name() == "none" || linked_cuda_runtime().device_count() == 0) {
    GTEST_SKIP() << linked_cuda_runtime().unavailable_reason();
  }
  const Device device{DeviceType::kCuda, 0};
  for (const char* line :
       {"conv2d n2h8w8c32k64r3s3p1", "conv2d_input_gradient n2h8w8c32k64r3s3p1u2",
        "conv2d_filter_gradient n2h8w8c32k64r3s3p1", "conv2d n2h8w8c3k5r3s3", "linear n8f64m32",
        "linear_input_gradient n8f64m32", "linear_weight_gradient n8f64m32"}) {
    const Problem problem = parse_problem(line);
    EXPECT_EQ(candidates(problem, device, {.allow_tf32 = true})[0]->arithmetic,
              Arithmetic::kTensorCoreTf32)
        << line;
    for (const Engine* engine : candidates(problem, device, {})) {
      EXPECT_NE(engine->arithmetic, Arithmetic::kTensorCoreTf32) << line << ", " << engine->name;
    }
  }
}

TEST(RegistryTest, TheJudgeKnowsEveryOp) {
  const std::vector<std::string_view> known = ops_with_rules();
  for (const Op* op : all_ops()) {
    EXPECT_NE(std::ranges::find(known, op->name), known.end()) << op->name;
  }
}

}  // namespace
}  // namespace voluta::judge
