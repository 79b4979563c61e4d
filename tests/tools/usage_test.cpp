// Every bad use of the command line: the exit code of DESIGN section 7, one line, no output left.

#include <gtest/gtest.h>
#include <unistd.h>
#include <voluta/core/device/device.h>
#include <voluta/io/idx.h>
#include <voluta/io/mnist.h>

#include <filesystem>

#include "tools/command.h"

namespace voluta {
namespace {

LabelledImages blank_images(int64_t count) {
  return {Tensor(DType::u8, {count, 28, 28, 1}), Tensor(DType::i64, {count}), 10};
}

class BadUse : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(data_);
    write_mnist(data_, Split::kTrain, blank_images(32));
    write_mnist(data_, Split::kTest, blank_images(16));
  }

  // A training run that fails before its first step and leaves neither folder nor file.
  void expect_train_refused(const std::string& flags, int code,
                            std::initializer_list<std::string> parts) {
    const std::string output = folder_ / "deep/er/out";
    expect_refused(
        "train --device cpu --data-path " + data_ + " --output-dir " + output + " " + flags, code,
        parts);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "deep")) << "partial output after " << flags;
  }

  TemporaryFolder folder_;
  std::string data_ = folder_ / "data";
};

TEST_F(BadUse, UnknownCommandsAndFlags) {
  expect_refused("", 2, {"a command is needed", "train"});
  expect_refused("trian", 2, {"'trian' is unknown", "did you mean 'train'"});
  expect_refused("data make letters", 2, {"'letters' is unknown"});
  expect_train_refused("--batchsize 3", 2, {"'--batchsize' is unknown", "'--batch-size'"});
  expect_train_refused("--epochs=two", 2, {"two"});
  expect_train_refused("--epochs 1.5", 2, {"1.5"});
  expect_train_refused("--seed -1", 2, {"-1"});
  expect_train_refused("stray", 2, {"'stray' is unknown"});
  expect_refused("eval", 2, {"--weights"});
  expect_refused("data make digits", 2, {"--output-dir"});
  expect_train_refused("--learning-rate .1", 2, {"'--learning-rate' is unknown", "'--lr'"});
  const Outcome far = run_command("train --nosuch 1");
  EXPECT_EQ(far.code, 2);
  EXPECT_EQ(far.err.find("did you mean"), far.err.npos) << "dashes alone are alike: " << far.err;
  expect_refused("bench --help", 2, {"'bench' is unknown"});
  expect_refused("data letters --help", 2, {"'letters' is unknown"});
  EXPECT_EQ(run_command("train --nosuch --help").code, 0);
}

TEST_F(BadUse, NumbersThatAreNone) {
  expect_train_refused("--lr abc", 2, {"--lr: 'abc' is no number"});
  expect_train_refused("--width 1x", 2, {"--width: '1x' is no number"});
  expect_train_refused("--max-steps 1e9", 2,
                       {"--max-steps: '1e9' is no whole number, such as 1000"});
  expect_train_refused("--seed -1", 2, {"--seed: '-1' is no whole number of at least 0"});
  expect_train_refused("--epochs 99999999999999999999", 2, {"--epochs", "is too large"});
  expect_train_refused("--mean ,", 2, {"--mean: ',' is no number"});
}

TEST_F(BadUse, UnknownNames) {
  expect_train_refused("--model lenet6", 2, {"lenet6", "lenet5"});
  expect_refused("summary lenet6", 2, {"lenet6", "lenet5"});
  expect_train_refused("--lr-scheduler cosine", 2, {"cosine", "onecycle"});
  expect_refused("summary --device tpu", 2, {"tpu"});
  expect_train_refused("--engines", 2, {"--engines"});
  expect_train_refused("--engines winogard", 2, {"--engines 'winogard' is unknown", "onednn"});
  expect_refused("summary --engines winogard", 2, {"winogard", "reference"});
}

// "" is what a shell makes of a variable that is not set.
TEST_F(BadUse, EmptyValues) {
  for (const char* flag : {"--weights", "--config", "--resume", "--mean", "--lr", "--seed"}) {
    expect_train_refused(std::string(flag) + " ''", 2, {flag});
  }
  expect_refused("train --resume ''", 2, {"--resume is empty"});
  expect_refused("train --output-dir '' --data-path x", 2, {"--output-dir is empty"});
  expect_refused("train --data-path=", 2, {"--data-path"});
  expect_refused("eval --weights ''", 2, {"--weights is empty"});
  expect_refused("predict --weights w ''", 2, {"picture is empty"});
  write_bytes(folder_ / "recipe.toml", "resume = 'x'\n");
  write_bytes(folder_ / "empty.toml", "data-path = ''\n");
  expect_train_refused("--config " + (folder_ / "recipe.toml"), 2, {"line 1", "'resume'"});
  expect_refused("train --config " + (folder_ / "empty.toml"), 2, {"--data-path is empty"});
}

TEST_F(BadUse, FullStandardOutput) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  for (const char* command : {"devices", "--version", "summary --help", "summary vgg16 --json"}) {
    expect_refused(std::string(command) + " >/dev/full; }", 1, {"cannot"}, "{");
  }
}

TEST_F(BadUse, ImpossibleNumbers) {
  expect_train_refused("--batch-size 0", 2, {"--batch-size"});
  expect_train_refused("--epochs 0", 2, {"--epochs"});
  expect_train_refused("--lr nan", 2, {"--lr"});
  expect_train_refused("--lr -0.1", 2, {"--lr"});
  expect_train_refused("--momentum 1", 2, {"--momentum"});
  expect_train_refused("--weight-decay inf", 2, {"--weight-decay"});
  expect_train_refused("--grad-accum-steps 0", 2, {"--grad-accum-steps"});
  expect_train_refused("--lr-scheduler steplr --lr-step-size 0", 2, {": --lr-step-size must be"});
  expect_train_refused("--nesterov --momentum 0", 2, {": --nesterov needs --momentum above 0"});
  expect_train_refused("--model-ema-decay 1", 2, {"--model-ema-decay"});
  expect_train_refused("--model-ema-steps 0", 2, {"--model-ema-steps"});
  expect_train_refused("--batch-size 99999999999999999999", 2, {"--batch-size"});
  expect_refused("summary --batch-size 0", 2, {"--batch-size"});
  expect_train_refused("--test-limit -7", 2, {"--test-limit must be at least 0, or -1"});
  for (const char* command :
       {"eval --weights w --test-limit ", "predict --data-path d --weights w --test-limit "}) {
    for (const char* limit : {"-2", "0"}) {
      expect_refused(std::string(command) + limit, 2, {"--test-limit must be at least 1, or -1"});
    }
  }
}

TEST_F(BadUse, FlagsWithoutEffect) {
  expect_train_refused("--model-ema-decay .9", 2,
                       {"--model-ema-decay has no effect without --model-ema;"});
  expect_train_refused("--model-ema=false --model-ema-steps 2", 2, {"without --model-ema;"});
  expect_train_refused("--lr-gamma .5", 2, {"no effect with --lr-scheduler onecycle", "plateau"});
  expect_train_refused("--lr-scheduler constant --lr-warmup-decay .1", 2, {"--lr-warmup-epochs"});
  expect_train_refused("--opt adam --momentum .8", 2, {"with --opt adam", "sgd or rmsprop or"});
  expect_train_refused("--beta1 .8", 2, {"with --opt sgd", "give --opt adam or adamw"});
  expect_refused("compare conv2d --samples 5", 2, {"with --mode test", "give --mode perf"});
  expect_refused("predict a.png --weights w --test-limit 5", 2,
                 {"without --data-path or --dataset"});
  expect_refused("summary --mode eval", 2, {"without --json or --verbose"});
  expect_refused("data bench --mixup-alpha .2", 2, {"'--mixup-alpha' is unknown"});
}

// Of pictures in files, for a set that has none. A recipe may have them for another set.
TEST_F(BadUse, FlagsOfOtherData) {
  expect_train_refused("--workers 5", 2, {"--workers is for pictures in folders", "MNIST"});
  expect_train_refused("--max-bad-images 3", 2, {"--max-bad-images is for pictures in folders"});
  expect_refused("data bench --workers 2 --data-path " + data_, 2, {"--workers"});
  write_bytes(folder_ / "a.toml",
              "workers = 2\nmax-bad-images = 3\nscale = [0.5, 1.0]\nmax-steps = 1\n");
  const std::string train = "train --device cpu --quiet --data-path " + data_ + " --config " +
                            (folder_ / "a.toml") + " --output-dir " + (folder_ / "out");
  const Outcome taken = run_command(train);
  EXPECT_EQ(taken.code, 0) << taken.err;
  const Outcome resumed = run_command("train --quiet --max-steps 2 --resume " + (folder_ / "out"));
  EXPECT_EQ(resumed.code, 0) << resumed.err;
}

// A path is bytes, and a checkpoint could not give these back.
TEST_F(BadUse, PathsThatACheckpointCannotKeep) {
  const std::string bytes = folder_ / "d\xff";
  std::filesystem::rename(data_, bytes);
  const std::string train = "train --device cpu --quiet --max-steps 1 --data-path ";
  expect_refused(train + bytes + " --output-dir " + (folder_ / "out"), 2,
                 {"--data-path '" + bytes + "' is no UTF-8"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  expect_refused("train --device cpu --data-path . --output-dir " + (folder_ / "out"), 2,
                 {"--data-path"}, "cd " + bytes + " && ");
  // That of the run is in no checkpoint.
  std::filesystem::rename(bytes, data_);
  const std::string run = folder_ / "r\xff";
  const Outcome trained = run_command(train + data_ + " --json --output-dir " + run);
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("/r\xef\xbf\xbd"), std::string::npos) << trained.out;
  EXPECT_EQ(run_command("train --quiet --max-steps 2 --resume " + run).code, 0);
}

// What a recipe sets for its own optimiser and schedule is no fault of who exchanges these.
TEST_F(BadUse, RecipesMaySetWhatHasNoEffect) {
  const std::string no_data =
      " --output-dir " + (folder_ / "out") + " --data-path " + (folder_ / "absent") + " --config ";
  for (const auto& recipe : std::filesystem::directory_iterator(
           std::filesystem::path(VOLUTA_TESTS_FOLDER).parent_path() / "recipes")) {
    expect_refused("train" + no_data + recipe.path().string(), 1, {"is not a folder"});
    expect_refused("train --opt adamw --lr-scheduler constant --lr-warmup-epochs 0" + no_data +
                       recipe.path().string(),
                   1, {"is not a folder"});
  }
  write_bytes(folder_ / "a.toml", "model-ema = true\nlr-scheduler = 'steplr'\nopt = 'adam'\n");
  const std::string flags = "train --model-ema-steps 2 --lr-gamma .5 --beta1 .8";
  expect_refused(flags + no_data + (folder_ / "a.toml"), 1, {"is not a folder"});
  expect_refused(flags + " --lr-scheduler onecycle" + no_data + (folder_ / "a.toml"), 2,
                 {"--lr-gamma", "onecycle"});
}

TEST_F(BadUse, ImpossibleModelOptions) {
  expect_train_refused("--classes 0", 2, {"--classes"});
  expect_train_refused("--classes 5", 2, {"10 classes, the model 5"});
  expect_train_refused("--width 0", 2, {"--width"});
  expect_train_refused("--width nan", 2, {"--width"});
  expect_train_refused("--dropout 1.5", 2, {"--dropout"});
  expect_train_refused("--dropout half", 2, {"half"});
  expect_train_refused("--bn-momentum -1", 2, {"--bn-momentum"});
  expect_train_refused("--bn-eps 0", 2, {"--bn-eps"});
  expect_train_refused("--allow-partial", 2, {"--weights"});
}

TEST_F(BadUse, OptionsOfLayersThatAModelLacks) {
  expect_train_refused("--dropout .1", 2, {"--dropout has no effect", "lenet5 has no dropout"});
  expect_train_refused("--bn-momentum .1", 2, {"--bn-momentum", "lenet5 has no batch norm"});
  expect_train_refused("--bn-eps 1e-3", 2, {"--bn-eps", "lenet5 has no batch norm"});
  expect_train_refused("--norm-weight-decay 0", 2,
                       {"--norm-weight-decay", "lenet5 has no batch norm"});
  expect_refused("summary alexnet --bn-eps 1e-3", 2, {"--bn-eps", "alexnet"});
  expect_refused("visualize graph lenet5 --bn-eps 1e-3", 2, {"--bn-eps", "lenet5"});
  expect_refused("summary alexnet --dropout .1", 2, {"'--dropout' is unknown"});
  EXPECT_EQ(run_command("summary resnet20 --bn-eps 1e-3 --device cpu").code, 0);
  // What a recipe says of layers that another model has.
  write_bytes(folder_ / "a.toml",
              "dropout = 0.1\nbn-eps = 1e-3\nnorm-weight-decay = 0\nmax-steps = 1\n");
  const std::string recipe = "--config " + (folder_ / "a.toml");
  expect_train_refused(recipe + " --bn-momentum .1", 2, {"--bn-momentum"});
  const std::string train = "train --device cpu --quiet --data-path " + data_ + " --output-dir ";
  EXPECT_EQ(run_command(train + (folder_ / "recipe ") + recipe).code, 0);
  EXPECT_EQ(run_command(train + (folder_ / "none ") + "--dropout 0 --max-steps 1").code, 0);
}

TEST_F(BadUse, ImpossibleNormalization) {
  expect_train_refused("--dataset svhn", 2, {"--dataset 'svhn'", "cifar100, folder"});
  expect_train_refused("--mean .1,.2", 2, {"--mean has 2 numbers", "MNIST"});
  expect_train_refused("--mean .1 .2", 2, {"--mean has 2 numbers", "MNIST"});
  expect_train_refused("--mean .1 x.jpg", 2, {"'x.jpg' is unknown"});
  expect_train_refused("--std .1,.2,.3", 2, {"--std has 3 numbers"});
  expect_train_refused("--std 0", 2, {"--std"});
  expect_train_refused("--mean nan", 2, {"--mean"});
  expect_train_refused("--mean .1,a", 2, {"'a' is no number"});
  expect_train_refused("--dataset cifar10", 1, {data_, "neither data_batch_1.bin"});
}

TEST_F(BadUse, NoSuchDevice) {
#ifdef VOLUTA_SIMT
  GTEST_SKIP() << "voluta-simt always has its device";
#else
  if (cuda_unavailable_reason().empty()) GTEST_SKIP() << "this machine has a GPU";
  const std::string output = folder_ / "out";
  expect_refused("train --device cuda --data-path " + data_ + " --output-dir " + output, 3,
                 {"cuda"});
  EXPECT_FALSE(std::filesystem::exists(output));
  expect_refused("summary lenet5 --device cuda:3", 3, {"cuda"});
#endif
}

TEST_F(BadUse, UnwritableOutput) {
  write_bytes(folder_ / "file", "");
  const std::string flags = "train --device cpu --data-path " + data_ + " --output-dir ";
  expect_refused(flags + (folder_ / "file"), 1, {"file"});
  expect_refused(flags + (folder_ / "file/below"), 1, {"file/below"});
  expect_refused(flags + "/proc/voluta", 1, {"/proc/voluta"});
  expect_refused("data make digits --output-dir " + (folder_ / "file"), 1, {"file"});
  expect_refused("data make digits --train 9 --output-dir " + data_, 1,
                 {"train-images-idx3-ubyte", "--overwrite"});
  // Refused before the data are looked for.
  expect_refused("train --device cpu --data-path absent --output-dir " + (folder_ / "file"), 1,
                 {"file"});
  if (::geteuid() != 0) {
    std::filesystem::create_directory(folder_ / "locked");
    std::filesystem::permissions(folder_ / "locked", std::filesystem::perms::owner_read);
    expect_refused(flags + (folder_ / "locked"), 1, {"locked"});
  }
}

TEST_F(BadUse, BadData) {
  const std::string images = data_ + "/train-images-idx3-ubyte";
  const std::string labels = data_ + "/t10k-labels-idx1-ubyte";
  const std::string good_images = read_bytes(images), good_labels = read_bytes(labels);
  write_bytes(images, good_images.substr(0, good_images.size() - 1));
  expect_train_refused("", 1, {images, "truncated"});
  write_bytes(images, "GIF89a" + good_images);
  expect_train_refused("", 1, {images, "not an IDX file"});
  write_bytes(images, good_images + "x");
  expect_train_refused("", 1, {images, "bytes after"});
  write_bytes(images, good_images);
  std::string bad_label = good_labels;
  bad_label.back() = 10;
  write_bytes(labels, bad_label);
  expect_train_refused("", 1, {labels, "label 10 at index 15"});
  write_idx(labels, Tensor(DType::u8, {17}));
  expect_train_refused("", 1, {"16 images", "17 labels"});
  std::filesystem::remove(labels);
  expect_train_refused("", 1, {"t10k-labels-idx1-ubyte"});
  std::filesystem::remove_all(data_);
  expect_train_refused("", 1, {data_, "not a folder"});
  expect_train_refused("--model resnet50", 1,
                       {data_, "not a folder"});  // whose pictures are in none
  std::filesystem::create_directory(data_);
  expect_train_refused("--model resnet50", 1, {data_, "holds no data set"});
}

TEST_F(BadUse, NoDataAtAll) {
  // A folder below the temporary one, whose ../shared/data nobody else can have made.
  std::filesystem::create_directory(folder_ / "empty");
  expect_refused("train --device cpu --output-dir " + (folder_ / "out"), 1,
                 {"no MNIST", "voluta data make digits"},
                 "cd " + (folder_ / "empty") + " && VOLUTA_DATA=absent");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(BadUse, PicturesOfAnotherSize) {
  write_idx(data_ + "/train-images-idx3-ubyte", Tensor(DType::u8, {32, 27, 28}));
  expect_train_refused("", 2, {"lenet5 takes images"});
}

TEST_F(BadUse, BadWeights) {
  const std::string weights = folder_ / "w.safetensors";
  const std::string flags = "eval --device cpu --data-path " + data_ + " --weights " + weights;
  expect_refused(flags, 1, {weights});
  write_bytes(weights, "not weights");
  expect_refused(flags, 1, {weights, "safetensors"});
  expect_train_refused("--weights " + weights, 1, {weights, "safetensors"});
  const std::string output = folder_ / "out.safetensors";
  expect_refused("forward --device cpu --weights " + weights + " --input absent --output " + output,
                 1, {weights});
  EXPECT_FALSE(std::filesystem::exists(output));
}

}  // namespace
}  // namespace voluta
