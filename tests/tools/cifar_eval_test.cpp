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

// Published weights on the pictures of a set of the data folder.
class CifarEval : public testing::Test {
 protected:
  std::string weights_ = data_folder() + "/weights/resnet20-12fca82f.safetensors";

  std::string on(const std::string& set) const {
    return "eval --device cpu --model resnet20 --weights " + weights_ + " --data-path " +
           data_folder() + "/" + set;
  }
  bool lacks(const std::string& set) const {
    return !std::filesystem::exists(weights_) ||
           !std::filesystem::exists(data_folder() + "/" + set);
  }
};

// Idelbayev's ResNet-20 (akamaster/pytorch_resnet_cifar10) on the first 1,017 test images: 932 are
// right with PyTorch too.
TEST_F(CifarEval, Resnet20AsPublished) {
  if (lacks("cifar10")) GTEST_SKIP() << "no weights or pictures in " << data_folder();
  const Outcome eval =
      run_command(on("cifar10") + " --json --mean .485,.456,.406 --std .229,.224,.225");
  ASSERT_EQ(eval.code, 0) << eval.err;
  const json result = json::parse(eval.out);
  EXPECT_EQ(result["images"], 1017);
  EXPECT_EQ(std::llround(result["top1"].get<double>() * 1017), 932);
  EXPECT_EQ(std::llround(result["top5"].get<double>() * 1017), 1015);
}

TEST_F(CifarEval, RefusesPicturesOfOtherChannels) {
  if (lacks("mnist")) GTEST_SKIP() << "no weights or pictures in " << data_folder();
  expect_refused(on("mnist"), 1,
                 {weights_, "'conv1.weight' is f32 [16, 3, 3, 3]", "with 3 channels, and not 1"});
}

}  // namespace
}  // namespace voluta
