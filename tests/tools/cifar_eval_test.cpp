// Published weights on published pictures, through the binary.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/command.h"

namespace voluta {
namespace {

using nlohmann::json;

// $VOLUTA_DATA, else the folder beside the checkout.
std::string data_folder() {
  const char* given = std::getenv("VOLUTA_DATA");
  return given && *given ? given : std::string(VOLUTA_TESTS_FOLDER) + "/../../shared/data";
}

// Idelbayev's ResNet-20 (akamaster/pytorch_resnet_cifar10) on the first 1,017 test images: 932 are
// right with PyTorch too.
TEST(CifarEval, Resnet20AsPublished) {
  const std::string weights = data_folder() + "/weights/resnet20-12fca82f.safetensors";
  const std::string images = data_folder() + "/cifar10";
  if (!std::filesystem::exists(weights)) GTEST_SKIP() << "no " << weights;
  if (!std::filesystem::exists(images)) GTEST_SKIP() << "no " << images;
  const Outcome eval =
      run_command("eval --device cpu --json --model resnet20 --weights " + weights +
                  " --data-path " + images + " --mean .485,.456,.406 --std .229 .224 .225");
  ASSERT_EQ(eval.code, 0) << eval.err;
  const json result = json::parse(eval.out);
  EXPECT_EQ(result["images"], 1017);
  EXPECT_EQ(std::llround(result["top1"].get<double>() * 1017), 932);
  EXPECT_EQ(std::llround(result["top5"].get<double>() * 1017), 1015);
}

TEST(CifarEval, RefusesPicturesOfOtherChannels) {
  const std::string weights = data_folder() + "/weights/resnet20-12fca82f.safetensors";
  const std::string images = data_folder() + "/mnist";
  if (!std::filesystem::exists(weights)) GTEST_SKIP() << "no " << weights;
  if (!std::filesystem::exists(images)) GTEST_SKIP() << "no " << images;
  expect_refused(
      "eval --device cpu --model resnet20 --weights " + weights + " --data-path " + images, 1,
      {weights, "'conv1.weight' is f32 [16, 3, 3, 3]", "with 3 channels, and not 1"});
}

}  // namespace
}  // namespace voluta
