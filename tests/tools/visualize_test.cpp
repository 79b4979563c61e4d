// voluta visualize: files that hold what was asked for, and no file after an error.

#include <gtest/gtest.h>
#include <voluta/io/mnist.h>

#include "tools/picture_folders.h"

namespace voluta {
namespace {

LabelledImages blank_images() {
  return {Tensor(DType::u8, {8, 20, 60, 1}), Tensor(DType::i64, {8}), 10};
}

class Visualize : public Pictures {
 protected:
  void SetUp() override {
    Pictures::SetUp();
    const Outcome trained = run_command(train("--max-steps 2"));
    ASSERT_EQ(trained.code, 0) << trained.err;
  }
  std::string command(const std::string& what, const std::string& rest) const {
    return "visualize " + what + " --weights " + weights() + " -o " + file_ + " " + rest;
  }
  // The picture that the command wrote.
  Image drawn(const std::string& what, const std::string& rest) const {
    const Outcome outcome = run_command(command(what, rest));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(outcome.out.starts_with(file_ + ": ")) << outcome.out;
    Image image = read_image(file_);
    std::filesystem::remove(file_);
    return image;
  }
  void expect_nothing(const std::string& what, const std::string& rest, int code,
                      std::initializer_list<std::string> parts) const {
    expect_refused(command(what, rest), code, parts);
    EXPECT_FALSE(std::filesystem::exists(file_));
  }

  std::string file_ = folder_ / "a.png";
  std::string picture_ = data_ + "/val/red/0.jpg --device cpu --quiet";
};

TEST_F(Visualize, Filters) {
  // ResNet-20 a quarter as wide has 4 filters of 3 x 3 x 3; 16 x 3 pixels a tile and gaps of 2.
  const Image first = drawn("filters", "");
  EXPECT_EQ(first.height, 2 * 48 + 3 * 2);
  EXPECT_EQ(first.width, first.height);
  // 4 x 4 tiles of one channel each.
  const Image second = drawn("filters", "--layer layer1.0.conv1");
  EXPECT_EQ(second.width, 4 * 48 + 5 * 2);
  expect_nothing("filters", "--layer linear", 2, {"'linear'", "layer1.0.conv1"});
  expect_refused("visualize filters --weights " + weights() + " -o a.jpg", 2, {"a.jpg", ".png"});
}

TEST_F(Visualize, Activations) {
  const Image maps = drawn("activations", "--layer layer2 " + picture_);  // 8 of 16 x 16
  EXPECT_EQ(maps.width, 3 * 96 + 4 * 2);
  EXPECT_EQ(maps.height, maps.width);
  EXPECT_EQ(drawn("activations", "--quiet --device cpu --index 5 --data-path " + data_).width,
            4 * 96 + 5 * 2)
      << "the last one's 16 maps";
  expect_nothing("activations", "--layer layer9 " + picture_, 2, {"'layer9'", "layer3.2"});
  expect_nothing("activations", "--quiet", 2, {"which picture"});
  expect_nothing("activations", "--data-path " + data_ + " --index 8", 2, {"--index 8", "0..7"});
  expect_nothing("activations", "--index 1 " + picture_, 2,
                 {"--index has no effect without --data-path or --dataset"});
}

TEST_F(Visualize, WhatSpeaksForAClass) {
  for (const char* what : {"gradcam", "saliency"}) {
    SCOPED_TRACE(what);
    const Image marked = drawn(what, picture_);
    EXPECT_EQ(marked.width, 2 * 384 + 3 * 8) << "12 x 32 pixels, twice";
    EXPECT_EQ(marked.height, 384 + 2 * 8);
    EXPECT_EQ(drawn(what, "--class blue " + picture_).rgb,
              drawn(what, "--class 0 " + picture_).rgb);
    EXPECT_NE(drawn(what, "--class blue " + picture_).rgb,
              drawn(what, "--class red " + picture_).rgb);
    expect_nothing(what, "--class green " + picture_, 2, {"'green'", "blue, red"});
    expect_nothing(what, "--class 2 " + picture_, 2, {"class 2", "0..1"});
  }
  write_bytes(data_ + "/val/red/0.jpg", "text");
  const Outcome refused = run_command(command("gradcam", picture_));
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("val/red/0.jpg: is neither"), std::string::npos) << refused.err;
}

// Pixels stay whole squares, and the shorter side can be seen too.
TEST_F(Visualize, SmallPicturesAreEnlarged) {
  std::filesystem::create_directory(folder_ / "long");
  write_mnist(folder_ / "long", Split::kTrain, blank_images());
  write_mnist(folder_ / "long", Split::kTest, blank_images());
  const std::string of_data = " --device cpu --quiet --data-path " + (folder_ / "long");
  const Outcome trained =
      run_command("train --model resnet20 --width 0.25 --max-steps 1 --output-dir " +
                  (folder_ / "out") + " --overwrite" + of_data);
  ASSERT_EQ(trained.code, 0) << trained.err;
  for (const char* what : {"gradcam", "saliency"}) {
    const Image marked = drawn(what, "--index 1" + of_data);
    EXPECT_EQ(marked.height, 12 * 20 + 2 * 8) << "12 x 20 pixels, and no fewer than 224";
    EXPECT_EQ(marked.width, 2 * 12 * 60 + 3 * 8);
    const std::string help = run_command("visualize " + std::string(what) + " --help").out;
    EXPECT_NE(help.find("224"), std::string::npos) << help;
  }
}

TEST_F(Visualize, WhatIsReadIsNotOverwritten) {
  const std::string png = folder_ / "p.png", link = folder_ / "link.png";
  write_png(png, test_picture(40, 50));
  std::filesystem::create_symlink(png, link);
  std::filesystem::create_directories(folder_ / "set/val/red");
  write_bytes(folder_ / "set/val/red/0.png", read_bytes(png));
  const std::string named = folder_ / "weights.png";
  std::filesystem::copy(weights(), named);
  const std::string flags = " --device cpu --quiet --weights ";
  const auto refused = [&](const std::string& command, const std::string& output) {
    const std::string before = read_bytes(output);
    expect_refused("visualize " + command + " -o " + output, 2, {output, "is the file of "});
    EXPECT_EQ(read_bytes(output), before);
  };
  for (const char* what : {"gradcam", "saliency", "activations"}) {
    refused(what + flags + weights() + " " + png, png);
    refused(what + flags + weights() + " " + png, link);
    refused(what + flags + weights() + " --dataset folder --data-path " + (folder_ / "set"),
            folder_ / "set/val/red/0.png");
  }
  refused("filters --weights " + named, named);
  EXPECT_EQ(run_command("visualize gradcam" + flags + weights() + " " + png + " -o " + file_).code,
            0);
}

TEST_F(Visualize, Graph) {
  const std::string svg = folder_ / "g.svg", dot = folder_ / "g.dot";
  ASSERT_EQ(run_command("visualize graph --weights " + weights() + " -o " + svg).code, 0);
  ASSERT_EQ(run_command("visualize graph resnet20 -o " + dot).code, 0);
  for (const std::string& path : {svg, dot}) {
    const std::string text = read_bytes(path);
    for (const char* part : {"images", "layer1.0.conv1", "conv 3 × 3 / 2, batch norm, relu",
                             "layer3.2.add", "linear"}) {
      EXPECT_NE(text.find(part), std::string::npos) << path << " lacks " << part;
    }
  }
  EXPECT_NE(read_bytes(svg).find("8 × 8 × 16"), std::string::npos) << "a quarter as wide";
  EXPECT_NE(read_bytes(dot).find("8 × 8 × 64"), std::string::npos);
  expect_refused("visualize graph -o " + svg, 2, {"which model"});
  const std::string named = folder_ / "w.svg";
  std::filesystem::copy(weights(), named);
  expect_refused("visualize graph --weights " + named + " -o " + named, 2, {named, "--weights"});
  EXPECT_EQ(run_command("visualize graph resnet20 --weights " + weights() + " -o " + svg).code, 0);
  expect_refused("visualize graph resnet20 -o g.png", 2, {"g.png", ".svg or .dot"});
}

}  // namespace
}  // namespace voluta
