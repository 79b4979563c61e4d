// Folders of pictures through the binary: from files to weights and back to the same numbers.

#include <gtest/gtest.h>
#include <voluta/io/safetensors.h>

#include <nlohmann/json.hpp>

#include "tools/picture_folders.h"

namespace voluta {
namespace {

using nlohmann::json;

TEST_F(Pictures, EvalGivesWhatTrainingGave) {
  const Outcome trained = run_command(train("--val-resize-size 44 --interpolation bicubic"));
  ASSERT_EQ(trained.code, 0) << trained.err;
  const json result = json::parse(trained.out);
  EXPECT_EQ(result["images"], 8);
  // In another order of threads, in the same batches.
  const Outcome eval = run_command(
      "eval --device cpu --quiet --json --batch-size 3 --workers 5 "
      "--weights " +
      weights() + " --data-path " + data_);
  ASSERT_EQ(eval.code, 0) << eval.err;
  EXPECT_EQ(json::parse(eval.out)["loss"], result["loss"]);
  EXPECT_EQ(json::parse(eval.out)["top1"], result["top1"]);
  const Outcome other = run_command("eval --device cpu --quiet --json --batch-size 3 --weights " +
                                    weights() + " --data-path " + data_ + " --val-resize-size 32");
  EXPECT_NE(json::parse(other.out)["loss"], result["loss"]) << "the view is another";
  EXPECT_EQ(other.err, "") << "--quiet";
  const Outcome said = run_command("eval --device cpu --weights " + weights() + " --data-path " +
                                   data_ + " --val-resize-size 32 --mean 0,0,0");
  EXPECT_EQ(said.err,
            "other than the weights were trained with: resize 32 instead of 44; mean [0, 0, 0] "
            "instead of [0.485, 0.456, 0.406]\n");
}

// Training stores how pictures are seen and what the outputs mean, of files and of small sets alike.
TEST_F(Pictures, WeightsSayHowTheyWantTheirPictures) {
  ASSERT_EQ(run_command(train("--val-resize-size 44 --interpolation bicubic --mean .1,.2,.3")).code,
            0);
  const auto metadata = read_safetensors(weights()).metadata;
  EXPECT_EQ(metadata.at("voluta.input"), "[3,32,32]");
  EXPECT_EQ(metadata.at("voluta.resize"), "44");
  EXPECT_EQ(metadata.at("voluta.interpolation"), "bicubic");
  EXPECT_EQ(metadata.at("voluta.mean"), "[0.1,0.2,0.3]");
  EXPECT_EQ(metadata.at("voluta.std"), "[0.229,0.224,0.225]");
  EXPECT_EQ(metadata.at("voluta.class_names"), R"(["blue","red"])");

  ASSERT_EQ(run_command("data make digits --output-dir " + (folder_ / "digits")).code, 0);
  const std::string digits =
      "train --device cpu --quiet --model lenet5 --max-steps 1 "
      "--test-limit 1 --data-path " +
      (folder_ / "digits") + " --overwrite --output-dir " + (folder_ / "out");
  ASSERT_EQ(run_command(digits).code, 0);
  const auto small = read_safetensors(weights()).metadata;
  EXPECT_EQ(small.at("voluta.input"), "[1,28,28]");
  EXPECT_EQ(small.at("voluta.resize"), "28");
  EXPECT_EQ(small.at("voluta.class_names"), R"(["0","1","2","3","4","5","6","7","8","9"])");
  expect_refused(digits + " --val-crop-size 20", 2, {"--val-crop-size", "MNIST"});
}

// Once it can be read, the run goes on with the epoch that it had trained.
TEST_F(Pictures, ATestPictureThatCannotBeReadCostsNoEpoch) {
  ASSERT_EQ(run_command(train("", "whole")).code, 0);
  const std::string path = data_ + "/val/red/0.jpg", picture = read_bytes(path);
  write_bytes(path, "torn");
  const Outcome failed = run_command(train(""));
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find(path), std::string::npos) << failed.err;
  write_bytes(path, picture);
  const Outcome resumed = run_command("train --quiet --resume " + (folder_ / "out"));
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(read_bytes(weights()), read_bytes(weights("whole")));
}

TEST_F(Pictures, TheNumberOfWorkersChangesNoBit) {
  const std::string drawn =
      "--mixup-alpha .2 --cutmix-alpha 1 --random-erase .5 --color-jitter .4,.4,.4,.1 "
      "--auto-augment ta_wide --workers ";
  ASSERT_EQ(run_command(train(drawn + "1", "one")).code, 0);
  ASSERT_EQ(run_command(train(drawn + "4", "four")).code, 0);
  EXPECT_EQ(read_bytes(weights("one")), read_bytes(weights("four")));
  ASSERT_EQ(run_command(train("--workers 4", "plain")).code, 0);
  EXPECT_NE(read_bytes(weights("one")), read_bytes(weights("plain")));
}

TEST_F(Pictures, EvalKnowsClassesByName) {
  ASSERT_EQ(run_command(train("")).code, 0);
  std::filesystem::remove_all(data_ + "/val/blue");
  const std::string eval =
      "eval --device cpu --quiet --json --weights " + weights() + " --data-path " + data_;
  EXPECT_EQ(json::parse(run_command(eval).out)["images"], 4);
  std::filesystem::rename(data_ + "/val/red", data_ + "/val/green");
  expect_refused(eval, 1, {"'green'", "none of the 2"});
}

TEST_F(Pictures, BadOnesAreListedForAnyNumberOfWorkers) {
  write_bytes(data_ + "/train/blue/1.jpg", "");
  write_bytes(data_ + "/train/red/3.jpg", "text");
  write_bytes(data_ + "/val/red/0.jpg", read_bytes(data_ + "/val/red/0.jpg").substr(0, 700));
  std::string first;
  for (const char* workers : {"1", "3"}) {
    const Outcome refused = run_command(train(std::string("--workers ") + workers));
    EXPECT_EQ(refused.code, 1) << refused.err;
    for (const char* part :
         {"train/blue/1.jpg: is empty", "train/red/3.jpg: is neither",
          "val/red/0.jpg: is no sound JPEG", "3 of 16 pictures", "--max-bad-images 3"}) {
      EXPECT_NE(refused.err.find(part), std::string::npos) << refused.err << " lacks " << part;
    }
    EXPECT_FALSE(std::filesystem::exists(weights()));
    if (first.empty()) first = refused.err;
    EXPECT_EQ(refused.err, first);
  }
  EXPECT_EQ(run_command(train("--max-bad-images 2")).code, 1);
  const Outcome trained = run_command(train("--max-bad-images 3"));
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.err.find("3 pictures cannot be read and are left out"), std::string::npos);
  EXPECT_EQ(json::parse(trained.out)["images"], 7);
}

TEST_F(Pictures, OfOtherChannelsThanTheWeightsTake) {
  ASSERT_EQ(run_command(train("--max-steps 1")).code, 0);
  const std::string digits = folder_ / "digits";
  ASSERT_EQ(run_command("data make digits --train 40 --test 10 --output-dir " + digits).code, 0);
  const std::string flags =
      " --device cpu --quiet --weights " + weights() + " --data-path " + digits;
  expect_refused("eval" + flags, 2,
                 {weights() + " takes pictures of 3 channels", "MNIST have 1", "--weights",
                  "--dataset of 3 channels"});
  const std::string start = "train" + flags + " --max-steps 1 --output-dir " + (folder_ / "grey");
  expect_refused(start, 2, {"--allow-partial, --mean and --std"});
  const std::string normalized = start + " --classes 10 --mean .1 --std .3";
  expect_refused(normalized, 1, {"'conv1.weight'", "pictures with 3 channels, and not 1"});
  EXPECT_EQ(run_command(normalized + " --allow-partial").code, 0);
}

TEST_F(Pictures, FilesOfOtherKindsAreTold) {
  for (const char* path : {"/train/red/a.gif", "/train/blue/b.gif", "/val/red/c.webp"}) {
    write_bytes(data_ + path, "");
  }
  const std::string run =
      "train --device cpu --model resnet20 --width 0.25 --max-steps 1 "
      "--batch-size 3 --data-path " +
      data_ + " --output-dir ";
  const std::string loud = run_command(run + (folder_ / "a")).err;
  for (const std::string part : {"/train: only .jpg, .jpeg and .png files are read, not 2 .gif\n",
                                 "/val: only .jpg, .jpeg and .png files are read, not 1 .webp\n"}) {
    EXPECT_NE(loud.find(data_ + part), std::string::npos) << loud;
    EXPECT_EQ(loud.find(part), loud.rfind(part)) << "said once";
  }
  EXPECT_EQ(run_command(run + (folder_ / "b") + " --quiet").err, "");
  std::filesystem::remove(data_ + "/val/red/c.webp");
  std::filesystem::create_directory_symlink(".", data_ + "/val/red/again");
  expect_refused(run + (folder_ / "c"), 1, {"red/again: leads back", "remove the link"});
}

// The folder at hand is no --data-path, whatever lies in it.
TEST_F(Pictures, AFolderNamedTrainIsNotTakenUnasked) {
  const TemporaryFolder here;
  std::filesystem::create_directory(here / "train");
  expect_refused("train --device cpu", 1, {"mnist"}, "cd " + here.path() + " && VOLUTA_DATA=");
}

TEST_F(Pictures, FlagsOutOfRange) {
  expect_refused(train("--workers 0"), 2, {"--workers"});
  expect_refused(train("--hflip 2"), 2, {"--hflip"});
  expect_refused(train("--scale .5"), 2, {"--scale", "two numbers"});
  expect_refused(train("--mixup-alpha -1"), 2, {"--mixup-alpha"});
  expect_refused(train("--cutmix-alpha nan"), 2, {"--cutmix-alpha"});
  expect_refused(train("--random-erase 2"), 2, {"--random-erase"});
  expect_refused(train("--auto-augment ra"), 2, {"--auto-augment", "ta_wide"});
  expect_refused(train("--color-jitter .4,.4"), 2, {"--color-jitter", "three or four"});
  expect_refused(train("--color-jitter .4,.4,.4,.6"), 2, {"--color-jitter", "0.5"});
  expect_refused(train("--scale .5,.2"), 2, {"--scale"});
  expect_refused(train("--interpolation nearest"), 2, {"nearest", "bilinear"});
  expect_refused(train("--val-crop-size 64 --val-resize-size 32"), 2, {"--val-crop-size 64"});
  expect_refused(train("--random-crop-padding 4"), 2, {"--random-crop-padding"});
  std::filesystem::remove_all(data_ + "/val");
  expect_refused(train(""), 1, {"neither a folder val nor test"});
}

}  // namespace
}  // namespace voluta
