// Clusters share operands, not sums: a convolution of two pictures whose tiles are taken by pairs of
// blocks has the bits of each picture alone, whose tiles are too few for that.

#include "engine_runs.h"

#include <cstring>

namespace voluta::judge {
namespace {

// The second picture's share of a tensor of two, or the whole of others.
Tensor of_second_picture(const Tensor& both, const TensorType& type) {
  if (both.bytes() == type.bytes()) return both;
  Tensor one(type);
  std::memcpy(one.raw(), static_cast<const std::byte*>(both.raw()) + one.bytes(), one.bytes());
  return one;
}

// Of the Hopper kernels alone: outputs of each by name.
std::vector<std::pair<std::string, Tensors>> run_hopper(const Problem& problem,
                                                        const Tensors& inputs) {
  std::vector<std::pair<std::string, Tensors>> found;
  for (const Engine& engine : problem.op->engines()) {
    if (!std::string_view(engine.name).starts_with("implicit_gemm_tma_wgmma")) continue;
    if (!is_under_test(engine)) continue;
    const Device device{engine.device, 0};
    if (!support_on(engine, problem, device).ok) continue;
    Stream stream(device);
    GuardedRun run = run_guarded(engine, problem, inputs, stream);
    EXPECT_EQ(run.complaint, "") << describe(problem) << ", engine " << engine.name;
    found.emplace_back(engine.name, std::move(run.outputs));
  }
  return found;
}

void expect_bits_of_a_picture_alone(const std::string& both_line, const std::string& one_line) {
  const Problem both = parse_problem(both_line), one = parse_problem(one_line);
  Random random(1);
  const Tensors inputs = rules_of(both.op->name).inputs(both, InputKind::kReals, random);
  Tensors inputs_of_one;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs_of_one.push_back(of_second_picture(inputs[i], one.inputs[i]));
  }
  const auto of_both = run_hopper(both, inputs), of_one = run_hopper(one, inputs_of_one);
  ASSERT_EQ(of_both.size(), of_one.size());
  for (std::size_t e = 0; e < of_both.size(); ++e) {
    const Tensor& want = of_one[e].second[0];
    const Tensor found = of_second_picture(of_both[e].second[0], want.type());
    EXPECT_EQ(std::memcmp(found.raw(), want.raw(), want.bytes()), 0)
        << both_line << ", engine " << of_both[e].first;
  }
  if (of_both.empty()) GTEST_SKIP() << "no such engine on this device";
}

TEST(ClusterBits, AreThoseOfBlocksAlone) {
  for (const std::string dtype : {"bf16", "f16", "f32"}) {
    const std::string rest = "h106w120c72k72r1s1 residual relu " + dtype;
    expect_bits_of_a_picture_alone("conv2d n2" + rest, "conv2d n1" + rest);
  }
  for (const std::string rest : {"h106w120c72k104r1s1 bf16", "h88w96c8k152r1s1 bf16",
                                 "h88w96c72k184r1s1 bf16", "h183w92c8k56r1s1 bf16"}) {
    expect_bits_of_a_picture_alone("conv2d n2" + rest, "conv2d n1" + rest);
  }
}

TEST(ClusterBits, AreThoseOfBlocksAloneInInputGradients) {
  for (const std::string rest :
       {"h106w120c72k40r1s1 bf16", "h106w120c72k40r1s1 f32", "h106w120c104k72r1s1 bf16",
        "h88w96c184k72r1s1 bf16", "h183w92c56k8r1s1 bf16"}) {
    expect_bits_of_a_picture_alone("conv2d_input_gradient n2" + rest,
                                   "conv2d_input_gradient n1" + rest);
  }
}

}  // namespace
}  // namespace voluta::judge
