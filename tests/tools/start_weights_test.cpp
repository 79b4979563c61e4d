// Training that starts from weights: what their outputs and pictures mean, and that the file is needed once.

#include <voluta/io/safetensors.h>

#include <nlohmann/json.hpp>

#include "tools/picture_folders.h"

namespace voluta {
namespace {

using nlohmann::json;

class StartWeights : public Pictures {
 protected:
  std::string eval(const std::string& flags) const {
    return "eval --device cpu --json --data-path " + data_ + " " + flags;
  }
  void add_class(const std::string& name) const {
    for (const char* split : {"/train/", "/val/"}) {
      std::filesystem::copy(data_ + split + "red", data_ + split + name);
    }
  }
  void remove_class(const std::string& name) const {
    for (const char* split : {"/train/", "/val/"}) {
      std::filesystem::remove_all(data_ + split + name);
    }
  }
  // Of the run in `output`, without what they say about themselves.
  std::string bare_weights(const std::string& output) const {
    TensorFile file = read_safetensors(weights(output));
    file.metadata.clear();
    write_safetensors(folder_ / "bare.safetensors", file);
    return folder_ / "bare.safetensors";
  }
};

// The pictures that torchvision's and timm's weights were trained on.
TEST_F(StartWeights, WithoutMetadataPicturesAreNormalisedAsPublished) {
  const std::string model = "--model mobilenet_v1 --width 0.125 ";
  const std::string small = model + "--train-crop-size 32 --max-steps 1 ";
  ASSERT_EQ(run_command("train --device cpu --quiet --batch-size 4 --data-path " + data_ +
                        " --output-dir " + (folder_ / "first") + " " + small)
                .code,
            0);
  const std::string flags =
      eval(model + "--classes 2 --val-crop-size 32 --weights " + bare_weights("first"));
  const Outcome published = run_command(flags);
  ASSERT_EQ(published.code, 0) << published.err;
  EXPECT_NE(
      published.err.find("mean 0.5 and std 0.5, as for the published weights of mobilenet_v1"),
      std::string::npos)
      << published.err;
  const Outcome same = run_command(flags + " --mean .5,.5,.5 --std .5,.5,.5");
  EXPECT_EQ(same.out, published.out);
  EXPECT_EQ(same.err, "");
  const Outcome other = run_command(flags + " --mean .485,.456,.406 --std .229,.224,.225");
  EXPECT_NE(other.out, published.out);
  // The run keeps it, and goes on with it.
  const std::string run = folder_ / "second";
  ASSERT_EQ(
      run_command("train --device cpu --quiet --batch-size 4 --data-path " + data_ + " " + small +
                  "--weights " + (folder_ / "bare.safetensors") + " --output-dir " + run)
          .code,
      0);
  std::filesystem::remove(folder_ / "bare.safetensors");
  const Outcome resumed = run_command("train --quiet --max-steps 2 --resume " + run);
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  const auto metadata = read_safetensors(weights("second")).metadata;
  EXPECT_EQ(metadata.at("voluta.mean"), "[0.5,0.5,0.5]");
  EXPECT_EQ(metadata.at("voluta.std"), "[0.5,0.5,0.5]");
}

TEST_F(StartWeights, OutputsThatAreKeptAreTold) {
  add_class("white");
  ASSERT_EQ(run_command(train("--max-steps 1", "three")).code, 0);
  remove_class("white");
  const std::string start = "train --device cpu --max-steps 1 --batch-size 4 --data-path " + data_ +
                            " --weights " + weights("three") + " --output-dir ";
  const Outcome kept = run_command(start + (folder_ / "kept"));
  ASSERT_EQ(kept.code, 0) << kept.err;
  const std::string line = "3 outputs for 2 classes; --classes 2 --allow-partial makes new ones\n";
  EXPECT_NE(kept.err.find(line), std::string::npos) << kept.err;
  // What training took, evaluation takes.
  const Outcome eval_kept = run_command(eval("--weights " + weights("kept")));
  EXPECT_EQ(eval_kept.code, 0) << eval_kept.err;
  expect_refused(eval("--model resnet20 --width 0.25 --val-crop-size 32 --classes 1 --weights " +
                      bare_weights("kept")),
                 2, {"2 classes", "--classes says 1"});

  const Outcome made =
      run_command(start + (folder_ / "made") + " --classes 2 --allow-partial --quiet");
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.err.find("outputs for"), std::string::npos) << made.err;
  EXPECT_EQ(read_safetensors(weights("made")).metadata.at("voluta.classes"), "2");

  std::filesystem::rename(data_ + "/train/red", data_ + "/train/green");
  std::filesystem::rename(data_ + "/val/red", data_ + "/val/green");
  const Outcome renamed = run_command(start + (folder_ / "renamed"));
  ASSERT_EQ(renamed.code, 0) << renamed.err;
  EXPECT_NE(renamed.err.find("output 1 was class 'red' in " + weights("three") +
                             ", and is 'green' in the data\n"),
            std::string::npos)
      << renamed.err;
}

TEST_F(StartWeights, ARunGoesOnWithoutTheirFile) {
  ASSERT_EQ(run_command(train("--max-steps 1 --val-resize-size 44", "first")).code, 0);
  // Of the weights: model, width, the size of the pictures. The third is never stopped.
  const std::string flags = "train --device cpu --quiet --batch-size 3 --lr 0.01 --data-path " +
                            data_ + " --weights " + weights("first") + " --output-dir ";
  ASSERT_EQ(run_command(flags + (folder_ / "second") + " --max-steps 2").code, 0);
  ASSERT_EQ(run_command(flags + (folder_ / "third") + " --max-steps 5").code, 0);
  std::filesystem::remove_all(folder_ / "first");
  const std::string resume = "train --quiet --max-steps 5 --resume " + (folder_ / "second");
  const Outcome resumed = run_command(resume);
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(read_bytes(weights("second")), read_bytes(weights("third")));

  // An older version kept only the path.
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "second/checkpoints")) {
    TensorFile file = read_safetensors(entry.path());
    json document = json::parse(file.metadata.at("voluta.checkpoint"));
    document.erase("origin");
    file.metadata["voluta.checkpoint"] = document.dump();
    write_safetensors(entry.path(), file);
  }
  expect_refused(resume, 1, {weights("first"), "an older version", "cannot go on without it"});
}

TEST_F(StartWeights, AreNotOverwritten) {
  ASSERT_EQ(run_command(train("--max-steps 1", "run")).code, 0);
  const std::string before = read_bytes(weights("run"));
  std::filesystem::create_symlink(weights("run"), folder_ / "link.safetensors");
  std::filesystem::create_directory_symlink(folder_ / "run", folder_ / "other name");
  const std::string link = folder_ / "link.safetensors";
  expect_refused(train("--max-steps 1 --weights " + link, "run"), 2,
                 {"--overwrite would remove " + link, "--output-dir"});
  expect_refused(
      train("--max-steps 1 --weights '" + (folder_ / "other name/best.safetensors'"), "run"), 2,
      {"--overwrite would remove", "best.safetensors"});
  expect_refused(
      train("--allow-partial --weights " + (folder_ / "run/checkpoints/step-00000001.safetensors"),
            "run"),
      2, {"--overwrite would remove"});
  EXPECT_EQ(read_bytes(weights("run")), before);
  EXPECT_EQ(run_command(train("--max-steps 1 --weights " + weights("run"), "new")).code, 0);
}

}  // namespace
}  // namespace voluta
