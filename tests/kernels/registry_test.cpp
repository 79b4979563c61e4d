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

// What an op takes from another it takes whole, e.g. all plans of cuDNN for a comparison.
TEST(RegistryTest, DelegatedEnginesOfCudnnHaveItsAlternatives) {
  for (const char* op : {"conv2d", "depthwise_conv2d", "conv_transpose2d"}) {
    for (const Engine& engine : find_op(op)->engines()) {
      if (!engine.name.starts_with("cudnn_")) continue;
      EXPECT_NE(engine.alternatives, nullptr) << op << " " << engine.name;
    }
  }
}

// What scripts/gpu/preflight.py asks of them, so that their absence alone stops a run.
TEST(RegistryTest, VendorsTakeTheirFirstProblemsWhereTheyAreThere) {
  for (const auto& [line, vendor] : {std::pair("conv2d n1h8w8c8k8r3s3p1 f16", "cudnn"),
                                     std::pair("linear n8f64m64 f16", "cublaslt")}) {
    const Problem problem = parse_problem(line);
    EXPECT_TRUE(std::ranges::any_of(problem.op->engines(), [&](const Engine& engine) {
      if (!engine.name.starts_with(vendor)) return false;
      const Support support = engine.supports(problem);
      return support.ok || support.reason.find("was not found") != std::string::npos ||
             support.reason.find("runs on CUDA hardware only") != std::string::npos;
    })) << line;
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

// Of the kernels for f32 data those of tf32 come first, for plans that may take them; but where the weights
// of few rows are the traffic.
TEST(RegistryTest, PlansTakeTf32WhereItIsAllowedAndNowhereElse) {
  if (linked_cuda_runtime().name() == "none" || linked_cuda_runtime().device_count() == 0) {
    GTEST_SKIP() << linked_cuda_runtime().unavailable_reason();
  }
  const Device device{DeviceType::kCuda, 0};
  for (const char* line :
       {"conv2d n2h8w8c32k64r3s3p1", "conv2d_input_gradient n2h8w8c32k64r3s3p1u2",
        "conv2d_filter_gradient n2h8w8c32k64r3s3p1", "conv2d n2h8w8c3k5r3s3", "linear n32f64m32",
        "linear_input_gradient n32f64m32", "linear_weight_gradient n8f64m32"}) {
    const Problem problem = parse_problem(line);
    EXPECT_EQ(candidates(problem, device, {.allow_tf32 = true})[0]->arithmetic,
              Arithmetic::kTensorCoreTf32)
        << line;
    for (const Engine* engine : candidates(problem, device, {})) {
      EXPECT_NE(engine->arithmetic, Arithmetic::kTensorCoreTf32) << line << ", " << engine->name;
    }
  }
}

// Note [When few rows pay] in kernels/linear/linear_few_rows.cuh.
TEST(RegistryTest, PlansReadTheWeightsOfFewRowsByTheirOwnEngineWhereItPays) {
  if (linked_cuda_runtime().name() == "none" || linked_cuda_runtime().device_count() == 0) {
    GTEST_SKIP() << linked_cuda_runtime().unavailable_reason();
  }
  auto place = [](const std::string& line) {
    const auto found = candidates(parse_problem(line), Device{DeviceType::kCuda, 0}, {});
    return std::ranges::find(found, "few_rows", &Engine::name) - found.begin();
  };
  for (const char* line :
       {"linear n1f25088m4096", "linear n16f2048m1000 bias", "linear n8f4096m25088 bf16",
        "linear n8f25088m4096 f16", "linear_input_gradient n16f25088m4096",
        "linear_input_gradient n8f25088m4096 bf16"}) {
    EXPECT_EQ(place(line), 0) << line;
  }
  // Tensor cores multiply more rows in no time.
  for (const char* line :
       {"linear n16f4096m25088 bf16", "linear n16f25088m4096 bf16", "linear n10f4096m25088 f16",
        "linear_input_gradient n16f25088m4096 bf16"}) {
    EXPECT_GT(place(line), 0) << line;
  }
  for (const Op* op : {find_op("linear"), find_op("linear_input_gradient")}) {
    const auto engine = std::ranges::find(op->engines(), "few_rows", &Engine::name);
    const std::string name(op->name);
    ASSERT_NE(engine, op->engines().end());
    EXPECT_EQ(engine->supports(parse_problem(name + " n17f64m32")).reason, "more than 16 rows");
    EXPECT_EQ(engine->supports(parse_problem(name + " n16f65536m32768")).reason,
              "a tensor of 2^31 elements or more");
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
